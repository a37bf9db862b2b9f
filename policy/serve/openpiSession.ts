import { defaultLimits } from '../wire/messagePack.js'
import { openpiErrorCode, packActionResult, packOpenpi, readOpenpi } from '../wire/openpi.js'
import { openpiKeys, readObservation } from './observation.js'
import { actionShape, expectBinary, type Session, type SessionContext, timingOf } from './session.js'
import { answerTraining } from './trainingSession.js'

/** openpi: metadata first, then a chunk [H, actionDim] in robot units for every observation. */
export function openpiSession(context: SessionContext): Session {
  const { policy, batcher, maxBytes } = context
  const limits = { ...defaultLimits, maxBytes }
  let prevTotalMs: number | undefined

  return {
    opening: packOpenpi(policy.metadata),

    async handle(frame, isBinary) {
      const start = performance.now()
      expectBinary(isBinary)
      const observation = readOpenpi(frame, 'observation', limits)
      const trained = await answerTraining(context, observation, openpiKeys)
      if (trained) return { frame: packActionResult(trained.actions, trained.timing, trained.fields) }
      const request = await readObservation(observation, openpiKeys, policy)
      const decided = await batcher.decide(request)
      const shape = actionShape(policy, request.rows, Array.isArray(observation.prompt))
      const timing = { ...timingOf(decided), prevTotalMs }
      const reply = packActionResult({ shape, data: decided.actions }, timing)
      prevTotalMs = performance.now() - start
      return { frame: reply }
    },

    error: (message) => ({ frame: message, close: openpiErrorCode }),
  }
}
