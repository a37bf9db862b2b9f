import { UserError } from '@vla-gym/gymnasium'
import type { Embodiment } from '../../policy/index.js'
import { type Chunk, type ChunkPolicy, selectRows } from './chunks.js'
import type { SegmentPolicy } from './rolloutPool.js'

export interface LiveOptions {
  /** World time that an answer takes, ms; absent: the time that it took. */
  readonly latency?: number
}

export interface LivePolicy {
  readonly policy: SegmentPolicy
  /** [episodes] */
  readonly times: readonly LiveTimes[]
}

/** How an episode went in time. */
export interface LiveTimes {
  /** Of every answer, ms: what `latency` says, or measured. */
  readonly latencies: number[]
  /** Control steps, and those in which the arm held because there was nothing to do. */
  steps: number
  held: number
}

/** A robot's plan: the chunk it is at, and the one it waits for. */
interface Plan extends LiveTimes {
  chunk: Float32Array
  /** Steps of the chunk that are done. */
  done: number
  /** An answer, and the control step from which on it is there. */
  coming: { actions: Float32Array; from: number } | undefined
  /** Steps of chunks executed since the picture of the coming answer. */
  since: number
  readonly last: Float32Array
}

/** Channels that say how far to go: holding still is 0. Others say where to be: the last one stays. */
const deltaChannels = ['dx', 'dy', 'dz', 'rx', 'ry', 'rz']
/** Channels that begin an episode at 1: open. */
const openChannels = ['gripper']

/**
 * The world goes on while the policy thinks. Time is the world's: an answer is there ceil(latency / control period)
 * control steps after its picture was taken. Until then the robot goes on with the chunk it has; where that ends it
 * holds: no translation, no rotation, the last gripper command. A new chunk begins at the action after as many as
 * were executed since its picture was taken, for those have moved the arm already (at its last action if they are all
 * overtaken). A picture is taken every `executedSteps` steps, unless the answer to the one before has not come yet.
 * @throws UserError for a robot whose actions have no names
 */
export function livePolicy(
  policy: ChunkPolicy,
  embodiment: Embodiment,
  episodes: number,
  executedSteps: number,
  { latency }: LiveOptions,
): LivePolicy {
  const { actionDim, actionNames = [], controlFrequency } = embodiment
  if (!deltaChannels.every((name) => actionNames.includes(name)))
    throw new UserError(`live mode knows how to hold an arm moved by ${deltaChannels}, not ${embodiment.id}`)
  const plans = Array.from({ length: episodes }, () => newPlan(actionNames))

  function take(plan: Plan, chunk: Chunk, step: number): void {
    const milliseconds = latency ?? chunk.milliseconds
    plan.latencies.push(milliseconds)
    const delay = Math.ceil((milliseconds * controlFrequency) / 1000)
    plan.coming = { actions: chunk.actions, from: step + delay }
    plan.since = 0
  }

  function arrive(plan: Plan, step: number): void {
    if (!plan.coming || plan.coming.from > step) return
    plan.chunk = plan.coming.actions
    plan.done = Math.min(plan.since, plan.chunk.length / actionDim - 1)
    plan.coming = undefined
  }

  function nextAction(plan: Plan): Float32Array {
    plan.steps++
    const start = plan.done * actionDim
    if (start < plan.chunk.length) {
      plan.last.set(plan.chunk.subarray(start, start + actionDim))
      plan.done++
      plan.since++
    } else {
      plan.held++
      for (let i = 0; i < actionDim; i++) if (deltaChannels.includes(actionNames[i])) plan.last[i] = 0
    }
    return plan.last
  }

  return {
    times: plans,
    policy: {
      async act(observations, decision) {
        const step = decision * executedSteps
        const own = Array.from(observations.episodes, (episode) => plans[episode])
        for (const plan of own) arrive(plan, step)
        const asking = [...own.keys()].filter((row) => !own[row].coming)
        const chunks =
          asking.length > 0 ? await policy.chunks(selectRows(observations, asking), decision) : []
        for (const [i, chunk] of chunks.entries()) if (chunk) take(own[asking[i]], chunk, step)
        const actions = new Float32Array(observations.batch * executedSteps * actionDim)
        for (const [row, plan] of own.entries()) {
          for (let i = 0; i < executedSteps; i++) {
            arrive(plan, step + i)
            actions.set(nextAction(plan), (row * executedSteps + i) * actionDim)
          }
        }
        return actions
      },
    },
  }
}

function newPlan(actionNames: readonly string[]): Plan {
  const last = Float32Array.from(actionNames, (name) => (openChannels.includes(name) ? 1 : 0))
  return {
    chunk: new Float32Array(0),
    done: 0,
    coming: undefined,
    since: 0,
    last,
    latencies: [],
    steps: 0,
    held: 0,
  }
}
