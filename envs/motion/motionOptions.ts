import { UserError } from '@vla-gym/gymnasium'
import { PHYSICAL_SPEED } from '../tasks/moving/movingTask.js'

/** How things move, whatever the task. */
export interface MotionOptions {
  /** Cap of the mean speed, m/s; default 0.1, as in DOMINO@0.1. */
  readonly alpha?: number
  /**
   * What rolls, slides or is conveyed: its speeds are drawn from this range, m/s; default `PHYSICAL_SPEED`. On a belt and
   * for what rolls it is kept up; what slides is pushed off with it, and friction brakes it.
   */
  readonly speed?: readonly [low: number, high: number]
  /**
   * 'policy-steps' (default): a control step moves things on by 0.1 s, as DOMINO does, however long it takes;
   * 'time': by the 0.2 s that it takes.
   */
  readonly clock?: 'policy-steps' | 'time'
  /**
   * With the clock 'time': what a robot faces. The world goes on for so many seconds before the first action of
   * every `decisionSteps`, while the arm stays where it was sent. Default 0.
   */
  readonly latency?: number
  /** Control steps between two looks of the policy; needed with `latency`. */
  readonly decisionSteps?: number
  /**
   * Layouts and paths on which the expert fails are drawn again (default), as in DOMINO's evaluation, so that every
   * episode can be solved; false is for measuring the expert.
   */
  readonly verified?: boolean
}

/**
 * m/s. Above it a thing of 3 cm goes further than a fourth of its width in a timestep, and gets deeper into a finger in
 * its way than 6 mm face on, 11 mm with a corner; from 6 m/s on it gets through.
 */
const MAX_SPEED = 0.9
const MIN_SPEED = 0.01
const MAX_LATENCY = 5

/** UserError that names the option. */
export function checkMotion(options: MotionOptions): Required<MotionOptions> {
  const { alpha = 0.1, speed = PHYSICAL_SPEED, clock = 'policy-steps' } = options
  const { latency = 0, decisionSteps = 1, verified = true } = options
  checkSpeed('motion.alpha', alpha)
  if (!Array.isArray(speed) || speed.length !== 2 || !(speed[0] <= speed[1])) {
    throw new UserError(`motion.speed must be a range [low, high] in m/s, got ${JSON.stringify(speed)}`)
  }
  for (const each of speed) checkSpeed('motion.speed', each)
  if (clock !== 'policy-steps' && clock !== 'time') {
    throw new UserError(`motion.clock must be 'policy-steps' or 'time', got '${String(clock)}'`)
  }
  if (!(latency >= 0 && latency <= MAX_LATENCY)) {
    throw new UserError(`motion.latency must be from 0 to ${MAX_LATENCY} s, got ${latency}`)
  }
  if (latency > 0 && clock !== 'time') {
    throw new UserError("motion.latency needs clock: 'time'; with 'policy-steps' nothing moves in between")
  }
  if (!Number.isInteger(decisionSteps) || decisionSteps < 1) {
    throw new UserError(`motion.decisionSteps must be a whole number of 1 or more, got ${decisionSteps}`)
  }
  if (latency > 0 && options.decisionSteps === undefined) {
    throw new UserError('motion.latency needs motion.decisionSteps: how many control steps a decision is for')
  }
  return { alpha, speed, clock, latency, decisionSteps, verified }
}

function checkSpeed(name: string, speed: number): void {
  if (speed > MAX_SPEED) {
    throw new UserError(
      `${name} must be at most ${MAX_SPEED} m/s, got ${speed}: a faster thing sinks into what it meets within a timestep`,
    )
  }
  if (!(speed >= MIN_SPEED)) throw new UserError(`${name} must be at least ${MIN_SPEED} m/s, got ${speed}`)
}
