import type { Body, Part } from '../geometry.js'
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
  /** Along each axis of the gripper body no point is further from its origin, [3], m. */
  readonly reach: Float64Array
  /** Centres in the gripper body's frame with the fingers at 0, [count, 3], m. */
  private readonly home: Float64Array
  /** Way of a centre per finger position, [count, 3]; 0 for the gripper body's. */
  private readonly slides: Float64Array
  /** 0 left, 1 right. */
  private readonly side: Uint8Array

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
    for (const part of palm.parts) add(part, NONE, NONE, 0)
    for (const [i, { parts, origin, axis }] of arm.gripper.fingers.entries()) {
      for (const part of parts) add(part, origin, axis, i)
    }
    this.count = side.length
    this.home = Float64Array.from(home)
    this.halves = Float64Array.from(halves)
    this.slides = Float64Array.from(slides)
    this.side = Uint8Array.from(side)
    this.centers = new Float64Array(home.length)
    this.extents = new Float64Array(home.length)
    this.reach = Float64Array.from([0, 1, 2], (k) =>
      Math.max(
        ...side.map((_, i) => {
          const way = arm.gripper.upper * Math.abs(slides[3 * i + k])
          return Math.abs(home[3 * i + k]) + halves[3 * i + k] + way
        }),
      ),
    )
  }

  /** @param pose of the gripper body, from `offset` on. @param fingers joint positions, left and right, m. */
  place(poses: Numbers, offset: number, fingers: Numbers): void {
    const { rotation: r, home, slides, side, halves, centers, extents } = this
    toMatrix(r, poses, offset)
    for (let i = 0; i < this.count; i++) {
      const at = 3 * i
      const finger = fingers[side[i]]
      const x = home[at] + finger * slides[at]
      const y = home[at + 1] + finger * slides[at + 1]
      const z = home[at + 2] + finger * slides[at + 2]
      for (let k = 0; k < 3; k++) {
        const row = 3 * k
        centers[at + k] = poses[offset + k] + r[row] * x + r[row + 1] * y + r[row + 2] * z
        extents[at + k] =
          Math.abs(r[row]) * halves[at] +
          Math.abs(r[row + 1]) * halves[at + 1] +
          Math.abs(r[row + 2]) * halves[at + 2]
      }
    }
  }

  /** Centre and half extents of the box around all of them, along the axes, [6]. */
  bounds(out: Float64Array): void {
    const { centers, extents } = this
    for (let k = 0; k < 3; k++) {
      let low = Number.POSITIVE_INFINITY
      let high = Number.NEGATIVE_INFINITY
      for (let i = k; i < centers.length; i += 3) {
        low = Math.min(low, centers[i] - extents[i])
        high = Math.max(high, centers[i] + extents[i])
      }
      out[k] = (low + high) / 2
      out[3 + k] = (high - low) / 2
    }
  }
}

/** Rotation matrix, [3, 3], of the pose that begins at `offset`. */
export function toMatrix(out: Float64Array, poses: Numbers, offset: number): void {
  const [x, y, z, w] = [poses[offset + 3], poses[offset + 4], poses[offset + 5], poses[offset + 6]]
  out[0] = 1 - 2 * (y * y + z * z)
  out[1] = 2 * (x * y - w * z)
  out[2] = 2 * (x * z + w * y)
  out[3] = 2 * (x * y + w * z)
  out[4] = 1 - 2 * (x * x + z * z)
  out[5] = 2 * (y * z - w * x)
  out[6] = 2 * (x * z - w * y)
  out[7] = 2 * (y * z + w * x)
  out[8] = 1 - 2 * (x * x + y * y)
}

const NONE = [0, 0, 0]
