import type { Numbers } from '../math/vec3.js'
import { clampNorm } from '../math/vec3.js'

export interface PressView {
  /** Measured and commanded tool position, base frame, m. */
  readonly tcp: Numbers
  readonly commanded: Numbers
  /** Tool position in which the button is pressed. */
  readonly goal: Numbers
  /** Way of the button during a control step, [2], m. */
  readonly step: Numbers
}

const LEAD = 1.58
const GAIN = 1.5
const MAX_LEAD = 0.065
const MAX_TRANSLATION = 0.04
const HOVER = 0.04
const SLOPE = 3

const goal = new Float64Array(3)

/** Action of an expert that presses a button with closed fingers, along a funnel above it, and goes along with it. */
export function pressAction({ tcp, commanded, goal: press, step }: PressView): Float32Array {
  const off = Math.hypot(press[0] - tcp[0], press[1] - tcp[1])
  for (let i = 0; i < 3; i++) goal[i] = press[i] - tcp[i]
  goal[2] += Math.min(HOVER, Math.max(0, SLOPE * (off - 0.012)))
  for (let i = 0; i < 3; i++) goal[i] *= GAIN
  clampNorm(goal, MAX_LEAD)
  for (let i = 0; i < 3; i++) goal[i] += tcp[i] - commanded[i]
  for (let i = 0; i < 2; i++) goal[i] -= (1 - LEAD) * step[i]
  clampNorm(goal, MAX_TRANSLATION)
  return Float32Array.of(goal[0] + step[0], goal[1] + step[1], goal[2], 0, 0, 0, -1)
}
