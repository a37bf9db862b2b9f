import { UserError } from '@vla-gym/gymnasium'
import { checkAppearance } from '../appearance/index.js'
import { GOOGLE_FRAME } from '../cameras/index.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'

/** UserError that names the option, for one that is wrong or that these tasks do not have. */
export function checkGoogleOptions(options: ManipulationEnvOptions): void {
  const { image, successSteps = 0, placement = 'random' } = options
  for (const name of ['start', 'drive', 'distractors', 'motion', 'liftHeight'] as const) {
    if (options[name] !== undefined)
      throw new UserError(`${name}: Google Robot tasks have no such option; leave it out`)
  }
  if (!['official', 'random', 'wide'].includes(placement)) {
    throw new UserError(`placement must be 'official' or 'random' or 'wide', got '${placement}'`)
  }
  checkAppearance(options.appearance)
  if (!Number.isInteger(successSteps) || successSteps < 0) {
    throw new UserError(`successSteps must be an integer >= 0, got ${successSteps}`)
  }
  if (!image) {
    for (const name of ['depth', 'segmentation'] as const) {
      if (options[name]) throw new UserError(`${name} needs an image size: set image: { width, height } too`)
    }
    return
  }
  const { width, height } = GOOGLE_FRAME
  const [x, y, w, h] = image.crop ?? [0, 0, width, height]
  if (!(w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= width && y + h <= height)) {
    throw new UserError(`image crop [${image.crop}] must be x, y, width, height inside ${width}x${height}`)
  }
}
