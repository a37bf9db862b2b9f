import { multiply, rotate, wrapAngle } from '../../math/quat.js'
import type { Numbers } from '../../math/vec3.js'
import { BaseFrame } from '../../robots/baseFrame.js'
import { InverseKinematics } from '../../robots/inverseKinematics.js'
import { alohaArm, mounts, type Side } from '../alohaArms.js'
import { type AlohaScene, ARM_JOINTS } from '../alohaScene.js'

/** Where a tool that points down should be. World frame. */
export interface ToolGoal {
  /** Of the tool centre point, m. */
  readonly position: Numbers
  /** Angle of the fingers' axis about the vertical, rad; equal modulo pi. Kept where it is not given. */
  readonly yaw?: number
  /** Way of the goal during a control step, [2], m. */
  readonly drift?: Numbers
  /** 0 closed ... 1 open. */
  readonly gripper: number
}

/** Longest step towards a goal, m and rad, how much longer it may be than the one before, m, and its share of what is missing. */
const MAX_STEP = 0.04
const MAX_TURN = 0.22
const SPEED_UP = 0.014
const GAIN = 0.6
/** Tool that points down, with the fingers' axis along y. */
const DOWN = [0, Math.SQRT1_2, 0, Math.SQRT1_2]

const pose = new Float64Array(7)
const axis = new Float64Array(3)
const solution = new Float64Array(ARM_JOINTS)
const ik = new InverseKinematics(alohaArm)
const frames = mounts.map((mount) => new BaseFrame(mount))

/** World pose of a tool centre point, [7]. */
export function toolPose(scene: AlohaScene, side: Side, out: Float64Array): Float64Array {
  out.set(scene.robots[side].kinematics.tcp)
  return frames[side].toWorld(out)
}

/** Angle of the fingers' axis about the vertical, rad. */
export function toolYaw(tool: Float64Array): number {
  rotate(axis, tool.subarray(3), [0, 1, 0])
  return Math.atan2(axis[1], axis[0])
}

/**
 * Joint targets of the next control step towards a goal, [6], rad. Where none are found the arm stays.
 * @param speed length of the last step, m
 * @returns length of this one
 */
export function followTool(
  scene: AlohaScene,
  side: Side,
  goal: ToolGoal,
  speed: number,
  out: Float64Array,
): number {
  const { target } = scene.moves[side]
  out.set(target)
  toolPose(scene, side, pose)
  const yaw = toolYaw(pose)
  let missing = 0
  for (let i = 0; i < 3; i++) missing += (goal.position[i] - pose[i]) ** 2
  missing = Math.sqrt(missing)
  const step = Math.min(GAIN * missing, MAX_STEP, speed + SPEED_UP)
  const share = missing > 0 ? step / missing : 0
  for (let i = 0; i < 3; i++) pose[i] += share * (goal.position[i] - pose[i])
  for (let i = 0; i < 2; i++) pose[i] += goal.drift?.[i] ?? 0
  const turn = GAIN * wrapAngle((goal.yaw ?? yaw) - yaw, Math.PI)
  const next = yaw + Math.min(MAX_TURN, Math.max(-MAX_TURN, turn))
  // The axis along y before the turn.
  const half = (next - Math.PI / 2) / 2
  const rotation = multiply([0, 0, 0, 1], [0, 0, Math.sin(half), Math.cos(half)], DOWN)
  for (let i = 0; i < 4; i++) pose[3 + i] = rotation[i]
  frames[side].toBase(pose)
  if (!ik.solve(pose, target, solution)) return 0
  for (let i = 0; i < ARM_JOINTS; i++) {
    const { lower, upper } = alohaArm.joints[i]
    if (solution[i] < lower || solution[i] > upper) return 0
  }
  out.set(solution)
  return step
}
