import { differenceVector, fromYaw, multiply } from '../../math/quat.js'
import { clampNorm, type Numbers } from '../../math/vec3.js'

/** Longest action: m and rad. */
const MAX_TRANSLATION = 0.12
const MAX_ROTATION = 0.5
/** The arm covers less than half of an action in its control step; asking for more than what is missing makes up for it. */
const LEAD = 1.6
/** Beyond which the lead does not go past the goal, m and rad. */
const MAX_LEAD = 0.05
const MAX_TURN_LEAD = 0.15

export interface Goal {
  /** TCP, base frame, m, [3]. */
  readonly position: Numbers
  /** [4]. */
  readonly rotation: Numbers
}

/** Action that takes the TCP, [7], towards a goal; `gripper` as in the action. */
export function steer(tcp: Numbers, { position, rotation }: Goal, gripper: number): Float32Array {
  const way = [0, 1, 2].map((k) => position[k] - tcp[k])
  const turn = differenceVector([0, 0, 0], rotation, [tcp[3], tcp[4], tcp[5], tcp[6]])
  clampNorm(lead(way, MAX_LEAD), MAX_TRANSLATION)
  clampNorm(lead(turn, MAX_TURN_LEAD), MAX_ROTATION)
  return Float32Array.of(...way, ...turn, gripper)
}

function lead(vector: number[], most: number): number[] {
  const length = Math.hypot(...vector)
  if (length === 0) return vector
  const factor = 1 + Math.min(LEAD - 1, most / length)
  for (let k = 0; k < 3; k++) vector[k] *= factor
  return vector
}

/**
 * Tool that points down and leans forward by `lean`, as at the start of every task: straight down, the wrist would be at
 * its limit. The fingers close along the direction at `angle` about the vertical, which leans with the tool.
 */
export function pointingDown(angle: number, lean: number): number[] {
  const leaning = [0, -Math.sin(lean / 2), 0, Math.cos(lean / 2)]
  return multiply([0, 0, 0, 1], leaning, multiply([0, 0, 0, 1], fromYaw(angle), DOWN))
}

/** Of axes x = (0, 1, 0), y = (1, 0, 0), z = (0, 0, -1). */
const DOWN = [Math.SQRT1_2, Math.SQRT1_2, 0, 0]

/** Angle from a tool's rotation to another. */
export function angleBetween(a: Numbers, b: Numbers): number {
  return Math.hypot(...differenceVector([0, 0, 0], a, b))
}
