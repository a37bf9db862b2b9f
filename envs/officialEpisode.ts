import { type Rng, UserError } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import type { RobotResetOptions } from './robotEnv.js'

/**
 * Official layout of an episode: the one that is asked for, or with `placement: 'official'` one of `count`. Undefined: it
 * has another layout.
 * @throws UserError for an id that is not an integer of 0 or more; ids may be larger than `count`
 */
export function officialEpisode(
  { episodeId, placement }: RobotResetOptions,
  options: ManipulationEnvOptions,
  count: number,
  rng: Rng,
): number | undefined {
  if (placement) return undefined
  if (episodeId === undefined) return options.placement === 'official' ? rng.integers(0, count) : undefined
  if (!Number.isInteger(episodeId) || episodeId < 0) {
    throw new UserError(`reset: options.episodeId must be an integer >= 0, got ${episodeId}`)
  }
  return episodeId
}
