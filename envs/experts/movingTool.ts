import { conjugate, multiply, rotate, toRotationVector } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from '../robots/armSpec.js'
import { InverseKinematics } from '../robots/inverseKinematics.js'
import { ArmKinematics } from '../robots/kinematics.js'

/** Where the lead that a pose asks for is out of reach, the way there is shortened, again and again, by this factor. */
const SHORTER = 0.7
const ATTEMPTS = 6

/**
 * Commands that bring the tool to a pose within one control step, for things that are too fast for a loop that waits
 * and sees. A joint goes the share 1 - exp(-period stiffness / damping) of its way to the command, so the command has
 * to be so much further.
 */
export class MovingTool {
  private readonly ik: InverseKinematics
  private readonly kinematics: ArmKinematics
  /** [joints] */
  private readonly shares: Float64Array
  private readonly goal: Float64Array
  private readonly pose = new Float64Array(7)
  private readonly turn = new Float64Array(4)
  private readonly vector = new Float64Array(3)

  /** @param period of the control steps, s. */
  constructor(arm: ArmSpec, period: number) {
    this.ik = new InverseKinematics(arm)
    this.kinematics = new ArmKinematics(arm)
    this.shares = Float64Array.from(
      arm.joints,
      ({ stiffness, damping }) => 1 - Math.exp((-period * stiffness) / damping),
    )
    this.goal = new Float64Array(arm.joints.length)
  }

  /**
   * Action [dx, dy, dz, rx, ry, rz, gripper] after which the tool is at `position` and `rotation` (base frame, xyzw), or
   * as far on the way there as the arm reaches.
   * @param q measured joints, rad
   * @param commanded running target of the controller, [7]
   */
  reach(q: Numbers, commanded: Numbers, position: Numbers, rotation: Numbers, gripper: number): Float32Array {
    const { ik, kinematics, shares, goal, pose } = this
    kinematics.forward(q)
    const from = kinematics.tcp.slice(0, 3)
    let share = 1
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      for (let k = 0; k < 3; k++) pose[k] = from[k] + share * (position[k] - from[k])
      for (let k = 0; k < 4; k++) pose[3 + k] = rotation[k]
      if (ik.solve(pose, q, goal)) {
        for (let i = 0; i < goal.length; i++) goal[i] = q[i] + (goal[i] - q[i]) / shares[i]
        kinematics.forward(goal)
        pose.set(kinematics.tcp)
        if (ik.solve(pose, q, goal)) return this.actionTo(from, commanded, gripper)
      }
      share *= SHORTER
    }
    pose.set(commanded)
    return this.actionTo(from, commanded, gripper)
  }

  /** Moves the controller's running target to `pose`: its rotation pivots about the measured tool. */
  private actionTo(tcp: Numbers, commanded: Numbers, gripper: number): Float32Array {
    const { pose, turn, vector } = this
    const before = [commanded[3], commanded[4], commanded[5], commanded[6]]
    conjugate(before, before)
    multiply(turn, [pose[3], pose[4], pose[5], pose[6]], before)
    const action = new Float32Array(7)
    for (let k = 0; k < 3; k++) vector[k] = commanded[k] - tcp[k]
    rotate(vector, turn, vector)
    for (let k = 0; k < 3; k++) action[k] = pose[k] - tcp[k] - vector[k]
    toRotationVector(vector, turn)
    for (let k = 0; k < 3; k++) action[3 + k] = vector[k]
    action[6] = gripper
    return action
  }
}
