import { UserError } from '@vla-gym/gymnasium'
import { rotationMatrix } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { BoundingBox } from '../physics/bounds.js'
import type { ArmSpec } from './armSpec.js'
import { BaseFrame } from './baseFrame.js'
import { BoxOverlap } from './boxOverlap.js'
import { type DrivenArm, LEAST_COMPLIANCE } from './drivenArm.js'
import type { RobotMount } from './robot.js'
import { ToolBoxes } from './toolBoxes.js'
import { toolBox, worldBox } from './toolClearance.js'

/** Longest way of a tool point between two looks, m: the shortest way out of a wall 6 mm thick is then back. */
const STRIDE = 0.003
/** Overlap that is let be, m. */
const TOUCH = 1e-5
/** What is left of an overlap after all pushes where the tool is said to jam, m. */
const JAM = 3e-4
/** Pushes per look; where the tool touches several walls, each undoes a little of the others. */
const PASSES = 24
/** Beyond the tool's own way, m: fingers open, and a push turns it. */
const MARGIN = 0.003

/**
 * Keeps gripper body and fingers of a driven arm out of walls: boxes along the axes of its base. As at a floor,
 * damping·q' gains Jᵀ·force; the force acts where tool and wall overlap, along the shortest way out, without friction.
 */
export class WallStop {
  private readonly arm: DrivenArm
  private readonly tool: ToolBoxes
  /** Centre and half extents in the base frame, [walls, 6], m. */
  private readonly walls: Float64Array
  private readonly overlap: BoxOverlap
  private readonly near: Int32Array
  private nearCount = 0
  private readonly bounds = new Float64Array(6)
  /** Pose of the gripper body in the base frame, [7]. */
  private readonly palm: Float64Array
  /** Where the timestep began: joints and that pose. */
  private readonly q: Float64Array
  private readonly before = new Float64Array(7)
  private readonly rotation = new Float64Array(9)
  private readonly rotationBefore = new Float64Array(9)
  /** Around gripper body and open fingers, in the gripper body's frame. */
  private readonly box: BoundingBox
  /** Along each of its axes no point of the tool is further from its origin, m. */
  private readonly reach: number[]
  /** With the gripper body's origin above it, the tool is above all walls, m. */
  private readonly clearHeight: number
  /** Of the tool's points since the timestep began, at most, m. */
  private way = 0
  private readonly stride: Float64Array
  private readonly slopes: Float64Array
  /** Finger positions, left and right, m. */
  private readonly fingers = new Float64Array(2)
  /** Between where they were and where they go: walls stop them, but only the arm gives way. */
  private readonly lowest = new Float64Array(2)
  private readonly highest = new Float64Array(2)
  private readonly keptQ: Float64Array
  private readonly keptFingers = new Float64Array(2)
  private deepestBox = 0
  private deepestWall = 0
  /** Speed of a finger on its slide per newton, m/s. */
  private readonly fingerMobility: number

  /**
   * @param walls in the world.
   * @throws UserError unless the base is turned by quarter turns.
   */
  constructor(arm: DrivenArm, spec: ArmSpec, walls: readonly BoundingBox[], mount: RobotMount) {
    this.arm = arm
    this.fingerMobility = 1 / spec.gripper.damping
    this.tool = new ToolBoxes(spec)
    this.walls = wallsFromBase(walls, mount)
    this.overlap = new BoxOverlap(this.tool, this.walls)
    this.near = new Int32Array(walls.length)
    this.palm = arm.kinematics.links.subarray(-7)
    this.box = toolBox(spec)
    this.reach = this.box.center.map((value, k) => Math.abs(value) + this.box.half[k])
    const top = Math.max(...walls.map(({ center, half }) => center[2] + half[2])) - mount.basePosition[2]
    this.clearHeight = top + Math.hypot(...this.reach) + MARGIN
    this.q = new Float64Array(arm.q.length)
    this.stride = new Float64Array(arm.q.length)
    this.slopes = new Float64Array(arm.q.length)
    this.keptQ = new Float64Array(arm.q.length)
  }

  /** Marks where a timestep begins. */
  begin(): void {
    const { arm, q, before, palm } = this
    for (let i = 0; i < q.length; i++) q[i] = arm.q[i]
    for (let i = 0; i < 7; i++) before[i] = palm[i]
  }

  /** Whether the tool may have met a wall since then, by boxes along the axes. */
  isNear(): boolean {
    const { palm, before, walls, near, bounds, box } = this
    if (Math.min(palm[2], before[2]) > this.clearHeight) return false
    this.way = this.longestWay()
    worldBox(bounds, palm, box.center, box.half)
    const margin = MARGIN + 2 * this.way
    this.nearCount = 0
    for (let i = 0; i < near.length; i++) {
      const w = 6 * i
      if (Math.abs(walls[w + 2] - bounds[2]) > walls[w + 5] + bounds[5] + margin) continue
      if (Math.abs(walls[w + 1] - bounds[1]) > walls[w + 4] + bounds[4] + margin) continue
      if (Math.abs(walls[w] - bounds[0]) > walls[w + 3] + bounds[3] + margin) continue
      near[this.nearCount++] = i
    }
    return this.nearCount > 0
  }

  /**
   * Takes the arm again where the timestep took it, out of the walls that `isNear` found, or no further where it jams.
   * @param from finger positions where the timestep began, left and right, m.
   * @param to where it takes them; receives where they end, on the way there.
   * @returns whether a wall stops a finger.
   */
  end(from: Numbers, to: Float64Array): boolean {
    const { arm, q, fingers, lowest, highest, stride } = this
    for (let side = 0; side < 2; side++) {
      lowest[side] = Math.min(from[side], to[side])
      highest[side] = Math.max(from[side], to[side])
    }
    const strides = Math.max(1, Math.ceil(this.way / STRIDE))
    for (let i = 0; i < q.length; i++) stride[i] = (arm.q[i] - q[i]) / strides
    const left = (to[0] - from[0]) / strides
    const right = (to[1] - from[1]) / strides
    arm.q.set(q)
    fingers.set(from)
    for (let at = 0; at < strides; at++) {
      this.keep()
      for (let i = 0; i < q.length; i++) arm.q[i] += stride[i]
      this.moveFinger(0, left)
      this.moveFinger(1, right)
      if (!this.pushOut()) break
    }
    const moved = Math.abs(fingers[0] - to[0]) + Math.abs(fingers[1] - to[1]) > 1e-9
    to.set(fingers)
    return moved
  }

  /** No point of the tool went further since the timestep began, m. */
  private longestWay(): number {
    const { palm, before, rotation, rotationBefore, reach } = this
    rotationMatrix(rotation, palm[3], palm[4], palm[5], palm[6])
    rotationMatrix(rotationBefore, before[3], before[4], before[5], before[6])
    let way = Math.hypot(palm[0] - before[0], palm[1] - before[1], palm[2] - before[2])
    for (let j = 0; j < 3; j++) {
      const x = rotation[j] - rotationBefore[j]
      const y = rotation[3 + j] - rotationBefore[3 + j]
      const z = rotation[6 + j] - rotationBefore[6 + j]
      way += reach[j] * Math.sqrt(x * x + y * y + z * z)
    }
    return way
  }

  private keep(): void {
    this.keptQ.set(this.arm.q)
    this.keptFingers.set(this.fingers)
  }

  private exchangeKept(): void {
    exchange(this.arm.q, this.keptQ)
    exchange(this.fingers, this.keptFingers)
  }

  /**
   * Pushes the tool out of what it is deepest in, again and again. Where that does not end, it goes back to what
   * `keep` kept, if it was better there.
   * @returns false if it went back.
   */
  private pushOut(): boolean {
    for (let pass = 0; pass < PASSES; pass++) {
      const depth = this.findDeepest()
      if (depth === 0) return true
      this.push(depth)
    }
    const depth = this.findDeepest()
    if (depth <= JAM) return true
    this.exchangeKept()
    if (this.findDeepest() < depth) return false
    this.exchangeKept()
    return true
  }

  /** Places the tool and finds its deepest overlap, m; 0 if there is none. */
  private findDeepest(): number {
    const { arm, tool, overlap, near, nearCount, fingers, palm } = this
    arm.kinematics.forward(arm.q)
    tool.place(palm, fingers)
    let deepest = 0
    for (let i = 0; i < nearCount; i++) {
      for (let box = 0; box < tool.count; box++) {
        const depth = overlap.measure(box, near[i], Math.max(deepest, TOUCH))
        if (depth === 0) continue
        deepest = depth
        this.deepestBox = box
        this.deepestWall = near[i]
      }
    }
    return deepest
  }

  /** Joints, and the finger that a box is part of, give way by `distance` as their dampers let them, within their limits. */
  private push(distance: number): void {
    const { arm, tool, slopes, overlap, fingerMobility, deepestBox: box, deepestWall: wall } = this
    overlap.measure(box, wall, 0)
    overlap.locate(box, wall)
    const { q, mobility, lower, upper } = arm
    const { point, normal } = overlap
    let compliance = 0
    for (let i = 0; i < q.length; i++) {
      const slope = arm.slope(i, point, normal)
      slopes[i] = slope > 0 ? (q[i] < upper[i] ? slope : 0) : q[i] > lower[i] ? slope : 0
      compliance += slopes[i] * slopes[i] * mobility[i]
    }
    const side = tool.sides[box]
    const slide = side < 0 ? 0 : this.slideSlope(box, side)
    compliance += slide * slide * fingerMobility
    const force = distance / Math.max(compliance, LEAST_COMPLIANCE)
    for (let i = 0; i < q.length; i++) {
      q[i] = Math.min(upper[i], Math.max(lower[i], q[i] + slopes[i] * mobility[i] * force))
    }
    if (side >= 0) this.moveFinger(side, slide * fingerMobility * force)
  }

  private moveFinger(side: number, way: number): void {
    const { fingers, lowest, highest } = this
    fingers[side] = Math.min(highest[side], Math.max(lowest[side], fingers[side] + way))
  }

  /** d(way of a finger's box along the push)/d(finger position); 0 where the finger is not to go further. */
  private slideSlope(box: number, side: number): number {
    const { tool, overlap, fingers, lowest, highest } = this
    const { rotation: r, slides } = tool
    const { normal } = overlap
    let slope = 0
    for (let k = 0; k < 3; k++) {
      for (let j = 0; j < 3; j++) slope += normal[k] * r[3 * k + j] * slides[3 * box + j]
    }
    return (slope > 0 ? fingers[side] < highest[side] : fingers[side] > lowest[side]) ? slope : 0
  }
}

function exchange(a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) {
    const kept = a[i]
    a[i] = b[i]
    b[i] = kept
  }
}

/** Walls as boxes along the base's axes, [walls, 6]. */
function wallsFromBase(walls: readonly BoundingBox[], mount: RobotMount): Float64Array {
  const [sine, cosine] = [Math.abs(Math.sin(mount.baseYaw)), Math.abs(Math.cos(mount.baseYaw))]
  if (walls.length > 0 && Math.min(sine, cosine) > 1e-9) {
    throw new UserError(
      `robot mount: baseYaw is ${mount.baseYaw}; where furniture rises above the floor it must be a multiple of a quarter turn`,
    )
  }
  const frame = new BaseFrame(mount)
  return Float64Array.from(
    walls.flatMap(({ center, half: [x, y, z] }) => [
      ...frame.toBase([...center]),
      cosine * x + sine * y,
      sine * x + cosine * y,
      z,
    ]),
  )
}
