import { type ResetOptions, type StepResult, Wrapper } from '../env.js'

/** The step after an episode's last one resets, ignoring its action: reward 0, both flags false (NEXT_STEP). */
export class Autoreset<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  private ended = false

  override reset(options?: ResetOptions): [Obs, Info] {
    this.ended = false
    return this.env.reset(options)
  }

  override step(action: Act): StepResult<Obs, Info> {
    if (this.ended) {
      const [observation, info] = this.reset()
      return [observation, 0, false, false, info]
    }
    const result = this.env.step(action)
    this.ended = result[2] || result[3]
    return result
  }
}
