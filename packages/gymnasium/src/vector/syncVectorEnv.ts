import type { Env, EnvMetadata, RenderFrame } from '../env.js'
import { UserError } from '../errors.js'
import type { Space } from '../spaces/space.js'
import type { AutoresetMode, VectorEnv, VectorInfo, VectorResetOptions } from './vectorEnv.js'

export type { AutoresetMode } from './vectorEnv.js'

export interface SyncVectorEnvOptions {
  readonly autoresetMode?: AutoresetMode
  /**
   * Copy observations (default), so that those of earlier steps stay valid. With false, lazy observations stay
   * lazy and are valid until the next step; `final_obs` is a copy in any case.
   */
  readonly copy?: boolean
}

/** Sub-environments stepped one after the other in this thread. */
export class SyncVectorEnv<Obs, Act, Info extends object = Record<string, unknown>>
  implements VectorEnv<Obs, Act, Info>
{
  readonly envs: readonly Env<Obs, Act, Info>[]
  readonly singleObservationSpace: Space<Obs>
  readonly singleActionSpace: Space<Act>
  readonly metadata: EnvMetadata & { readonly autoresetMode: AutoresetMode }
  private readonly autoresetMode: AutoresetMode
  private readonly keep: (observation: Obs) => Obs
  private readonly observations: Obs[]
  private readonly ended: boolean[]

  /** UserError where the sub-environments' spaces differ. */
  constructor(envFns: readonly (() => Env<Obs, Act, Info>)[], options: SyncVectorEnvOptions = {}) {
    if (envFns.length === 0) throw new UserError('SyncVectorEnv needs at least one environment')
    this.envs = envFns.map((envFn) => envFn())
    const [first] = this.envs
    this.singleObservationSpace = first.observationSpace
    this.singleActionSpace = first.actionSpace
    for (const [i, env] of this.envs.entries()) {
      const same =
        env.observationSpace.equals(first.observationSpace) && env.actionSpace.equals(first.actionSpace)
      if (!same) throw new UserError(`SyncVectorEnv: environment ${i} has other spaces than environment 0`)
    }
    this.autoresetMode = options.autoresetMode ?? 'NEXT_STEP'
    this.metadata = { ...first.metadata, autoresetMode: this.autoresetMode }
    this.keep = options.copy === false ? (x) => x : (x) => this.singleObservationSpace.copy(x)
    this.observations = new Array(this.envs.length)
    this.ended = this.envs.map(() => false)
  }

  get numEnvs(): number {
    return this.envs.length
  }

  reset({ seed, options }: VectorResetOptions = {}): [Obs[], VectorInfo<Obs, Info>[]] {
    const { reset_mask: mask, ...rest } = options ?? {}
    this.checkCount(mask, 'reset_mask')
    if (typeof seed !== 'number') this.checkCount(seed, 'seed')
    const infos = this.envs.map((env, i) => {
      if (mask && !mask[i]) return {} as VectorInfo<Obs, Info>
      const own = typeof seed === 'number' ? seed + i : seed?.[i]
      const [observation, info] = env.reset({ seed: own, options: options && rest })
      this.observations[i] = this.keep(observation)
      this.ended[i] = false
      return info as VectorInfo<Obs, Info>
    })
    return [[...this.observations], infos]
  }

  step(actions: readonly Act[]): [Obs[], Float64Array, boolean[], boolean[], VectorInfo<Obs, Info>[]] {
    this.checkCount(actions, 'actions')
    const rewards = new Float64Array(this.numEnvs)
    const terminations = this.envs.map(() => false)
    const truncations = this.envs.map(() => false)
    const infos = this.envs.map((env, i): VectorInfo<Obs, Info> => {
      if (this.ended[i]) return this.restart(env, i)
      const [observation, reward, terminated, truncated, info] = env.step(actions[i])
      rewards[i] = reward
      terminations[i] = terminated
      truncations[i] = truncated
      const ended = terminated || truncated
      if (ended && this.autoresetMode === 'SAME_STEP') {
        const final = this.singleObservationSpace.copy(observation)
        return { ...this.restart(env, i), final_obs: final, final_info: info }
      }
      this.ended[i] = ended
      this.observations[i] = this.keep(observation)
      return info as VectorInfo<Obs, Info>
    })
    return [[...this.observations], rewards, terminations, truncations, infos]
  }

  /** One frame a sub-environment. */
  render(): (RenderFrame | null)[] {
    return this.envs.map((env) => env.render?.() ?? null)
  }

  close(): void {
    for (const env of this.envs) env.close()
  }

  private restart(env: Env<Obs, Act, Info>, i: number): VectorInfo<Obs, Info> {
    if (this.autoresetMode === 'DISABLED') {
      throw new UserError(`environment ${i} has ended: reset it with reset({ options: { reset_mask } })`)
    }
    const [observation, info] = env.reset()
    this.ended[i] = false
    this.observations[i] = this.keep(observation)
    return info as VectorInfo<Obs, Info>
  }

  private checkCount(list: readonly unknown[] | undefined, name: string): void {
    if (list && list.length !== this.numEnvs) {
      throw new UserError(`${name} has ${list.length} elements for ${this.numEnvs} environments`)
    }
  }
}
