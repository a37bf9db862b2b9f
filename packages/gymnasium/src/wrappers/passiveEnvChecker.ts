import { explainMismatch, renderProblems, resetProblems, stepProblems } from '../checks.js'
import { type RenderFrame, type ResetOptions, type StepResult, Wrapper } from '../env.js'
import { UserError } from '../errors.js'

/** Checks the first reset, step and render, and no later one, so that it costs nothing after them. */
export class PassiveEnvChecker<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  private readonly checked = { reset: false, step: false, render: false }

  override reset(options?: ResetOptions): [Obs, Info] {
    const result = this.env.reset(options)
    this.once('reset', () => resetProblems(result, this.observationSpace))
    return result
  }

  override step(action: Act): StepResult<Obs, Info> {
    if (!this.checked.step) {
      const mismatch = explainMismatch(this.actionSpace, action, 'action')
      if (mismatch) throw new UserError(`step(): ${mismatch}`)
    }
    const result = this.env.step(action)
    this.once('step', () => stepProblems(result, this.observationSpace))
    return result
  }

  override render(): RenderFrame | null {
    const frame = super.render()
    this.once('render', () => renderProblems(frame))
    return frame
  }

  private once(method: keyof typeof this.checked, problems: () => string[]): void {
    if (this.checked[method]) return
    this.checked[method] = true
    const found = problems()
    if (found.length) throw new UserError(found.join('; '))
  }
}
