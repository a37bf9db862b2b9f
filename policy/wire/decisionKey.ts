import { isMap, type WireMap, type WireValue } from './ndarray.js'
import { WireError } from './wireError.js'

/**
 * What vla-gym's own client adds to an observation, under the key `vla_gym`: which decisions of which episodes these
 * are. The server draws their noise from it, so that a remote policy gives the numbers of one in this process; and it
 * answers with whole chunks in robot units, whatever the protocol's custom.
 */
export interface DecisionKey {
  /** Seed of every row's episode. */
  readonly episodeSeeds: readonly number[]
  /** Decisions made before in these episodes. */
  readonly decision: number
}

export const decisionField = 'vla_gym'

export const packDecisionKey = ({ episodeSeeds, decision }: DecisionKey): WireMap => ({
  episode_seeds: episodeSeeds,
  decision,
})

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** @throws WireError when the field is there and is something else */
export function readDecisionKey(value: WireValue | undefined): DecisionKey | undefined {
  if (value === undefined || value === null) return undefined
  if (isMap(value)) {
    const { episode_seeds: episodeSeeds, decision } = value
    if (Array.isArray(episodeSeeds) && episodeSeeds.every(isCount) && isCount(decision))
      return { episodeSeeds, decision }
  }
  throw new WireError(
    `${decisionField}: expected {episode_seeds: [one for every row], decision}, whole numbers of 0 or more`,
  )
}
