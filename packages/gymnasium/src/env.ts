import type { EnvSpec } from './registry.js'
import type { Space } from './spaces/space.js'

/** One picture: `data` is rgb, 8 bits a channel, row-major [height, width, 3]. */
export interface RenderFrame {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export interface EnvMetadata {
  readonly renderFps?: number
  readonly [key: string]: unknown
}

export interface ResetOptions {
  /** Restarts the environment's random stream: same seed, same episodes. */
  readonly seed?: number
  /** Whatever this environment documents. */
  readonly options?: Record<string, unknown>
}

/** observation, reward, terminated, truncated, info */
export type StepResult<Obs, Info> = [Obs, number, boolean, boolean, Info]

/** An environment: Gymnasium's `Env`, as an interface so that any object can be one. */
export interface Env<Obs = unknown, Act = unknown, Info extends object = Record<string, unknown>> {
  readonly observationSpace: Space<Obs>
  readonly actionSpace: Space<Act>
  readonly metadata?: EnvMetadata
  /** Set by `make`. */
  readonly spec?: EnvSpec
  /** Starts an episode. Without a seed the random stream goes on where it was. */
  reset(options?: ResetOptions): [Obs, Info]
  /** `terminated`: the task ended (success, failure); `truncated`: it was cut off (a time limit). */
  step(action: Act): StepResult<Obs, Info>
  render?(): RenderFrame | null
  close(): void
}

/**
 * An environment around another one; everything passes through until a subclass overrides it. The Inner types
 * are those of the wrapped environment: a subclass that changes one of them overrides the space, `reset` and
 * `step` that carry it.
 */
export abstract class Wrapper<
  Obs,
  Act,
  Info extends object = Record<string, unknown>,
  InnerObs = Obs,
  InnerAct = Act,
  InnerInfo extends object = Info,
> implements Env<Obs, Act, Info>
{
  readonly env: Env<InnerObs, InnerAct, InnerInfo>

  constructor(env: Env<InnerObs, InnerAct, InnerInfo>) {
    this.env = env
  }

  get observationSpace(): Space<Obs> {
    return this.env.observationSpace as unknown as Space<Obs>
  }

  get actionSpace(): Space<Act> {
    return this.env.actionSpace as unknown as Space<Act>
  }

  get metadata(): EnvMetadata {
    return this.env.metadata ?? {}
  }

  get spec(): EnvSpec | undefined {
    return this.env.spec
  }

  /** The innermost environment. */
  get unwrapped(): Env {
    return unwrap(this.env as unknown as Env)
  }

  reset(options?: ResetOptions): [Obs, Info] {
    return this.env.reset(options) as unknown as [Obs, Info]
  }

  step(action: Act): StepResult<Obs, Info> {
    return this.env.step(action as unknown as InnerAct) as unknown as StepResult<Obs, Info>
  }

  render(): RenderFrame | null {
    return this.env.render?.() ?? null
  }

  close(): void {
    this.env.close()
  }
}

/** The innermost environment of a stack of wrappers. */
export function unwrap(env: Env): Env {
  return env instanceof Wrapper ? env.unwrapped : env
}
