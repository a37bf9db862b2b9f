import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Vec3 } from '../geometry.js'
import { rotate } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_ROBOT } from '../physics/rigidBodies.js'
import { type ArmSpec, fingerBody, type GripperSpec } from './armSpec.js'

/** Mass and isotropic inertia of a body as the solver sees it, as a geared motor's rotor would give it, kg and kg·m². */
export interface Armature {
  readonly mass: number
  readonly inertia: number
}

const SIDES = ['left', 'right'] as const

/** m/s and rad/s of a body's origin in the world. */
export interface RigidVelocity {
  readonly linear: Numbers
  readonly angular: Numbers
}

/** Two dynamic fingers on slides of the gripper body. */
export class Gripper {
  fingers: RAPIER.RigidBody[] = []
  private readonly spec: GripperSpec
  private readonly palmHandle: number
  private readonly fingerHandles: number[] = []
  private readonly slideHandles: number[] = []
  private palm: RAPIER.RigidBody
  private slides: RAPIER.PrismaticImpulseJoint[] = []
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly lever = new Float64Array(3)
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }

  /**
   * Adds the fingers, open, to where `palm` is; they meet the collision groups `meets`. Their slides are so damped
   * (200 N·s/m) that mass hardly shows in their motion, but with the true 16 g and 4e-6 kg·m² alone the solver has
   * fingers much lighter than what they hold, and a gripped cube turns. Slides are anchored at the centre of mass;
   * anchored at the link's origin, a cube spins out.
   */
  constructor(world: RAPIER.World, palm: RAPIER.RigidBody, arm: ArmSpec, armature: Armature, meets: number) {
    this.spec = arm.gripper
    this.palm = palm
    this.palmHandle = palm.handle
    for (let side = 0; side < 2; side++) this.addFinger(world, arm, side, armature, meets)
    this.bind(world)
    this.drive(this.spec.openTarget)
  }

  bind(world: RAPIER.World): void {
    this.palm = world.getRigidBody(this.palmHandle)
    this.fingers = this.fingerHandles.map((handle) => world.getRigidBody(handle))
    this.slides = this.slideHandles.map(
      (handle) => world.getImpulseJoint(handle) as RAPIER.PrismaticImpulseJoint,
    )
  }

  /** Targets of the fingers, m. */
  drive(left: number, right = left): void {
    const { stiffness, damping } = this.spec
    this.slides[0].configureMotorPosition(left, stiffness, damping)
    this.slides[1].configureMotorPosition(right, stiffness, damping)
  }

  /** Joint position of both fingers, m, averaged. */
  position(): number {
    this.positions(sides)
    return (sides[0] + sides[1]) / 2
  }

  /** Joint positions, left and right, m. */
  positions(out: Float64Array): void {
    const p = this.palm.translation(this.vector)
    const [px, py, pz] = [p.x, p.y, p.z]
    const { x, y, z, w } = this.palm.rotation(this.quaternion)
    for (let side = 0; side < 2; side++) {
      const { axis, origin } = this.spec.fingers[side]
      const [ux, uy, uz] = axis
      const ax = (1 - 2 * (y * y + z * z)) * ux + 2 * (x * y - w * z) * uy + 2 * (x * z + w * y) * uz
      const ay = 2 * (x * y + w * z) * ux + (1 - 2 * (x * x + z * z)) * uy + 2 * (y * z - w * x) * uz
      const az = 2 * (x * z - w * y) * ux + 2 * (y * z + w * x) * uy + (1 - 2 * (x * x + y * y)) * uz
      const finger = this.fingers[side].translation(this.vector)
      out[side] = (finger.x - px) * ax + (finger.y - py) * ay + (finger.z - pz) * az
      out[side] -= origin[0] * ux + origin[1] * uy + origin[2] * uz
    }
  }

  /** Both fingers at joint position `across` of the gripper body at `pose`, moving with it. */
  place(pose: Numbers, velocity: RigidVelocity, across: number, rate: number): void {
    const { vector, quaternion, spec, lever } = this
    const { linear, angular } = velocity
    quaternion.x = pose[3]
    quaternion.y = pose[4]
    quaternion.z = pose[5]
    quaternion.w = pose[6]
    for (let side = 0; side < 2; side++) {
      const { axis, origin, mass } = spec.fingers[side]
      const finger = this.fingers[side]
      finger.setRotation(quaternion, true)
      turn(lever, pose, origin, axis, across)
      vector.x = pose[0] + lever[0]
      vector.y = pose[1] + lever[1]
      vector.z = pose[2] + lever[2]
      finger.setTranslation(vector, true)
      // A body's linear velocity is that of its centre of mass.
      turn(lever, pose, mass.com, axis, 0)
      const [x, y, z] = [
        vector.x - pose[0] + lever[0],
        vector.y - pose[1] + lever[1],
        vector.z - pose[2] + lever[2],
      ]
      turn(lever, pose, NO_OFFSET, axis, rate)
      vector.x = linear[0] + angular[1] * z - angular[2] * y + lever[0]
      vector.y = linear[1] + angular[2] * x - angular[0] * z + lever[1]
      vector.z = linear[2] + angular[0] * y - angular[1] * x + lever[2]
      finger.setLinvel(vector, true)
      vector.x = angular[0]
      vector.y = angular[1]
      vector.z = angular[2]
      finger.setAngvel(vector, true)
    }
  }

  private addFinger(
    world: RAPIER.World,
    arm: ArmSpec,
    side: number,
    armature: Armature,
    meets: number,
  ): void {
    const { palm, spec } = this
    const { origin, axis, mass } = spec.fingers[side]
    const [cx, cy, cz] = mass.com
    const start = palmPoint(palm, origin, axis, spec.upper)
    const description = RAPIER.RigidBodyDesc.dynamic()
      .setTranslation(start.x, start.y, start.z)
      .setRotation(palm.rotation())
      .setGravityScale(0)
      .setCanSleep(false)
      .setAdditionalMassProperties(
        armature.mass,
        { x: cx, y: cy, z: cz },
        { x: armature.inertia, y: armature.inertia, z: armature.inertia },
        { x: 0, y: 0, z: 0, w: 1 },
      )
    const surface = { friction: spec.friction, density: 0, group: GROUP_ROBOT, meets }
    const finger = addBody(world, description, fingerBody(arm, SIDES[side]), surface)
    const slide = RAPIER.JointData.prismatic(
      { x: origin[0] + cx, y: origin[1] + cy, z: origin[2] + cz },
      { x: cx, y: cy, z: cz },
      { x: axis[0], y: axis[1], z: axis[2] },
    )
    slide.limitsEnabled = true
    slide.limits = [spec.lower, spec.upper]
    const joint = world.createImpulseJoint(slide, palm, finger, true) as RAPIER.PrismaticImpulseJoint
    joint.setContactsEnabled(false)
    joint.configureMotorModel(RAPIER.MotorModel.ForceBased)
    joint.setMotorMaxForce(spec.forceLimit)
    this.fingerHandles.push(finger.handle)
    this.slideHandles.push(joint.handle)
  }
}

/**
 * Finger target of a gripper command: -1 closed, +1 open, 1 mm beyond the joint range at both ends
 * (ManiSkill2_real2sim agents/configs/widowx/defaults.py).
 */
export function fingerTarget(arm: ArmSpec, command: number): number {
  const { closedTarget, openTarget } = arm.gripper
  const clipped = Math.min(1, Math.max(-1, command))
  return 0.5 * (openTarget + closedTarget) + 0.5 * (openTarget - closedTarget) * clipped
}

/** World position of `origin + along·axis` of the gripper body's frame. */
function palmPoint(palm: RAPIER.RigidBody, origin: Vec3, axis: Vec3, along: number): RAPIER.Vector3 {
  const pose = readPose(palm, new Float64Array(7))
  const [x, y, z] = turn(new Float64Array(3), pose, origin, axis, along)
  return { x: pose[0] + x, y: pose[1] + y, z: pose[2] + z }
}

/** `origin + along·axis` turned by a pose's rotation. */
function turn(out: Float64Array, pose: Numbers, origin: Vec3, axis: Vec3, along: number): Float64Array {
  for (let k = 0; k < 3; k++) out[k] = origin[k] + along * axis[k]
  for (let k = 0; k < 4; k++) rotation[k] = pose[3 + k]
  return rotate(out, rotation, out)
}

const rotation = new Float64Array(4)
const sides = new Float64Array(2)
const NO_OFFSET: Vec3 = [0, 0, 0]
