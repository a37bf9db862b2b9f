import { differenceVector, fromRotationVector, multiply } from '../../math/quat.js'
import type { Numbers } from '../../math/vec3.js'
import { InverseKinematics } from '../../robots/inverseKinematics.js'
import { ArmKinematics } from '../../robots/kinematics.js'
import { googleRobotArm as arm } from '../googleRobotArm.js'
import type { Goal } from './steer.js'

/** Between two poses for which inverse kinematics is asked, m and rad. */
const STRIDE = 0.06
const TURN = 0.25

const kinematics = new ArmKinematics(arm)
const ik = new InverseKinematics(arm)

/**
 * How far the arm's joints stay from their limits, rad, on the way from joint positions `q` through goals, as the
 * controller would take it there by and by; negative where that leads beyond a limit or cannot be solved.
 */
function routeMargin(q: Numbers, goals: readonly Goal[]): number {
  let joints = Float64Array.from({ length: arm.joints.length }, (_, i) => q[i])
  let next = new Float64Array(joints.length)
  kinematics.forward(joints)
  let from = [...kinematics.tcp]
  let least = Number.POSITIVE_INFINITY
  for (const { position, rotation } of goals) {
    const turn = differenceVector([0, 0, 0], rotation, from.slice(3))
    const way = [0, 1, 2].map((k) => position[k] - from[k])
    const strides = Math.max(1, Math.ceil(Math.max(Math.hypot(...way) / STRIDE, Math.hypot(...turn) / TURN)))
    for (let i = 1; i <= strides; i++) {
      const share = i / strides
      const part = fromRotationVector(
        [0, 0, 0, 1],
        turn.map((x) => x * share),
      )
      const turned = multiply([0, 0, 0, 1], part, from.slice(3))
      if (!ik.solve([...way.map((x, k) => from[k] + share * x), ...turned], joints, next)) return -1
      for (const [k, { lower, upper }] of arm.joints.entries()) {
        least = Math.min(least, next[k] - lower, upper - next[k])
      }
      if (least < 0) return least
      ;[joints, next] = [next, joints]
    }
    from = [position[0], position[1], position[2], ...Array.from({ length: 4 }, (_, k) => rotation[k])]
  }
  return least
}

/** Margin that is as good as any other, rad: the first candidate that has it is taken. */
const ENOUGH = 0.08

/** The candidate whose route stays furthest from the joints' limits, or the first that is far enough. */
export function bestRoute<T>(
  q: Numbers,
  candidates: readonly T[],
  goals: (candidate: T) => readonly Goal[],
): T {
  let best = candidates[0]
  let most = Number.NEGATIVE_INFINITY
  for (const candidate of candidates) {
    const margin = routeMargin(q, goals(candidate))
    if (margin > most) {
      most = margin
      best = candidate
    }
    if (most >= ENOUGH) break
  }
  return best
}
