import { conjugate, multiply, toRotationVector } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './armSpec.js'
import { ArmKinematics } from './kinematics.js'

const MAX_ITERATIONS = 100
/** Norm of (m, rad) error that counts as solved. */
const TOLERANCE = 1e-5
const MIN_DAMPING = 1e-8
const MAX_STEP = 0.4

/**
 * Damped least squares (Levenberg-Marquardt damping) on the TCP pose. Joint limits are not part of the
 * solution, as in the Pinocchio solver that SimplerEnv calls; the arm's joints stop at them.
 */
export class InverseKinematics {
  private readonly kinematics: ArmKinematics
  private readonly jacobian: Float64Array
  private readonly error = new Float64Array(6)
  private readonly normal = new Float64Array(36)
  private readonly solution = new Float64Array(6)
  private readonly trial: Float64Array
  private readonly rotation = new Float64Array(4)
  private readonly inverse = new Float64Array(4)
  private readonly vector = new Float64Array(3)

  constructor(arm: ArmSpec) {
    this.kinematics = new ArmKinematics(arm)
    this.jacobian = new Float64Array(6 * arm.joints.length)
    this.trial = new Float64Array(arm.joints.length)
  }

  /** Joint angles that reach `pose` (7, base frame) from `seed`; false, with `out` undefined, if it cannot. */
  solve(pose: Numbers, seed: Numbers, out: Float64Array): boolean {
    const n = this.trial.length
    for (let i = 0; i < n; i++) out[i] = seed[i]
    let damping = MIN_DAMPING
    let error = this.measure(out, pose)
    this.kinematics.jacobian(this.jacobian)
    for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
      if (error < TOLERANCE) return true
      this.dampedStep(damping)
      this.stepFrom(out)
      const next = this.measure(this.trial, pose)
      if (next < error) {
        out.set(this.trial)
        error = next
        damping = Math.max(MIN_DAMPING, damping * 0.1)
        this.kinematics.jacobian(this.jacobian)
      } else {
        damping *= 10
        if (damping > 1e4) return false
        this.measure(out, pose)
      }
    }
    return error < TOLERANCE
  }

  /** Fills `error` with what is missing at q, and returns its norm. */
  private measure(q: Numbers, pose: Numbers): number {
    const { error, rotation, inverse, vector } = this
    this.kinematics.forward(q)
    const tcp = this.kinematics.tcp
    for (let i = 0; i < 3; i++) error[i] = pose[i] - tcp[i]
    for (let i = 0; i < 4; i++) {
      inverse[i] = tcp[3 + i]
      rotation[i] = pose[3 + i]
    }
    conjugate(inverse, inverse)
    multiply(rotation, rotation, inverse)
    toRotationVector(vector, rotation)
    let sum = 0
    for (let i = 0; i < 3; i++) error[3 + i] = vector[i]
    for (let i = 0; i < 6; i++) sum += error[i] * error[i]
    return Math.sqrt(sum)
  }

  /** Solves (J·Jᵀ + damping·I)·solution = error by Cholesky. */
  private dampedStep(damping: number): void {
    const { jacobian: J, normal: A, solution: x, error } = this
    const n = this.trial.length
    for (let r = 0; r < 6; r++) {
      for (let c = 0; c <= r; c++) {
        let sum = r === c ? damping : 0
        for (let i = 0; i < n; i++) sum += J[r * n + i] * J[c * n + i]
        for (let k = 0; k < c; k++) sum -= A[r * 6 + k] * A[c * 6 + k]
        A[r * 6 + c] = r === c ? Math.sqrt(Math.max(sum, 1e-20)) : sum / A[c * 6 + c]
      }
    }
    for (let r = 0; r < 6; r++) {
      let sum = error[r]
      for (let k = 0; k < r; k++) sum -= A[r * 6 + k] * x[k]
      x[r] = sum / A[r * 6 + r]
    }
    for (let r = 5; r >= 0; r--) {
      let sum = x[r]
      for (let k = r + 1; k < 6; k++) sum -= A[k * 6 + r] * x[k]
      x[r] = sum / A[r * 6 + r]
    }
  }

  /** trial = q + Jᵀ·solution, shortened where a joint would turn by more than MAX_STEP. */
  private stepFrom(q: Numbers): void {
    const { jacobian: J, solution: x, trial } = this
    const n = trial.length
    let largest = 0
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let r = 0; r < 6; r++) sum += J[r * n + i] * x[r]
      trial[i] = sum
      largest = Math.max(largest, Math.abs(sum))
    }
    const factor = largest > MAX_STEP ? MAX_STEP / largest : 1
    for (let i = 0; i < n; i++) trial[i] = q[i] + factor * trial[i]
  }
}
