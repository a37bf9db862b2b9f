import { UserError } from '@vla-gym/gymnasium'

/** How things move, whatever the task. */
export interface MotionOptions {
  /** Cap of the mean speed, m/s; default 0.1, as in DOMINO@0.1. */
  readonly alpha?: number
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

/** Above it a thing of 3 cm goes further than a fourth of its width in a timestep, m/s. */
export const MAX_ALPHA = 0.9
const MAX_LATENCY = 5

/** UserError that names the option. */
export function checkMotion(options: MotionOptions): Required<MotionOptions> {
  const { alpha = 0.1, clock = 'policy-steps', latency = 0, decisionSteps = 1, verified = true } = options
  if (!(alpha >= 0.01 && alpha <= MAX_ALPHA)) {
    throw new UserError(`motion.alpha must be a speed from 0.01 to ${MAX_ALPHA} m/s, got ${alpha}`)
  }
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
  return { alpha, clock, latency, decisionSteps, verified }
}
