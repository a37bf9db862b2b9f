import type { EnvMetadata } from '../env.js'
import type { Space } from '../spaces/space.js'

/**
 * What happens when a sub-environment's episode ends at step t:
 * - NEXT_STEP: step t returns the last observation; step t + 1 ignores its action, resets, and returns the
 *   first observation of the next episode with reward 0 and both flags false.
 * - SAME_STEP: step t resets at once and returns the first observation and info of the next episode; the last
 *   observation and info of the old one are in `infos[i].final_obs` and `infos[i].final_info`.
 * - DISABLED: nothing; the caller resets with `reset({ options: { reset_mask } })` before the next step.
 */
export type AutoresetMode = 'NEXT_STEP' | 'SAME_STEP' | 'DISABLED'

/** An info of a sub-environment; the final_ parts are there only at an episode's end in SAME_STEP mode. */
export type VectorInfo<Obs, Info extends object> = Info & { final_obs?: Obs; final_info?: Info }

export interface VectorResetOptions {
  /** One seed a sub-environment, or s for s, s + 1, s + 2, … */
  readonly seed?: number | readonly (number | undefined)[]
  /** Passed to the sub-environments, less `reset_mask`: which of them to reset (default: all). */
  readonly options?: Record<string, unknown> & { readonly reset_mask?: readonly boolean[] }
}

/** Several environments stepped together. Everything returned has one element a sub-environment. */
export interface VectorEnv<Obs = unknown, Act = unknown, Info extends object = Record<string, unknown>> {
  readonly numEnvs: number
  readonly singleObservationSpace: Space<Obs>
  readonly singleActionSpace: Space<Act>
  readonly metadata: EnvMetadata & { readonly autoresetMode: AutoresetMode }
  reset(options?: VectorResetOptions): [observations: Obs[], infos: VectorInfo<Obs, Info>[]]
  step(
    actions: readonly Act[],
  ): [
    observations: Obs[],
    rewards: Float64Array,
    terminations: boolean[],
    truncations: boolean[],
    infos: VectorInfo<Obs, Info>[],
  ]
  close(): void
}
