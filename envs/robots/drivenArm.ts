import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './armSpec.js'
import { ArmKinematics } from './kinematics.js'

/** Speed of a point per newton, m/s: below it the arm is stretched out in the direction of the push. */
export const LEAST_COMPLIANCE = 1e-5

/**
 * Arm whose joints follow their drives in closed form. SimplerEnv's drives are gravity-compensated and so
 * heavily damped that inertia hardly shows (damping/stiffness 0.16-0.28 s against an inertial 0.5 ms):
 * damping·q' = stiffness·(target - q), so q approaches its target exponentially.
 * What is in the way pushes back the same way: damping·q' gains Jᵀ·force, with the force that keeps a point out.
 */
export class DrivenArm {
  readonly q: Float64Array
  readonly kinematics: ArmKinematics
  private readonly approach: Float64Array
  /** Joint speed per N·m or N, [joints]. */
  readonly mobility: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
  private readonly point = new Float64Array(3)

  constructor(arm: ArmSpec, timestep: number) {
    this.q = new Float64Array(arm.joints.length)
    this.kinematics = new ArmKinematics(arm)
    this.approach = Float64Array.from(arm.joints, (j) => 1 - Math.exp((-timestep * j.stiffness) / j.damping))
    this.mobility = Float64Array.from(arm.joints, (j) => 1 / j.damping)
    this.lower = Float64Array.from(arm.joints, (j) => j.lower)
    this.upper = Float64Array.from(arm.joints, (j) => j.upper)
  }

  reset(q: Numbers): void {
    for (let i = 0; i < this.q.length; i++) this.q[i] = q[i]
    this.kinematics.forward(this.q)
  }

  /** One timestep towards `target`, rad; updates q and the kinematics. */
  step(target: Numbers): void {
    const { q, approach, lower, upper } = this
    for (let i = 0; i < q.length; i++) {
      q[i] = Math.min(upper[i], Math.max(lower[i], q[i] + (target[i] - q[i]) * approach[i]))
    }
    this.kinematics.forward(q)
  }

  /**
   * Lifts the arm until no point of the last link is below `height` (base frame, m).
   * @param points xyz triples in the last link's frame.
   */
  keepAbove(height: number, points: Float64Array): void {
    const { q, kinematics, mobility, point } = this
    const { links } = kinematics
    const o = links.length - 7
    for (let pass = 0; pass < 4; pass++) {
      const [x, y, z, w] = [links[o + 3], links[o + 4], links[o + 5], links[o + 6]]
      const zx = 2 * (x * z - w * y)
      const zy = 2 * (y * z + w * x)
      const zz = 1 - 2 * (x * x + y * y)
      let lowest = Number.POSITIVE_INFINITY
      let at = 0
      for (let p = 0; p < points.length; p += 3) {
        const pointZ = links[o + 2] + zx * points[p] + zy * points[p + 1] + zz * points[p + 2]
        if (pointZ < lowest) {
          lowest = pointZ
          at = p
        }
      }
      if (lowest >= height - 1e-6) return
      const [a, b, c] = [points[at], points[at + 1], points[at + 2]]
      point[0] = links[o] + (1 - 2 * (y * y + z * z)) * a + 2 * (x * y - w * z) * b + 2 * (x * z + w * y) * c
      point[1] =
        links[o + 1] + 2 * (x * y + w * z) * a + (1 - 2 * (x * x + z * z)) * b + 2 * (y * z - w * x) * c
      point[2] = lowest
      let compliance = 0
      for (let i = 0; i < q.length; i++) {
        const slope = this.slope(i, point, UP)
        compliance += slope * slope * mobility[i]
      }
      const force = (height - lowest) / Math.max(compliance, LEAST_COMPLIANCE)
      for (let i = 0; i < q.length; i++) q[i] += this.slope(i, point, UP) * mobility[i] * force
      kinematics.forward(q)
    }
  }

  /** d(way of a point of the last link along a unit vector)/d(joint i), base frame. */
  slope(i: number, point: Numbers, direction: Numbers): number {
    const { axes, links, slides } = this.kinematics
    const ax = axes[3 * i]
    const ay = axes[3 * i + 1]
    const az = axes[3 * i + 2]
    const [nx, ny, nz] = [direction[0], direction[1], direction[2]]
    if (slides[i] === 1) return ax * nx + ay * ny + az * nz
    const x = point[0] - links[7 * i]
    const y = point[1] - links[7 * i + 1]
    const z = point[2] - links[7 * i + 2]
    return nx * (ay * z - az * y) + ny * (az * x - ax * z) + nz * (ax * y - ay * x)
  }
}

const UP = [0, 0, 1]
