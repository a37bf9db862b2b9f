import { UserError } from '@vla-gym/gymnasium'
import type { Numbers } from '../math/vec3.js'
import type { BoundingBox } from '../physics/bounds.js'
import type { ArmSpec } from './armSpec.js'
import { BaseFrame } from './baseFrame.js'
import { BoxOverlap } from './boxOverlap.js'
import type { DrivenArm } from './drivenArm.js'
import type { RobotMount } from './robot.js'
import { ToolBoxes, toMatrix } from './toolBoxes.js'

/** Longest way of a tool point between two looks, m: from half of it, the way out of walls 6 mm thick is back. */
const STRIDE = 0.003
/** Overlap that is let be, m. */
const TOUCH = 1e-5
/** Pushes per look; where the tool touches several walls, each undoes a little of the others. */
const PASSES = 24
/** Beyond the tool's own way, m: fingers open, and a push turns it. */
const MARGIN = 0.003

/** Keeps gripper body and fingers of a driven arm out of boxes along the axes of its base. */
export class WallStop {
  private readonly arm: DrivenArm
  private readonly tool: ToolBoxes
  /** Centre and half extents in the base frame, [walls, 6], m. */
  private readonly walls: Float64Array
  private readonly overlap: BoxOverlap
  private readonly near: Int32Array
  private nearCount = 0
  private readonly bounds = new Float64Array(6)
  /** Where the timestep began: joints, the gripper body's position and rotation matrix. */
  private readonly q: Float64Array
  private readonly position = new Float64Array(3)
  private readonly rotation = new Float64Array(9)
  private readonly stride: Float64Array

  /**
   * @param walls in the world.
   * @throws UserError unless the base is turned by quarter turns.
   */
  constructor(arm: DrivenArm, spec: ArmSpec, walls: readonly BoundingBox[], mount: RobotMount) {
    this.arm = arm
    this.tool = new ToolBoxes(spec)
    this.walls = wallsFromBase(walls, mount)
    this.overlap = new BoxOverlap(this.tool, this.walls)
    this.near = new Int32Array(walls.length)
    this.q = new Float64Array(arm.q.length)
    this.stride = new Float64Array(arm.q.length)
  }

  /** Marks where a timestep begins. */
  begin(): void {
    const { arm, q, position, rotation } = this
    const { links } = arm.kinematics
    const palm = links.length - 7
    q.set(arm.q)
    for (let k = 0; k < 3; k++) position[k] = links[palm + k]
    toMatrix(rotation, links, palm)
  }

  /**
   * Takes the arm again where the timestep took it, out of the walls on its way.
   * @param fingers joint positions, left and right, m.
   */
  end(fingers: Numbers): void {
    const { arm, tool, q, stride } = this
    const { links } = arm.kinematics
    tool.place(links, links.length - 7, fingers)
    const way = this.longestWay()
    this.findNear(MARGIN + 2 * way)
    if (this.nearCount === 0) return
    const count = Math.ceil(way / STRIDE)
    if (count <= 1) {
      this.pushOut(fingers)
      return
    }
    for (let i = 0; i < q.length; i++) stride[i] = (arm.q[i] - q[i]) / count
    arm.q.set(q)
    for (let at = 0; at < count; at++) {
      for (let i = 0; i < q.length; i++) arm.q[i] += stride[i]
      arm.kinematics.forward(arm.q)
      this.pushOut(fingers)
    }
  }

  /** No point of the tool went further since the timestep began, m. */
  private longestWay(): number {
    const { tool, position, rotation } = this
    const { links } = this.arm.kinematics
    const palm = links.length - 7
    const [dx, dy, dz] = [
      links[palm] - position[0],
      links[palm + 1] - position[1],
      links[palm + 2] - position[2],
    ]
    let way = Math.sqrt(dx * dx + dy * dy + dz * dz)
    for (let j = 0; j < 3; j++) {
      const x = tool.rotation[j] - rotation[j]
      const y = tool.rotation[3 + j] - rotation[3 + j]
      const z = tool.rotation[6 + j] - rotation[6 + j]
      way += tool.reach[j] * Math.sqrt(x * x + y * y + z * z)
    }
    return way
  }

  /** Finds the walls that are within `margin` of the tool, by boxes along the axes. */
  private findNear(margin: number): void {
    const { tool, walls, near, bounds } = this
    tool.bounds(bounds)
    this.nearCount = 0
    for (let i = 0; i < near.length; i++) {
      const w = 6 * i
      let apart = false
      for (let k = 0; k < 3; k++) {
        apart ||= Math.abs(walls[w + k] - bounds[k]) > walls[w + 3 + k] + bounds[3 + k] + margin
      }
      if (!apart) near[this.nearCount++] = i
    }
  }

  /** Pushes the arm out of what it is deepest in, again and again: joints give way as their dampers let them. */
  private pushOut(fingers: Numbers): void {
    const { arm, tool, overlap, near, nearCount } = this
    const { links } = arm.kinematics
    for (let pass = 0; pass < PASSES; pass++) {
      tool.place(links, links.length - 7, fingers)
      let deepest = TOUCH
      let [box, wall] = [-1, -1]
      for (let i = 0; i < nearCount; i++) {
        for (let b = 0; b < tool.count; b++) {
          const depth = overlap.measure(b, near[i], deepest)
          if (depth > deepest) {
            deepest = depth
            box = b
            wall = near[i]
          }
        }
      }
      if (box < 0) return
      overlap.measure(box, wall, 0)
      overlap.locate(box, wall)
      arm.push(overlap.point, overlap.normal, deepest)
    }
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
