import { conjugate, fromYaw, multiply, rotate } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import type { RobotMount } from './robot.js'

/** The frame of a robot's base in the world. Poses are seven numbers, positions three; all in place. */
export class BaseFrame {
  private readonly position: Float64Array
  private readonly rotation: Float64Array
  private readonly inverse = new Float64Array(4)
  private readonly scratch = new Float64Array(4)

  constructor({ basePosition, baseYaw }: Pick<RobotMount, 'basePosition' | 'baseYaw'>) {
    this.position = Float64Array.from(basePosition)
    this.rotation = Float64Array.from(fromYaw(baseYaw))
    conjugate(this.inverse, this.rotation)
  }

  /** World pose or position as seen from the base. */
  toBase<T extends NumbersOut & Numbers>(pose: T): T {
    for (let i = 0; i < 3; i++) pose[i] -= this.position[i]
    rotate(pose, this.inverse, pose)
    if (pose.length >= 7) this.turn(pose, this.inverse)
    return pose
  }

  /** Pose or position of the base frame in the world. */
  toWorld<T extends NumbersOut & Numbers>(pose: T): T {
    rotate(pose, this.rotation, pose)
    for (let i = 0; i < 3; i++) pose[i] += this.position[i]
    if (pose.length >= 7) this.turn(pose, this.rotation)
    return pose
  }

  private turn(pose: NumbersOut & Numbers, rotation: Numbers): void {
    const { scratch } = this
    for (let i = 0; i < 4; i++) scratch[i] = pose[3 + i]
    multiply(scratch, rotation, scratch)
    for (let i = 0; i < 4; i++) pose[3 + i] = scratch[i]
  }
}
