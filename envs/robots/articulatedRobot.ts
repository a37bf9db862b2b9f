import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body, Vec3 } from '../geometry.js'
import { conjugate, fromYaw, multiply, rotate } from '../math/quat.js'
import { dot, type Numbers } from '../math/vec3.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT, GROUP_TABLE } from '../physics/rigidBodies.js'
import { type ArmSpec, fingerBody, type JointSpec, type LinkSpec, linkBodies } from './armSpec.js'
import { BaseFrame } from './baseFrame.js'
import { type Armature, Gripper } from './gripper.js'
import { ArmKinematics } from './kinematics.js'
import { principalInertia } from './massProperties.js'
import type { Robot, RobotMount } from './robot.js'

const MEETS = GROUP_OBJECT | GROUP_TABLE

/**
 * Added to every link, to the gripper's and to each finger, kg and kg·m². On links of 3e-5 kg·m² the solver's sweeps
 * stay far from what motors of 1000 N·m/rad and 300 N·m·s/rad ask for: joints lag by a fifth of their step, and
 * squeezing fingers throw a cube out. The drives' damping hides inertia of this size (about 1 kg·m² at the waist
 * against 330 N·m·s/rad: 3 ms of 280), and with it eight sweeps are enough.
 */
const LINK_ARMATURE = { mass: 1, inertia: 0.1 }
const PALM_ARMATURE = { mass: 5, inertia: 0.1 }
const FINGER_ARMATURE = { mass: 0.5, inertia: 3e-3 }

/** Less than half a turn, rad: Rapier's motors turn the shorter way round, and from half a turn on to the other side. */
const HALF_TURN = Math.PI - 0.01

/**
 * Robot of rigid links on impulse joints with motors: contact pushes it back, its links have the published
 * masses (and armature) and collide with furniture and objects. Gravity is off on the links (SimplerEnv compensates it).
 */
export class ArticulatedRobot implements Robot {
  readonly spec: ArmSpec
  readonly mount: RobotMount
  readonly q: Float64Array
  readonly kinematics: ArmKinematics
  private readonly gripper: Gripper
  private readonly baseHandle: number
  private readonly linkHandles: number[] = []
  private readonly jointHandles: number[] = []
  /** Base first. */
  private links: RAPIER.RigidBody[] = []
  private joints: RAPIER.UnitImpulseJoint[] = []
  private readonly parentPose = new Float64Array(7)
  private readonly pose = new Float64Array(7)

  constructor(world: RAPIER.World, spec: ArmSpec, mount: RobotMount) {
    this.spec = spec
    this.mount = mount
    this.q = Float64Array.from(mount.qpos)
    this.kinematics = new ArmKinematics(spec)
    this.kinematics.forward(this.q)

    const bodies = linkBodies(spec)
    const surface = { friction: 1, density: 0, group: GROUP_ROBOT, meets: MEETS }
    const [x, y, z, w] = fromYaw(mount.baseYaw)
    const base = RAPIER.RigidBodyDesc.fixed().setTranslation(...mount.basePosition)
    let parent = addBody(world, base.setRotation({ x, y, z, w }), bodies[0], surface)
    this.baseHandle = parent.handle
    const frame = new BaseFrame(mount)
    for (const [i, joint] of spec.joints.entries()) {
      const pose = frame.toWorld(this.kinematics.links.slice(7 * i, 7 * i + 7))
      const armature = i === spec.joints.length - 1 ? PALM_ARMATURE : LINK_ARMATURE
      const link = addBody(world, linkDescription(spec.links[i + 1], armature, pose), bodies[i + 1], surface)
      this.linkHandles.push(link.handle)
      this.jointHandles.push(addJoint(world, joint, parent, link).handle)
      parent = link
    }
    this.gripper = new Gripper(world, parent, spec, FINGER_ARMATURE, MEETS)
    this.bind(world)
    this.drive(mount.qpos, spec.gripper.openTarget)
  }

  get fingers(): readonly RAPIER.RigidBody[] {
    return this.gripper.fingers
  }

  bind(world: RAPIER.World): void {
    this.links = [this.baseHandle, ...this.linkHandles].map((handle) => world.getRigidBody(handle))
    this.joints = this.jointHandles.map((handle) => world.getImpulseJoint(handle) as RAPIER.UnitImpulseJoint)
    this.gripper.bind(world)
  }

  reset(): void {
    this.measure()
  }

  drive(jointTarget: Numbers, finger: number): void {
    for (const [i, { kind, stiffness, damping }] of this.spec.joints.entries()) {
      const target = kind === 'revolute' ? reachable(jointTarget[i], this.q[i]) : jointTarget[i]
      this.joints[i].configureMotorPosition(target, stiffness, damping)
    }
    this.gripper.drive(finger)
  }

  glide(): number {
    return 0
  }

  beforeStep(): void {}

  measure(): void {
    const { links, q, parentPose, pose } = this
    readPose(links[0], parentPose)
    for (const [i, joint] of this.spec.joints.entries()) {
      readPose(links[i + 1], pose)
      q[i] = jointPosition(joint, parentPose, pose)
      parentPose.set(pose)
    }
    this.kinematics.forward(q)
  }

  fingerPosition(): number {
    return this.gripper.position()
  }

  bodies(): Body[] {
    return [...linkBodies(this.spec), fingerBody(this.spec, 'left'), fingerBody(this.spec, 'right')]
  }

  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { spec, pose } = this
    for (const [i, link] of spec.links.entries()) visit(link.name, readPose(this.links[i], pose))
    for (const [i, { name }] of spec.gripper.fingers.entries()) visit(name, readPose(this.fingers[i], pose))
  }

  save(): number[] {
    return []
  }

  restore(): void {
    this.measure()
  }
}

function linkDescription({ mass }: LinkSpec, armature: Armature, pose: Numbers): RAPIER.RigidBodyDesc {
  const { moments, rotation } = principalInertia(mass.inertia)
  const [x, y, z] = moments.map((moment) => moment + armature.inertia)
  return RAPIER.RigidBodyDesc.dynamic()
    .setTranslation(pose[0], pose[1], pose[2])
    .setRotation({ x: pose[3], y: pose[4], z: pose[5], w: pose[6] })
    .setGravityScale(0)
    .setCanSleep(false)
    .setAdditionalMassProperties(
      mass.mass + armature.mass,
      toVector(mass.com),
      { x, y, z },
      {
        x: rotation[0],
        y: rotation[1],
        z: rotation[2],
        w: rotation[3],
      },
    )
}

/** Joint with a motor between the frames of two bodies, which stand as at joint position 0 or not. */
export function addJoint(
  world: RAPIER.World,
  {
    kind,
    origin,
    rotation,
    axis,
    lower,
    upper,
    forceLimit,
  }: Pick<JointSpec, 'kind' | 'origin' | 'rotation' | 'axis' | 'lower' | 'upper' | 'forceLimit'>,
  parent: RAPIER.RigidBody,
  link: RAPIER.RigidBody,
): RAPIER.UnitImpulseJoint {
  const make = kind === 'prismatic' ? RAPIER.JointData.prismatic : RAPIER.JointData.revolute
  const data = make(toVector(origin), { x: 0, y: 0, z: 0 }, toVector(axis))
  const joint = world.createImpulseJoint(data, parent, link, true) as RAPIER.UnitImpulseJoint
  const own = joint.frameX2()
  const [x, y, z, w] = multiply([0, 0, 0, 1], rotation, [own.x, own.y, own.z, own.w])
  joint.setFrameX1({ x, y, z, w })
  // JointData.revolute leaves its limits behind.
  if (lower > Number.NEGATIVE_INFINITY) joint.setLimits(lower, upper)
  joint.setContactsEnabled(false)
  joint.configureMotorModel(RAPIER.MotorModel.ForceBased)
  joint.setMotorMaxForce(forceLimit)
  return joint
}

/** Joint position from the poses of the links that it connects. */
export function jointPosition(
  { kind, origin, rotation, axis }: Pick<JointSpec, 'kind' | 'origin' | 'rotation' | 'axis'>,
  parent: Numbers,
  child: Numbers,
): number {
  for (let i = 0; i < 4; i++) zero[i] = parent[3 + i]
  if (kind === 'prismatic') {
    rotate(moved, zero, origin)
    for (let i = 0; i < 3; i++) moved[i] = child[i] - parent[i] - moved[i]
    rotate(along, multiply(zero, zero, rotation), axis)
    return dot(moved, along)
  }
  multiply(zero, zero, rotation)
  conjugate(zero, zero)
  for (let i = 0; i < 4; i++) turn[i] = child[3 + i]
  multiply(turn, zero, turn)
  const half = Math.atan2(dot(turn, axis), turn[3])
  return 2 * (half > Math.PI / 2 ? half - Math.PI : half < -Math.PI / 2 ? half + Math.PI : half)
}

/** The part of a turning joint's target that a motor can aim at from joint position q, rad. */
function reachable(target: number, q: number): number {
  const near = Math.min(q + HALF_TURN, Math.max(q - HALF_TURN, target))
  return Math.min(HALF_TURN, Math.max(-HALF_TURN, near))
}

const zero = new Float64Array(4)
const turn = new Float64Array(4)
const moved = new Float64Array(3)
const along = new Float64Array(3)

function toVector([x, y, z]: Vec3): RAPIER.Vector3 {
  return { x, y, z }
}
