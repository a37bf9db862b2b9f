import { type Env, type ResetOptions, type StepResult, Wrapper } from '../env.js'
import type { Space } from '../spaces/space.js'

/** Maps every observation; give the new space where the map leaves the old one. */
export class TransformObservation<InnerObs, Act, Info extends object, Obs = InnerObs> extends Wrapper<
  Obs,
  Act,
  Info,
  InnerObs
> {
  private readonly func: (observation: InnerObs) => Obs
  private readonly space: Space<Obs> | undefined

  constructor(env: Env<InnerObs, Act, Info>, func: (observation: InnerObs) => Obs, space?: Space<Obs>) {
    super(env)
    this.func = func
    this.space = space
  }

  override get observationSpace(): Space<Obs> {
    return this.space ?? super.observationSpace
  }

  override reset(options?: ResetOptions): [Obs, Info] {
    const [observation, info] = this.env.reset(options)
    return [this.func(observation), info]
  }

  override step(action: Act): StepResult<Obs, Info> {
    const [observation, ...rest] = this.env.step(action)
    return [this.func(observation), ...rest]
  }
}
