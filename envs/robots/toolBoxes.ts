import type { Body, Part } from '../geometry.js'
import { rotationMatrix } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { boundingBox } from '../physics/bounds.js'
import { type ArmSpec, linkBodies } from './armSpec.js'

/** Boxes along the gripper body's axes around the parts of gripper body and fingers that collide. */
export class ToolBoxes {
  readonly count: number
  /** [count, 3], m. */
  readonly halves: Float64Array
  /** [count, 3], m; as `place` put them. */
  readonly centers: Float64Array
  /** Half extents along the axes of the frame that they were placed in, [count, 3], m. */
  readonly extents: Float64Array
  /** Axes of the boxes in that frame, a column each, [3, 3]. */
  readonly rotation = new Float64Array(9)
  /** Centres in the gripper body's frame with the fingers at 0, [count, 3], m. */
  private readonly home: Float64Array
  /** Way of a centre per finger position, [count, 3]; 0 for the gripper body's. */
  readonly slides: Float64Array
  /** Finger that a box is part of: 0 left, 1 right, -1 none; [count]. */
  readonly sides: Int8Array

  constructor(arm: ArmSpec) {
    const [home, halves, slides, side]: number[][] = [[], [], [], []]
    const add = (part: Part, origin: Numbers, axis: Numbers, which: number) => {
      if (part.collides === false) return
      const { center, half } = boundingBox([{ name: '', parts: [part] }])
      home.push(...center.map((value, k) => value + origin[k]))
      halves.push(...half)
      slides.push(axis[0], axis[1], axis[2])
      side.push(which)
    }
    const palm: Body = linkBodies(arm)[arm.joints.length]
    for (const part of palm.parts) add(part, NONE, NONE, -1)
    for (const [i, { parts, origin, axis }] of arm.gripper.fingers.entries()) {
      for (const part of parts) add(part, origin, axis, i)
    }
    this.count = side.length
    this.home = Float64Array.from(home)
    this.halves = Float64Array.from(halves)
    this.slides = Float64Array.from(slides)
    this.sides = Int8Array.from(side)
    this.centers = new Float64Array(home.length)
    this.extents = new Float64Array(home.length)
  }

  /** @param pose of the gripper body, [7]. @param fingers joint positions, left and right, m. */
  place(pose: Numbers, fingers: Numbers): void {
    const { rotation: r, home, slides, sides, halves, centers, extents } = this
    rotationMatrix(r, pose[3], pose[4], pose[5], pose[6])
    for (let i = 0; i < this.count; i++) {
      const at = 3 * i
      const finger = sides[i] < 0 ? 0 : fingers[sides[i]]
      const x = home[at] + finger * slides[at]
      const y = home[at + 1] + finger * slides[at + 1]
      const z = home[at + 2] + finger * slides[at + 2]
      for (let k = 0; k < 3; k++) {
        const row = 3 * k
        centers[at + k] = pose[k] + r[row] * x + r[row + 1] * y + r[row + 2] * z
        extents[at + k] =
          Math.abs(r[row]) * halves[at] +
          Math.abs(r[row + 1]) * halves[at + 1] +
          Math.abs(r[row + 2]) * halves[at + 2]
      }
    }
  }
}

const NONE = [0, 0, 0]
