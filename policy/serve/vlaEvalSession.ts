import { decisionField } from '../wire/decisionKey.js'
import { defaultLimits } from '../wire/messagePack.js'
import type { WireMap } from '../wire/ndarray.js'
import type { ServerTiming } from '../wire/openpi.js'
import { helloPayload, packAction, packError, packMessage, readMessage } from '../wire/vlaEval.js'
import { WireError } from '../wire/wireError.js'
import { readObservation, readStates, vlaEvalKeys } from './observation.js'
import {
  actionShape,
  expectBinary,
  type Reply,
  type Session,
  type SessionContext,
  timingOf,
} from './session.js'
import { eefStateSize, SimplerState } from './simplerState.js'
import { answerTraining } from './trainingSession.js'

/** Payload of the server's hello: what a benchmark is asked to send, and what the actions mean. */
const hello = (metadata: WireMap, isEndEffector: boolean): WireMap =>
  helloPayload('vla-gym', {
    model_server: 'vla-gym',
    capabilities: {},
    observation_params: { send_state: true },
    ...(isEndEffector && {
      action_spec: {
        position: { name: 'position', dims: 3, format: 'delta_xyz' },
        rotation: { name: 'rotation', dims: 3, format: 'axis_angle' },
        gripper: { name: 'gripper', dims: 1, format: 'continuous_open_01', range: [0, 1] },
      },
    }),
    vla_gym: metadata,
  })

/**
 * vla-eval: an action [actionDim] for every observation, as its benchmarks want them. The policy is asked once for
 * every `executedSteps` observations of an episode; grippers are 0 closed ... 1 open. A keyed observation, which only
 * our own client sends, is answered with a whole chunk in robot units.
 */
export function vlaEvalSession(context: SessionContext): Session {
  const { policy, batcher, maxBytes } = context
  const limits = { ...defaultLimits, maxBytes }
  const { config, embodiment } = policy
  const { actionDim, actionNames = [] } = embodiment.description
  const isEndEffector = actionDim === 7 && actionNames[6] === 'gripper'
  let seq = 0
  /** What is left of the episode's last chunk: [steps, actionDim]. */
  let chunk = new Float32Array(0)
  let simpler = new SimplerState()

  function startEpisode(): void {
    chunk = new Float32Array(0)
    simpler = new SimplerState()
  }

  const stateOf = (state: Float32Array) =>
    isEndEffector && state.length === eefStateSize ? simpler.observe(state) : state

  async function observe(observation: WireMap): Promise<Reply> {
    const trained = await answerTraining(context, observation, vlaEvalKeys)
    if (trained) return { frame: packAction(trained.actions, trained.timing, seq, trained.fields) }
    if (observation[decisionField] !== undefined) return answerWhole(observation)
    if (Array.isArray(observation.task_description))
      throw new WireError(`several observations in one message need '${decisionField}'`)
    let timing: ServerTiming = { inferMs: 0 }
    if (chunk.length > 0) {
      // The state alone is looked at: what the arm did counts for the next decision.
      readStates(observation, vlaEvalKeys, policy, 1, stateOf)
    } else {
      const decided = await batcher.decide(await readObservation(observation, vlaEvalKeys, policy, stateOf))
      chunk = decided.actions.slice(0, config.executedSteps * actionDim)
      timing = timingOf(decided)
    }
    const action = chunk.slice(0, actionDim)
    chunk = chunk.subarray(actionDim)
    if (isEndEffector) {
      simpler.act(action)
      action[6] = (action[6] + 1) / 2
    }
    return { frame: packAction({ shape: [actionDim], data: action }, timing, seq) }
  }

  async function answerWhole(observation: WireMap): Promise<Reply> {
    const request = await readObservation(observation, vlaEvalKeys, policy)
    const decided = await batcher.decide(request)
    const shape = actionShape(policy, request.rows, Array.isArray(observation.task_description))
    return { frame: packAction({ shape, data: decided.actions }, timingOf(decided), seq) }
  }

  return {
    async handle(frame, isBinary) {
      seq = 0
      expectBinary(isBinary)
      const message = readMessage(frame, limits)
      seq = message.seq
      switch (message.type) {
        case 'hello':
          return { frame: packMessage('hello', hello(policy.metadata, isEndEffector), seq) }
        case 'observation':
          return observe(message.payload)
        case 'episode_start':
        case 'episode_end':
          startEpisode()
          return undefined
        default:
          return undefined
      }
    },

    error: (message) => ({ frame: packError(message, seq) }),
  }
}
