import type { Body } from '../geometry.js'
import type { Numbers } from '../math/vec3.js'
import { type BoundingBox, boundingBox } from '../physics/bounds.js'
import { readPose } from '../physics/poses.js'
import { type ArmSpec, linkBodies } from './armSpec.js'
import type { Obstacle } from './robot.js'

/** Gap that counts as clear, m: many times what the gripper moves in a timestep, and than the solver looks ahead. */
const MARGIN = 0.01

/** Tells whether walls, and obstacles that stand still, are out of the gripper's reach, by boxes along the world's axes. */
export class ToolClearance {
  /** Centre and half extents around gripper body and open fingers, in the gripper body's frame. */
  private readonly center: number[]
  private readonly half: number[]
  private readonly bounds = new Float64Array(6)
  private readonly pose = new Float64Array(7)
  /** Centre and half extents in the world, walls first, [walls + obstacles, 6]. */
  private boxes: Float64Array
  private readonly walls: number
  private count: number

  /** @param walls in the world. */
  constructor(arm: ArmSpec, walls: readonly BoundingBox[]) {
    this.walls = walls.length
    this.count = walls.length
    this.boxes = Float64Array.from(walls.flatMap(({ center, half }) => [...center, ...half]))
    const { center, half } = toolBox(arm)
    this.center = center
    this.half = half
  }

  set(obstacles: readonly Obstacle[]): void {
    this.count = this.walls + obstacles.length
    if (this.boxes.length < 6 * this.count) {
      const walls = this.boxes
      this.boxes = new Float64Array(6 * this.count)
      this.boxes.set(walls)
    }
    for (const [i, { body, box }] of obstacles.entries()) {
      this.boxes.set(
        worldBox(this.bounds, readPose(body, this.pose), box.center, box.half),
        6 * (this.walls + i),
      )
    }
  }

  /** @param pose of the gripper body in the world, [7]. */
  isClear(pose: Numbers): boolean {
    const { boxes } = this
    const tool = worldBox(this.bounds, pose, this.center, this.half)
    for (let i = 0; i < 6 * this.count; i += 6) {
      const gapX = Math.abs(boxes[i] - tool[0]) - boxes[i + 3] - tool[3]
      const gapY = Math.abs(boxes[i + 1] - tool[1]) - boxes[i + 4] - tool[4]
      const gapZ = Math.abs(boxes[i + 2] - tool[2]) - boxes[i + 5] - tool[5]
      if (gapX < MARGIN && gapY < MARGIN && gapZ < MARGIN) return false
    }
    return true
  }
}

/** Box around gripper body and open fingers, which closed ones do not leave, in the gripper body's frame. */
export function toolBox(arm: ArmSpec): BoundingBox {
  const fingers = arm.gripper.fingers.map(({ name, parts, origin, axis }): Body => {
    const shift = origin.map((value, k) => value + arm.gripper.upper * axis[k])
    const moved = parts.map((part) => {
      const { position, rotation } = part.pose ?? { position: [0, 0, 0], rotation: [0, 0, 0, 1] }
      const [x, y, z] = position.map((value, k) => value + shift[k])
      return { ...part, pose: { position: [x, y, z] as const, rotation } }
    })
    return { name, parts: moved }
  })
  return boundingBox([linkBodies(arm)[arm.joints.length], ...fingers])
}

/** Centre and half extents, [6], of the box along the world's axes around a box in a frame at `pose`. */
export function worldBox(out: Float64Array, pose: Numbers, center: Numbers, half: Numbers): Float64Array {
  const [x, y, z, w] = [pose[3], pose[4], pose[5], pose[6]]
  for (let row = 0; row < 3; row++) {
    const a = row === 0 ? 1 - 2 * (y * y + z * z) : row === 1 ? 2 * (x * y + w * z) : 2 * (x * z - w * y)
    const b = row === 0 ? 2 * (x * y - w * z) : row === 1 ? 1 - 2 * (x * x + z * z) : 2 * (y * z + w * x)
    const c = row === 0 ? 2 * (x * z + w * y) : row === 1 ? 2 * (y * z - w * x) : 1 - 2 * (x * x + y * y)
    out[row] = pose[row] + a * center[0] + b * center[1] + c * center[2]
    out[3 + row] = Math.abs(a) * half[0] + Math.abs(b) * half[1] + Math.abs(c) * half[2]
  }
  return out
}
