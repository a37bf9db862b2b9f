import { decisionField } from '../wire/decisionKey.js'
import type { FloatArray, WireMap } from '../wire/ndarray.js'
import type { ServerTiming } from '../wire/openpi.js'
import { packHiddenStates, packRecord, readTraining } from '../wire/training.js'
import { WireError } from '../wire/wireError.js'
import { type ObservationKeys, readObservation } from './observation.js'
import { actionShape, type SessionContext } from './session.js'

/** What a learner is answered: the parts of an action message. */
export interface TrainingAnswer {
  readonly actions: FloatArray
  readonly timing: ServerTiming
  /** Beside the actions. */
  readonly fields: WireMap
}

const noActions: FloatArray = { shape: [0], data: new Float32Array(0) }

/**
 * Answers a learner; undefined for the requests of all others.
 * @throws WireError for a request that is malformed, not allowed, or does not fit the policy
 */
export async function answerTraining(
  { policy, trainer }: SessionContext,
  map: WireMap,
  keys: ObservationKeys,
): Promise<TrainingAnswer | undefined> {
  const message = readTraining(map[decisionField])
  if (!message) return undefined
  if (!trainer) throw new WireError('this server samples for nobody: start it with --allow-training')
  const start = performance.now()
  const answer = (fields: WireMap, actions = noActions): TrainingAnswer => ({
    actions,
    timing: { inferMs: performance.now() - start },
    fields: { [decisionField]: fields },
  })
  if (message.kind === 'weights') {
    await trainer.receive(message)
    return answer({ version: trainer.version })
  }
  const { version, final } = message
  const { rows, images, states, instructions, key } = await readObservation(map, keys, policy)
  if (!key) throw new WireError(`${decisionField}.explore: needs episode_seeds and decision`)
  const batch = { batch: rows, images, states, instructions, ...key }
  const explored = await trainer.withVersion(version, async (explorer) => {
    const { config } = explorer
    if (final) {
      const hiddenStates = await explorer.hiddenStates(batch)
      return answer({ version, hidden_states: packHiddenStates(rows, config, hiddenStates) })
    }
    const decided = await explorer.explore(batch)
    const actions = { shape: actionShape(policy, rows, true), data: decided.actions }
    return answer(packRecord(version, config, decided), actions)
  })
  return explored ?? answer({ version: trainer.version })
}
