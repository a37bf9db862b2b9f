import { type Env, type StepResult, Wrapper } from '../env.js'
import type { Space } from '../spaces/space.js'

/** Maps every action before it reaches the environment; `actionSpace` is the space of actions before the map. */
export class TransformAction<Obs, Act, Info extends object, InnerAct = Act> extends Wrapper<
  Obs,
  Act,
  Info,
  Obs,
  InnerAct
> {
  private readonly func: (action: Act) => InnerAct
  private readonly space: Space<Act> | undefined

  constructor(env: Env<Obs, InnerAct, Info>, func: (action: Act) => InnerAct, actionSpace?: Space<Act>) {
    super(env)
    this.func = func
    this.space = actionSpace
  }

  override get actionSpace(): Space<Act> {
    return this.space ?? super.actionSpace
  }

  override step(action: Act): StepResult<Obs, Info> {
    return this.env.step(this.func(action))
  }
}
