import { rotate, wrapAngle, yawOf } from '../../math/quat.js'
import { type Side, TABLE_TOP } from '../alohaArms.js'
import { CONTROL_PERIOD } from '../alohaScene.js'
import type { ExpertView, Stage } from './script.js'
import { type ToolGoal, toolPose, toolYaw } from './toolFollower.js'

/** Where an arm grips a thing. */
export interface Grip {
  readonly object: number
  /** Grip point in the thing's frame, m; default its origin. */
  readonly at?: readonly [x: number, y: number, z: number]
  /** Angle of the fingers' axis in the thing's frame, rad; undefined: any, the thing is round. */
  readonly across?: number
}

/** Tool centre point above the table when the fingertips are just above it, m. */
const LOWEST = TABLE_TOP + 0.0165
/** How high above a thing the tool arrives, m, and by how much it comes down per m that it is nearer, seen from above. */
const HOVER = 0.07
const SLOPE = 3
/** What counts as being there, m and rad. */
const NEAR = 0.006
const TURNED = 0.08
/** Further than this from the tool, a thing has been lost, m. */
const LOST = 0.06
/** Control steps: after which a grasp has failed, and which closing and opening take at least. */
const CLOSE_PATIENCE = 9
const CLOSE_STEPS = 3
const RELEASE_STEPS = 3

const tool = new Float64Array(7)
const thing = new Float64Array(7)
const point = new Float64Array(3)

/** Something for one arm, nothing for the other. */
export function one<T>(side: Side, value: T): (T | undefined)[] {
  return side === 0 ? [value, undefined] : [undefined, value]
}

/** Fingers around the grip point. */
export function reach(
  view: ExpertView,
  grips: readonly (Grip | undefined)[],
  hover = HOVER,
  gripper = 1,
): Stage {
  return {
    goal: (side) => {
      const grip = grips[side]
      if (!grip) return undefined
      const { position, yaw, drift } = gripGoal(view, grip)
      toolPose(view.scene, side, tool)
      const off = Math.hypot(position[0] - tool[0], position[1] - tool[1])
      const turn = yaw === undefined ? 0 : 0.03 * Math.abs(wrapAngle(yaw - toolYaw(tool), Math.PI))
      position[2] += funnel(off + turn - 0.01, hover)
      return { position, yaw, drift, gripper }
    },
    done: () => grips.every((grip, side) => !grip || isAt(view, side as Side, grip)),
  }
}

/** Closes until both fingers press. */
export function close(view: ExpertView, grips: readonly (Grip | undefined)[]): Stage {
  const holds = () => grips.every((grip, side) => !grip || view.scene.isGrasped(side as Side, grip.object))
  return {
    goal: (side) => {
      const grip = grips[side]
      return grip && { ...gripGoal(view, grip), gripper: 0 }
    },
    done: () => view.elapsed >= CLOSE_STEPS && holds(),
    lost: () => view.elapsed > CLOSE_PATIENCE && !holds(),
  }
}

/** Tools straight up until the tool centre points are `height` above the table, m. */
export function lift(view: ExpertView, grips: readonly (Grip | undefined)[], height: number): Stage {
  const top = TABLE_TOP + height
  return {
    goal: (side) => {
      if (!grips[side]) return undefined
      toolPose(view.scene, side, tool)
      return { position: [tool[0], tool[1], top], gripper: 0 }
    },
    done: () =>
      grips.every((grip, side) => !grip || toolPose(view.scene, side as Side, tool)[2] > top - 0.008),
    lost: () => grips.some((grip, side) => grip && isLost(view, side as Side, grip)),
  }
}

/** Where a held thing's frame should get to. World frame. */
export interface Place {
  readonly position: readonly [x: number, y: number, z: number]
  /** Angle of the thing about the vertical, rad, equal modulo pi; absent: any. */
  readonly yaw?: number
  /** Way of the place during a control step, m. */
  readonly drift?: readonly [number, number]
}

/** Brings the thing that is held to a place, from above. */
export function carry(
  view: ExpertView,
  side: Side,
  grip: Grip,
  place: () => Place,
  { hover = 0.05, tolerance = 0.008, height = NEAR } = {},
): Stage {
  const missing = () => {
    const { position } = place()
    view.scene.objectPose(grip.object, thing)
    return [position[0] - thing[0], position[1] - thing[1], position[2] - thing[2]]
  }
  return {
    goal: (each) => {
      if (each !== side) return undefined
      const { yaw, drift } = place()
      const [dx, dy, dz] = missing()
      toolPose(view.scene, side, tool)
      const off = Math.hypot(dx, dy)
      // Up before across.
      const rise = dz + funnel(off - 0.01, hover)
      const share = Math.max(0, Math.min(1, 1 - (rise - 0.02) / 0.03))
      const turn = yaw === undefined ? 0 : wrapAngle(yaw - yawOf(thing.subarray(3)), Math.PI)
      return {
        position: [tool[0] + share * dx, tool[1] + share * dy, tool[2] + rise],
        yaw: toolYaw(tool) + turn,
        drift,
        gripper: 0,
      }
    },
    done: () => {
      const [dx, dy, dz] = missing()
      return Math.hypot(dx, dy) < tolerance && Math.abs(dz) < height
    },
    lost: () => isLost(view, side, grip),
  }
}

/** Opens, and goes along with what moves. */
export function release(
  view: ExpertView,
  side: Side,
  drift: () => readonly [number, number] = () => [0, 0],
): Stage {
  return {
    goal: (each) =>
      each === side
        ? { position: toolPose(view.scene, side, tool).slice(0, 3), drift: drift(), gripper: 1 }
        : undefined,
    done: () => view.elapsed >= RELEASE_STEPS,
  }
}

/**
 * Some control steps straight up to `height` above the table, m, and near there with `aside` by so much a step outwards,
 * m, out of the other arm's way.
 */
export function retreat(view: ExpertView, side: Side, height: number, steps: number, aside = 0): Stage {
  return {
    goal: (each) => {
      if (each !== side) return undefined
      toolPose(view.scene, side, tool)
      const top = TABLE_TOP + height
      const share = tool[2] > top - 0.03 ? 1 : 0
      const outwards = side === 0 ? -aside : aside
      return { position: [tool[0] + share * outwards, tool[1], top], gripper: view.grippers[side] }
    },
    done: () => view.elapsed >= steps,
  }
}

/** What is gripped is where the tool is not. */
function isLost(view: ExpertView, side: Side, grip: Grip): boolean {
  const [x, y, z] = gripPoint(view, grip)
  toolPose(view.scene, side, tool)
  return Math.hypot(x - tool[0], y - tool[1], z - tool[2]) > LOST
}

/** Way of a moving thing during a control step, m. */
export function driftOf(view: ExpertView, object: number): [number, number] {
  const [vx, vy] = view.scene.velocity(object, [0, 0])
  return [vx * CONTROL_PERIOD, vy * CONTROL_PERIOD]
}

/** How high above its goal a tool goes, m, that is `distance` away seen from above, m. */
function funnel(distance: number, hover: number): number {
  return Math.min(hover, Math.max(0, SLOPE * distance))
}

function isAt(view: ExpertView, side: Side, grip: Grip): boolean {
  const { position, yaw } = gripGoal(view, grip)
  toolPose(view.scene, side, tool)
  if (yaw !== undefined && Math.abs(wrapAngle(yaw - toolYaw(tool), Math.PI)) > TURNED) return false
  const off = Math.hypot(position[0] - tool[0], position[1] - tool[1])
  return off < NEAR && Math.abs(position[2] - tool[2]) < NEAR
}

function gripGoal(view: ExpertView, grip: Grip) {
  const [x, y, z] = gripPoint(view, grip)
  const yaw = grip.across === undefined ? undefined : yawOf(thing.subarray(3)) + grip.across
  const position: [number, number, number] = [x, y, Math.max(LOWEST, z)]
  return { position, yaw, drift: driftOf(view, grip.object) } satisfies Omit<ToolGoal, 'gripper'>
}

/** World position of a grip point; leaves the thing's pose in `thing`. */
function gripPoint(view: ExpertView, { object, at = [0, 0, 0] }: Grip): Float64Array {
  view.scene.objectPose(object, thing)
  rotate(point, thing.subarray(3), at)
  for (let i = 0; i < 3; i++) point[i] += thing[i]
  return point
}
