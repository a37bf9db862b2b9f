import { fromRotationVector, multiply, rotate } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './armSpec.js'
import { InverseKinematics } from './inverseKinematics.js'
import { ArmKinematics } from './kinematics.js'

/**
 * SimplerEnv's WidowX arm controller `arm_pd_ee_target_delta_pose_align2`
 * (ManiSkill2_real2sim agents/controllers/pd_ee_pose.py, frame `ee_align2`, use_target): a running Cartesian
 * target in the base frame, moved by each action; the rotation pivots about the measured TCP. Where IK fails
 * the arm holds its measured joints while the Cartesian target still advances.
 */
export class EeDeltaController {
  /** Running target pose of the TCP, [7], base frame. */
  readonly target = new Float64Array(7)
  /** Joint targets that the drives follow, rad. */
  readonly jointTarget: Float64Array
  private readonly kinematics: ArmKinematics
  private readonly ik: InverseKinematics
  private readonly delta = new Float64Array(4)
  private readonly lever = new Float64Array(3)
  private readonly turned = new Float64Array(4)
  private readonly solution: Float64Array

  constructor(arm: ArmSpec) {
    this.kinematics = new ArmKinematics(arm)
    this.ik = new InverseKinematics(arm)
    this.jointTarget = new Float64Array(arm.joints.length)
    this.solution = new Float64Array(arm.joints.length)
  }

  /** Target becomes the measured pose at q. */
  reset(q: Numbers): void {
    this.kinematics.forward(q)
    this.target.set(this.kinematics.tcp)
    for (let i = 0; i < this.jointTarget.length; i++) this.jointTarget[i] = q[i]
  }

  /** Takes the arm part of an action (dx, dy, dz m; rotation vector rad) at measured q; false if IK failed. */
  update(action: Numbers, q: Numbers): boolean {
    const { target, delta, lever, turned, kinematics } = this
    kinematics.forward(q)
    const tcp = kinematics.tcp
    for (let i = 0; i < 3; i++) lever[i] = action[3 + i]
    fromRotationVector(delta, lever)
    for (let i = 0; i < 3; i++) lever[i] = target[i] - tcp[i]
    rotate(lever, delta, lever)
    for (let i = 0; i < 3; i++) target[i] = tcp[i] + action[i] + lever[i]
    for (let i = 0; i < 4; i++) turned[i] = target[3 + i]
    multiply(turned, delta, turned)
    const length = Math.hypot(turned[0], turned[1], turned[2], turned[3])
    for (let i = 0; i < 4; i++) target[3 + i] = turned[i] / length

    const solved = this.ik.solve(target, q, this.solution)
    for (let i = 0; i < this.jointTarget.length; i++) this.jointTarget[i] = solved ? this.solution[i] : q[i]
    return solved
  }
}
