import type { Rng } from '@vla-gym/gymnasium'
import type { MotionLevel } from '../motion/samplePath.js'
import type { Bounds } from '../motion/workspace.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import type { Spot } from '../tasks/task.js'
import type { Side } from './alohaArms.js'
import type { AlohaScene } from './alohaScene.js'
import type { ExpertView, Stage } from './expert/script.js'

/** What a test of success reads. */
export interface JudgeView {
  readonly scene: AlohaScene
  /** Gripper commands, [2], 0 closed ... 1 open. */
  readonly grippers: Float64Array
  /** Heights of the objects' frames when the episode began, m. */
  readonly startHeights: readonly number[]
}

/** One of DOMINO's tasks. Things: the source first, then the target. World frame, metres. */
export interface AlohaTaskSpec {
  readonly name: string
  readonly instruction: string
  /** What moves must be grasped and stops then (interception), or is where to get to and goes on (tracking). */
  readonly group: 'interception' | 'tracking'
  /** DOMINO's policy steps of an episode (task_config/_eval_step_limit.yml). */
  readonly publishedSteps: number
  readonly objects: readonly ObjectSpec[]
  /** Index of what moves. */
  readonly mover: number
  readonly bounds: Bounds
  /** Success counts only once this thing has been so much higher than at the start, m (DOMINO `check_z_threshold`). */
  readonly lift?: { readonly object: number; readonly height: number }
  /** Draws where things are; the place of what moves is where it is intercepted. */
  place(rng: Rng, widening: number): Spot[]
  /** The arm that acts, or acts first, in a layout. */
  arm(spots: readonly Spot[]): Side
  succeeds(view: JudgeView): boolean
  /** The expert's script. */
  script(view: ExpertView, arm: Side): Stage[]
}

export interface AlohaTask extends AlohaTaskSpec {
  readonly id: string
  readonly level: MotionLevel
  /** Control steps of an episode. */
  readonly maxSteps: number
}
