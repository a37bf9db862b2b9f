import type { RobotInfo } from '../robotEnv.js'

/** What came of an episode with moving things, in DOMINO's terms (script/eval_metrics.py). */
export interface MotionOutcome {
  /** 0 ... 100. */
  readonly routeCompletion: number
  /** Product of the penalties' factors. */
  readonly penalty: number
  /** Manipulation score, 0 ... 100. */
  readonly score: number
  /** Absent on success. */
  readonly failReason?: FailReason
  /** Names of the clutter that the robot has touched. */
  readonly touched: string[]
  /** Layouts and paths on which the expert failed before the one that was played; see `MotionOptions.verified`. */
  readonly expertFailures: number
}

export type FailReason = 'out of bounds' | 'object not lifted' | 'late' | 'lost'

const OUT_OF_BOUNDS_FACTOR = 0.5
const CLUTTER_FACTOR = 0.8

/**
 * Share of the tool's way to the moving thing, 0 ... 100.
 * @param start distance between tool and the thing's last known place when the episode began, m
 * @param end the same when it ended
 */
export function routeCompletion(success: boolean, start: number, end: number): number {
  if (success) return 100
  if (start < 0.01) return end < 0.05 ? 100 : 50
  return 100 * Math.min(1, Math.max(0, (start - end) / start))
}

/** @param touched how many different pieces of clutter the robot has touched */
export function penaltyFactor(outOfBounds: boolean, touched: number): number {
  return (outOfBounds ? OUT_OF_BOUNDS_FACTOR : 1) * CLUTTER_FACTOR ** touched
}

/** What an episode's score is made of. */
export interface EpisodeEnd {
  readonly info: RobotInfo
  /** 0 ... 100. */
  readonly routeCompletion: number
  readonly outOfBounds: boolean
  /** It was where it had to be, but had not been lifted. */
  readonly notLifted: boolean
  readonly touched: string[]
  readonly expertFailures: number
}

export function motionOutcome(end: EpisodeEnd): MotionOutcome {
  const { info, routeCompletion, outOfBounds, touched, expertFailures } = end
  const penalty = penaltyFactor(outOfBounds, touched.length)
  return {
    routeCompletion,
    penalty,
    score: routeCompletion * penalty,
    ...(info.success ? {} : { failReason: failReason(end) }),
    touched,
    expertFailures,
  }
}

function failReason({ info, outOfBounds, notLifted }: EpisodeEnd): FailReason {
  if (outOfBounds) return 'out of bounds'
  if (info.failure !== undefined) return 'lost'
  return notLifted ? 'object not lifted' : 'late'
}
