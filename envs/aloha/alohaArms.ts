import type { Vec3 } from '../geometry.js'
import { type ArmSpec, readArm } from '../robots/armSpec.js'
import type { RobotMount } from '../robots/robot.js'

/** Both arms are alike; numbers and their source in assets/robots/aloha.urdf and aloha.json. */
export const alohaArm: ArmSpec = readArm('aloha')

export type Side = 0 | 1
/** Left, right. */
export const sides: readonly [Side, Side] = [0, 1]
const names = ['left', 'right'] as const

/** Height of the table top in the world, m (RoboTwin envs/_base_task.py). */
export const TABLE_TOP = 0.74

/**
 * The arms stand side by side on the table's edge, as those of the aloha-agilex robot do behind it; places our own.
 * World frame: x to the right, y away from the robot.
 */
const BASE_X = 0.26
const BASE_Y = -0.34

/** Start pose of each arm, rad: gripper 20 cm above the table, pointing down, 30 cm before the base; our own. */
export const HOME: readonly number[] = [0, -0.1899, 0.3007, 0, 1.46, 0]

function mountAt(x: number): RobotMount {
  return { basePosition: [x, BASE_Y, TABLE_TOP], baseYaw: Math.PI / 2, qpos: HOME, floor: TABLE_TOP }
}

export const mounts: readonly [RobotMount, RobotMount] = [mountAt(-BASE_X), mountAt(BASE_X)]

/** Frame that observations are given in: between the arms on the table, x forward, y left, z up. */
export const stationFrame: RobotMount = { ...mounts[0], basePosition: [0, BASE_Y, TABLE_TOP] }

/** An arm whose bodies have names of their own. */
export function armOf(side: Side): ArmSpec {
  const own = <T extends { readonly name: string }>(link: T): T => ({
    ...link,
    name: bodyName(side, link.name),
  })
  const { links, gripper } = alohaArm
  const [left, right] = gripper.fingers
  return { ...alohaArm, links: links.map(own), gripper: { ...gripper, fingers: [own(left), own(right)] } }
}

function bodyName(side: Side, link: string): string {
  return `${names[side]}_${link}`
}

/** Where a wrist's camera sits and where it looks, in the frame of the tool centre point, m. */
export const wristCamera: { readonly eye: Vec3; readonly target: Vec3 } = {
  eye: [-0.115, 0, 0.062],
  target: [0.02, 0, 0],
}

/** Gripper command (0 closed, 1 open) as the fingers' target, m. */
export function fingerTarget(command: number): number {
  const { closedTarget, openTarget } = alohaArm.gripper
  return closedTarget + (openTarget - closedTarget) * Math.min(1, Math.max(0, command))
}

/** RoboTwin's predicates on the gripper command (envs/robot/robot.py). */
export const isOpen = (command: number): boolean => command > 0.8
export const isClosed = (command: number): boolean => command < 0.2
