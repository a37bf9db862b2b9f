import { type Env, type StepResult, Wrapper } from '../env.js'

/** Maps every reward. */
export class TransformReward<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  private readonly func: (reward: number) => number

  constructor(env: Env<Obs, Act, Info>, func: (reward: number) => number) {
    super(env)
    this.func = func
  }

  override step(action: Act): StepResult<Obs, Info> {
    const [observation, reward, terminated, truncated, info] = this.env.step(action)
    return [observation, this.func(reward), terminated, truncated, info]
  }
}
