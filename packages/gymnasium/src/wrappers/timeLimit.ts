import { type Env, type ResetOptions, type StepResult, Wrapper } from '../env.js'
import { UserError } from '../errors.js'

/** Truncates an episode after maxEpisodeSteps steps. */
export class TimeLimit<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  readonly maxEpisodeSteps: number
  private elapsedSteps = 0

  constructor(env: Env<Obs, Act, Info>, maxEpisodeSteps: number) {
    super(env)
    if (!Number.isInteger(maxEpisodeSteps) || maxEpisodeSteps < 1) {
      throw new UserError(`TimeLimit: maxEpisodeSteps must be an integer >= 1, not ${maxEpisodeSteps}`)
    }
    this.maxEpisodeSteps = maxEpisodeSteps
  }

  override reset(options?: ResetOptions): [Obs, Info] {
    this.elapsedSteps = 0
    return this.env.reset(options)
  }

  override step(action: Act): StepResult<Obs, Info> {
    const [observation, reward, terminated, truncated, info] = this.env.step(action)
    this.elapsedSteps++
    return [observation, reward, terminated, truncated || this.elapsedSteps >= this.maxEpisodeSteps, info]
  }
}
