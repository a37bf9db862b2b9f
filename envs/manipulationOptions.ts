import { UserError } from '@vla-gym/gymnasium'
import { type AppearanceOption, checkAppearance } from './appearance/index.js'
import type { ImageSpec } from './manipulationView.js'
import type { MotionOptions } from './motion/motionOptions.js'
import { type DriveModel, driveModels } from './robots/driveModels.js'

export interface ManipulationEnvOptions {
  /** null or absent: no camera, and `obs.image` is empty. */
  readonly image?: ImageSpec | null
  /** Observations have `depth` and `segmentation` of the image's size too. */
  readonly depth?: boolean
  readonly segmentation?: boolean
  /**
   * 'official': SimplerEnv's grid; 'random' (default): uniform over the same ranges; 'wide': over ranges
   * that are wider where there is room, for training.
   */
  readonly placement?: 'official' | 'random' | 'wide'
  /**
   * 'set-down' (default): objects start 0.2 mm above what they stand on; 'drop': they fall from 0.5 m, as in
   * SimplerEnv, which takes longer and ends in the same places.
   */
  readonly start?: 'set-down' | 'drop'
  /** How the arm's joints move; default 'driven'. docs/robots.md. */
  readonly drive?: DriveModel
  /** Terminate after this many successful control steps in a row; 0 (default): fixed-length episodes. */
  readonly successSteps?: number
  /**
   * Success counts only once the source has been lifted so far above its start, m; default 0. For training: what lands
   * on a flat target need not be carried over it.
   */
  readonly liftHeight?: number
  /** Put the other objects of the scene's tasks on the table too (for grounding data). */
  readonly distractors?: boolean
  /**
   * 'plain' (default); 'random': every reset draws another look; or which things change, each from its looks for
   * training or from the unseen ones. docs/simulator.md.
   */
  readonly appearance?: AppearanceOption
  /** How things move, in tasks where something does. docs/moving-objects.md. */
  readonly motion?: MotionOptions
}

const WIDOWX_FRAME = { width: 640, height: 480 }
/** m; the experts lift by 4.1 cm at least. */
const MAX_LIFT_HEIGHT = 0.04

/** UserError that names the option. @param frame of the robot's camera, px */
export function checkOptions(options: ManipulationEnvOptions, frame = WIDOWX_FRAME): void {
  const { image, successSteps = 0, liftHeight = 0 } = options
  checkChoice('placement', options.placement, ['official', 'random', 'wide'])
  checkChoice('start', options.start, ['set-down', 'drop'])
  checkChoice('drive', options.drive, Object.keys(driveModels))
  checkAppearance(options.appearance)
  if (!Number.isInteger(successSteps) || successSteps < 0) {
    throw new UserError(`successSteps must be an integer >= 0, got ${successSteps}`)
  }
  if (!(liftHeight >= 0 && liftHeight <= MAX_LIFT_HEIGHT)) {
    throw new UserError(`liftHeight must be from 0 to ${MAX_LIFT_HEIGHT} m, got ${liftHeight}`)
  }
  if (!image) {
    for (const name of ['depth', 'segmentation'] as const) {
      if (options[name]) throw new UserError(`${name} needs an image size: set image: { width, height } too`)
    }
    return
  }
  const { width, height } = frame
  const [x, y, w, h] = image.crop ?? [0, 0, width, height]
  if (!(w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= width && y + h <= height)) {
    throw new UserError(`image crop [${image.crop}] must be x, y, width, height inside ${width}x${height}`)
  }
}

function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return
  throw new UserError(
    `${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, got '${value}'`,
  )
}
