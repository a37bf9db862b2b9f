import { differenceVector, fromYaw, rotate } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { DrivenArm } from '../../../envs/robots/drivenArm.js'
import { EeDeltaController } from '../../../envs/robots/eeDeltaController.js'
import { ArmKinematics } from '../../../envs/robots/kinematics.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable, TABLE_TOP } from '../../../envs/scenes/flatTable.js'
import type { ObjectSpec } from '../../../envs/scenes/objectSpec.js'
import type { Rig } from './rigs.js'

const degrees = 180 / Math.PI
const home = flatTable.mount.qpos
const { openTarget: OPEN, closedTarget: CLOSED } = arm.gripper
/** TCP over the table when the fingertips almost touch it, m. */
const LOWEST_TCP = 0.0185

/** Largest difference of any joint between two rigs, rad, over 1.2 s after a step of one joint's target. */
export function stepDeviation(a: Rig, b: Rig, joint: number, step: number): number {
  const target = home.map((x, i) => x + (i === joint ? step : 0))
  let largest = 0
  for (let i = 0; i < 6; i++) {
    for (const rig of [a, b]) rig.step(target, OPEN)
    for (let k = 0; k < home.length; k++) largest = Math.max(largest, Math.abs(a.q[k] - b.q[k]))
  }
  return largest
}

const REST = [0, 0, 0, 0, 0, 0]
const SIDES = [
  [0.02, 0, 0, 0, 0, 0],
  [0, 0.02, 0, 0, 0, 0],
  [-0.02, 0, 0.01, 0, 0, 0],
  [0, -0.02, -0.01, 0, 0, 0],
]

/** Actions [dx, dy, dz, rx, ry, rz] of control step i. */
export const ACTION_SEQUENCES: Readonly<Record<string, (i: number) => number[]>> = {
  'straight lines': (i) => SIDES[(i >> 2) % 4],
  'a descent': (i) => (i < 6 ? [0, 0, -0.015, 0, 0, 0] : REST),
  'turns about all axes, into a joint limit': (i) => [
    ...[0, 0, 0.01],
    ...[0.08 * Math.sin(i), 0.08 * Math.cos(i), i < 10 ? 0.1 : -0.1],
  ],
  'a zigzag at full speed': (i) => [i % 6 < 3 ? 0.03 : -0.03, i % 4 < 2 ? -0.03 : 0.03, 0.004, 0, 0, 0.05],
}

/**
 * Largest deviation of the TCP, m and degrees, over 20 actions and 4 steps of rest, from the controller on closed-form
 * joints without a world. The rig closes the loop on its own measured joints, as the environment does.
 */
export function trackingDeviation(rig: Rig, action: (i: number) => number[]): [number, number] {
  const controller = new EeDeltaController(arm)
  const analytic = new EeDeltaController(arm)
  const joints = new DrivenArm(arm, 0.2)
  const kinematics = new ArmKinematics(arm)
  joints.reset(home)
  controller.reset(rig.q)
  analytic.reset(home)
  let [way, angle] = [0, 0]
  for (let step = 0; step < 24; step++) {
    const command = step < 20 ? action(step) : REST
    analytic.update(command, joints.q)
    joints.step(analytic.jointTarget)
    controller.update(command, rig.q)
    rig.step(controller.jointTarget, OPEN)
    kinematics.forward(rig.q)
    const [is, ought] = [kinematics.tcp, joints.kinematics.tcp]
    way = Math.max(way, distance(is, ought))
    angle = Math.max(angle, turnBetween(is, ought))
  }
  return [way, angle]
}

export interface GraspResult {
  /** By closing: rotation in degrees, way in m. */
  readonly turned: number
  readonly pushed: number
  /** Joint position of the fingers on the object, m. */
  readonly finger: number
  /** By lifting 12 cm and holding 3 s: rise, and change of the place in the gripper, m. */
  readonly lifted: number
  readonly slipped: number
}

/** Grasps the rig's only object, under the gripper, across its width, lifts it by 12 cm and holds it. */
export function grasp(rig: Rig, object: ObjectSpec): GraspResult {
  const controller = new EeDeltaController(arm)
  controller.reset(rig.q)
  const go = (dz: number, finger: number, steps: number) => {
    for (let i = 0; i < steps; i++) {
      controller.update([0, 0, dz, 0, 0, 0], rig.q)
      rig.step(controller.jointTarget, finger)
    }
  }
  const tcp = rig.tcp()
  const closing = rotate([0, 0, 0], tcp.slice(3), [0, 1, 0])
  const rotation = fromYaw(Math.atan2(-closing[0], closing[1]))
  rig.setObjectPose(0, [-0.3, -0.2, TABLE_TOP + object.bottom, ...rotation])
  rig.settle()
  const there = rig.objectPose(0)
  const center = rig.objectCenter(0)
  for (let k = 0; k < 2; k++) there[k] += tcp[k] - center[k]
  rig.setObjectPose(0, there)
  rig.settle()
  const height = Math.max(TABLE_TOP + LOWEST_TCP, center[2] + object.graspHeight)
  go((height - tcp[2]) / 4, OPEN, 4)
  go(0, OPEN, 12)

  const before = rig.objectPose(0)
  go(0, CLOSED, 5)
  const closed = rig.objectPose(0)
  const finger = rig.fingerPosition()
  const held = inGripper(rig)
  go(0.03, CLOSED, 4)
  go(0, CLOSED, 16)
  return {
    turned: turnBetween(closed, before),
    pushed: distance(closed, before),
    finger,
    lifted: rig.objectPose(0)[2] - closed[2],
    slipped: distance(inGripper(rig), held),
  }
}

/** Where the object is as seen from the tool. */
function inGripper(rig: Rig): number[] {
  const at = rig.objectPose(0)
  const tool = rig.tcp()
  const away = [0, 1, 2].map((k) => at[k] - tool[k])
  return rotate([0, 0, 0], [-tool[3], -tool[4], -tool[5], tool[6]], away)
}

/** Between the positions of poses, m. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
}

/** Between the orientations of poses, degrees. */
export function turnBetween(a: Float64Array, b: Float64Array): number {
  return norm(differenceVector([0, 0, 0], a.slice(3), b.slice(3))) * degrees
}
