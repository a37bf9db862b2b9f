import type { MotionLevel } from '../../motion/samplePath.js'
import type { Bounds } from '../../motion/workspace.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import type { PutOnTask } from '../task.js'

/** What moves: the thing to be grasped, which stops in the fingers, or where it has to get to, which goes on. */
export type Mover = 'object' | 'goal'

/** A task with something that moves. */
export interface MovingTask {
  readonly id: string
  readonly name: string
  /** Scene, instruction, things and placements; the place of what moves is where it is intercepted. */
  readonly task: PutOnTask
  /** How it is judged: the put-on test, a button pressed, or an object held over the target. */
  readonly goal: 'put-on' | 'press' | 'hold'
  readonly mover: Mover
  /** `path` is DOMINO's kinematic motion; the others are physical. */
  readonly motion: 'path' | 'roll' | 'slide' | 'belt'
  /** 0: at rest; a task to learn from. */
  readonly level: MotionLevel | 0
  /** Where the moving thing may be. */
  readonly bounds: Bounds
  /** Further things that belong to the task. */
  readonly extras: readonly ObjectSpec[]
  /** Things that have no part in it; the robot should not touch them. */
  readonly clutter: readonly ObjectSpec[]
}

/** The source has been lifted so far above its start at some control step, or success does not count, m (DOMINO eval_policy.py). */
export const LIFT_HEIGHT = 0.03
/** DOMINO's click_bell: the tip is so near the button's centre along x and along y, m. */
export const PRESS_RADIUS = 0.02
/** Held: so near the pad's centre, m, so high above it, and so many control steps in a row. */
export const HOLD = { radius: 0.03, low: 0.04, high: 0.15, steps: 5 } as const
/** Speeds of what rolls, slides or is conveyed, m/s. */
export const PHYSICAL_SPEED = [0.15, 0.75] as const
