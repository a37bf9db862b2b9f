import { type RenderFrame, type ResetOptions, type StepResult, Wrapper } from '../env.js'
import { UserError } from '../errors.js'

/** UserError for a step or a render before the first reset. */
export class OrderEnforcing<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  private hasReset = false

  override reset(options?: ResetOptions): [Obs, Info] {
    this.hasReset = true
    return this.env.reset(options)
  }

  override step(action: Act): StepResult<Obs, Info> {
    if (!this.hasReset) throw new UserError('step() before reset(): call env.reset() first')
    return this.env.step(action)
  }

  override render(): RenderFrame | null {
    if (!this.hasReset) throw new UserError('render() before reset(): call env.reset() first')
    return super.render()
  }
}
