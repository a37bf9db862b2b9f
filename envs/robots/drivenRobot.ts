import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { fromYaw } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT } from '../physics/rigidBodies.js'
import { TIMESTEP } from '../physics/world.js'
import { BaseFrame } from './baseFrame.js'
import { DrivenArm } from './drivenArm.js'
import { addFingers, driveFinger, type GripperHandles } from './gripper.js'
import type { ArmKinematics } from './kinematics.js'
import type { Robot, RobotMount } from './robot.js'
import { type ArmSpec, fingerBody, linkBodies } from './widowx250s.js'

/** Above this height of the TCP over the floor, m, no tool point can reach it. */
const CLEAR_HEIGHT = 0.12

/**
 * Robot whose joints follow their drives in closed form. The gripper body is kinematic and follows the arm,
 * the fingers are dynamic. Links further up do not collide: with the gripper over the table they stay 15 cm
 * above it.
 */
export class DrivenRobot implements Robot {
  readonly spec: ArmSpec
  readonly mount: RobotMount
  readonly q: Float64Array
  readonly kinematics: ArmKinematics
  fingers: RAPIER.RigidBody[] = []
  private readonly arm: DrivenArm
  private readonly frame: BaseFrame
  private readonly floor: number
  private readonly palmIndex: number
  private readonly palmHandle: number
  private readonly handles: GripperHandles
  private readonly toolPoints: Float64Array
  private readonly jointTarget: Float64Array
  private readonly pose = new Float64Array(7)
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }
  private palm: RAPIER.RigidBody
  private slides: RAPIER.PrismaticImpulseJoint[] = []

  constructor(world: RAPIER.World, spec: ArmSpec, mount: RobotMount) {
    this.spec = spec
    this.mount = mount
    this.arm = new DrivenArm(spec, TIMESTEP)
    this.q = this.arm.q
    this.kinematics = this.arm.kinematics
    this.jointTarget = Float64Array.from(mount.qpos)
    this.arm.reset(mount.qpos)
    this.frame = new BaseFrame(mount)
    this.floor = mount.floor - mount.basePosition[2]
    this.toolPoints = toolPoints(spec)
    this.palmIndex = spec.joints.length - 1

    const surface = { friction: 1, density: 0, group: GROUP_ROBOT, meets: GROUP_OBJECT }
    const bodies = linkBodies(spec)
    const [x, y, z, w] = fromYaw(mount.baseYaw)
    const base = RAPIER.RigidBodyDesc.fixed().setTranslation(...mount.basePosition)
    addBody(world, base.setRotation({ x, y, z, w }), bodies[0], surface)
    const kinematic = RAPIER.RigidBodyDesc.kinematicPositionBased()
    this.palm = addBody(world, kinematic, bodies[this.palmIndex + 1], surface)
    this.palmHandle = this.palm.handle
    this.movePalm(true)
    this.handles = addFingers(world, this.palm, spec, spec.gripper.upper)
    this.bind(world)
  }

  bind(world: RAPIER.World): void {
    this.palm = world.getRigidBody(this.palmHandle)
    this.fingers = this.handles.fingers.map((handle) => world.getRigidBody(handle))
    this.slides = this.handles.joints.map(
      (handle) => world.getImpulseJoint(handle) as RAPIER.PrismaticImpulseJoint,
    )
  }

  reset(): void {
    this.arm.reset(this.mount.qpos)
  }

  drive(jointTarget: Numbers, finger: number): void {
    for (let i = 0; i < this.jointTarget.length; i++) this.jointTarget[i] = jointTarget[i]
    for (const slide of this.slides) driveFinger(slide, this.spec, finger)
  }

  beforeStep(): void {
    this.arm.step(this.jointTarget)
    if (this.kinematics.tcp[2] < this.floor + CLEAR_HEIGHT) this.stopAtFloor()
    this.movePalm(false)
  }

  afterStep(): void {}

  fingerPosition(): number {
    const p = this.palm.translation(this.vector)
    const [px, py, pz] = [p.x, p.y, p.z]
    const { x, y, z, w } = this.palm.rotation(this.quaternion)
    const ax = 2 * (x * y - w * z)
    const ay = 1 - 2 * (x * x + z * z)
    const az = 2 * (y * z + w * x)
    const left = this.fingers[0].translation(this.vector)
    const leftAt = (left.x - px) * ax + (left.y - py) * ay + (left.z - pz) * az
    const right = this.fingers[1].translation(this.vector)
    const rightAt = (right.x - px) * ax + (right.y - py) * ay + (right.z - pz) * az
    return (leftAt - rightAt) / 2
  }

  bodies(): Body[] {
    return [...linkBodies(this.spec), fingerBody(this.spec, 'left'), fingerBody(this.spec, 'right')]
  }

  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { pose, spec } = this
    pose.set(IDENTITY)
    visit(spec.links[0].name, this.frame.toWorld(pose))
    for (let link = 0; link <= this.palmIndex; link++) visit(spec.links[link + 1].name, this.linkPose(link))
    visit('left_finger_link', readPose(this.fingers[0], pose))
    visit('right_finger_link', readPose(this.fingers[1], pose))
  }

  save(): number[] {
    return [...this.q]
  }

  restore(state: Numbers): void {
    this.arm.reset(state)
  }

  private stopAtFloor(): void {
    const across = this.fingerPosition()
    for (let i = 0; i < 4; i++) this.toolPoints[3 * i + 1] = i < 2 ? across : -across
    this.arm.keepAbove(this.floor, this.toolPoints)
  }

  /** World pose of a joint's child link, into `pose`. */
  private linkPose(link: number): Float64Array {
    const { pose, kinematics } = this
    for (let i = 0; i < 7; i++) pose[i] = kinematics.links[7 * link + i]
    return this.frame.toWorld(pose)
  }

  private movePalm(teleport: boolean): void {
    const { palm, vector, quaternion } = this
    const pose = this.linkPose(this.palmIndex)
    vector.x = pose[0]
    vector.y = pose[1]
    vector.z = pose[2]
    quaternion.x = pose[3]
    quaternion.y = pose[4]
    quaternion.z = pose[5]
    quaternion.w = pose[6]
    if (teleport) {
      palm.setTranslation(vector, true)
      palm.setRotation(quaternion, true)
    } else {
      palm.setNextKinematicTranslation(vector)
      palm.setNextKinematicRotation(quaternion)
    }
  }
}

const IDENTITY = [0, 0, 0, 0, 0, 0, 1]

/** Corners that meet the table first, in the gripper body's frame: four fingertips, then the bar's ends. */
function toolPoints(arm: ArmSpec): Float64Array {
  const tip = arm.fingersOffset + arm.gripper.leftBoxes[1].center[0] + arm.gripper.leftBoxes[1].halfExtents[0]
  const [half, bar, barHalf] = [0.0131, 0.0716, 0.0506]
  return Float64Array.of(
    ...[tip, 0, half],
    ...[tip, 0, -half],
    ...[tip, 0, half],
    ...[tip, 0, -half],
    ...[bar, barHalf, 0],
    ...[bar, -barHalf, 0],
    ...[0.046, 0, 0.0358],
  )
}
