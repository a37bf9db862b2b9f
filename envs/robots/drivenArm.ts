import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './armSpec.js'
import { ArmKinematics } from './kinematics.js'

/**
 * Arm whose joints follow their drives in closed form. SimplerEnv's drives are gravity-compensated and so
 * heavily damped that inertia hardly shows (damping/stiffness 0.16-0.28 s against an inertial 0.5 ms):
 * damping·q' = stiffness·(target - q), so q approaches its target exponentially.
 * A floor pushes back the same way: damping·q' gains Jᵀ·force, with the force that keeps the lowest tool
 * point above it.
 */
export class DrivenArm {
  readonly q: Float64Array
  readonly kinematics: ArmKinematics
  private readonly approach: Float64Array
  private readonly mobility: Float64Array
  private readonly lower: Float64Array
  private readonly upper: Float64Array

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
    const { q, kinematics, mobility } = this
    const n = q.length
    const links = kinematics.links
    const o = 7 * (n - 1)
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
      const px = links[o] + (1 - 2 * (y * y + z * z)) * a + 2 * (x * y - w * z) * b + 2 * (x * z + w * y) * c
      const py =
        links[o + 1] + 2 * (x * y + w * z) * a + (1 - 2 * (x * x + z * z)) * b + 2 * (y * z - w * x) * c
      let compliance = 0
      for (let i = 0; i < n; i++) {
        const slope = this.verticalSlope(i, px, py)
        compliance += slope * slope * mobility[i]
      }
      const force = (height - lowest) / Math.max(compliance, 1e-9)
      for (let i = 0; i < n; i++) q[i] += this.verticalSlope(i, px, py) * mobility[i] * force
      kinematics.forward(q)
    }
  }

  /** d(height of a point at x, y)/d(joint i). */
  private verticalSlope(i: number, x: number, y: number): number {
    const { axes, links } = this.kinematics
    return axes[3 * i] * (y - links[7 * i + 1]) - axes[3 * i + 1] * (x - links[7 * i])
  }
}
