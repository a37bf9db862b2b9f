import { UserError } from '@vla-gym/gymnasium'
import { GOOGLE_FRAME } from '../cameras/index.js'
import { checkOptions, type ManipulationEnvOptions } from '../manipulationOptions.js'

/** UserError that names the option, for one that is wrong or that these tasks do not have. */
export function checkGoogleOptions(options: ManipulationEnvOptions): void {
  for (const name of ['start', 'drive', 'distractors', 'motion', 'liftHeight'] as const) {
    if (options[name] !== undefined)
      throw new UserError(`${name}: Google Robot tasks have no such option; leave it out`)
  }
  checkOptions(options, GOOGLE_FRAME)
}
