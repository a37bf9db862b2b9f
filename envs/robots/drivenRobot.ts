import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { differenceVector, fromYaw } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { BoundingBox } from '../physics/bounds.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT } from '../physics/rigidBodies.js'
import { type ArmSpec, fingerBody, linkBodies } from './armSpec.js'
import { BaseFrame } from './baseFrame.js'
import { DrivenArm } from './drivenArm.js'
import { Gripper } from './gripper.js'
import type { ArmKinematics } from './kinematics.js'
import type { Obstacle, Robot, RobotMount } from './robot.js'
import { ToolClearance } from './toolClearance.js'
import { WallStop } from './wallStop.js'

/** A gripped cube stays within 0.3 degrees, see `Gripper`. */
const FINGER_ARMATURE = { mass: 0.1, inertia: 1e-4 }
/** Above this height of the TCP over the floor, m, no tool point can reach it. */
const CLEAR_HEIGHT = 0.12

/**
 * Robot whose joints follow their drives in closed form. The gripper body is kinematic and follows the arm,
 * the fingers are dynamic; floor and walls stop both, see `DrivenArm` and `WallStop`. Links further up do not
 * collide: while the gripper points down they stay 11 cm above what it touches.
 */
export class DrivenRobot implements Robot {
  readonly spec: ArmSpec
  readonly mount: RobotMount
  readonly q: Float64Array
  readonly kinematics: ArmKinematics
  private readonly arm: DrivenArm
  private readonly frame: BaseFrame
  private readonly floor: number
  private readonly palmIndex: number
  private readonly palmHandle: number
  private readonly gripper: Gripper
  private readonly toolPoints: Float64Array
  private readonly jointTarget: Float64Array
  private readonly timestep: number
  private readonly clearance: ToolClearance
  private readonly wallStop: WallStop | undefined
  private fingersStopped = false
  /** Finger positions where a timestep begins, and where it is to end, left and right. */
  private readonly measured = new Float64Array(2)
  private readonly expected = new Float64Array(2)
  private readonly fingerApproach: number
  private fingerTarget: number
  private readonly pose = new Float64Array(7)
  private readonly before = new Float64Array(7)
  private readonly velocity = { linear: new Float64Array(3), angular: new Float64Array(3) }
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }
  private palm: RAPIER.RigidBody

  /** @param walls boxes along the world's axes that gripper body and fingers stop at. */
  constructor(
    world: RAPIER.World,
    spec: ArmSpec,
    mount: RobotMount,
    timestep: number,
    walls: readonly BoundingBox[] = [],
  ) {
    this.spec = spec
    this.mount = mount
    this.arm = new DrivenArm(spec, timestep)
    this.q = this.arm.q
    this.kinematics = this.arm.kinematics
    this.jointTarget = Float64Array.from(mount.qpos)
    this.arm.reset(mount.qpos)
    this.frame = new BaseFrame(mount)
    this.floor = mount.floor - mount.basePosition[2]
    this.toolPoints = floorPoints(spec)
    this.palmIndex = spec.joints.length - 1
    const { stiffness, damping, openTarget } = spec.gripper
    this.timestep = timestep
    this.clearance = new ToolClearance(spec, walls)
    this.wallStop = walls.length > 0 ? new WallStop(this.arm, spec, walls, mount) : undefined
    this.fingerApproach = 1 - Math.exp((-timestep * stiffness) / damping)
    this.fingerTarget = openTarget

    const surface = { friction: 1, density: 0, group: GROUP_ROBOT, meets: GROUP_OBJECT }
    const bodies = linkBodies(spec)
    const [x, y, z, w] = fromYaw(mount.baseYaw)
    const base = RAPIER.RigidBodyDesc.fixed().setTranslation(...mount.basePosition)
    addBody(world, base.setRotation({ x, y, z, w }), bodies[0], surface)
    const kinematic = RAPIER.RigidBodyDesc.kinematicPositionBased()
    this.palm = addBody(world, kinematic, bodies[this.palmIndex + 1], surface)
    this.palmHandle = this.palm.handle
    this.movePalm(true)
    this.gripper = new Gripper(world, this.palm, spec, FINGER_ARMATURE, GROUP_OBJECT)
  }

  get fingers(): readonly RAPIER.RigidBody[] {
    return this.gripper.fingers
  }

  bind(world: RAPIER.World): void {
    this.palm = world.getRigidBody(this.palmHandle)
    this.gripper.bind(world)
  }

  reset(): void {
    this.arm.reset(this.mount.qpos)
  }

  drive(jointTarget: Numbers, finger: number): void {
    for (let i = 0; i < this.jointTarget.length; i++) this.jointTarget[i] = jointTarget[i]
    this.gripper.drive(finger)
    this.fingersStopped = false
    this.fingerTarget = finger
  }

  /** Gripper and fingers in closed form: with nothing near, no force of the world's solver is needed. */
  glide(steps: number, obstacles: readonly Obstacle[]): number {
    if (!obstacles.every(({ body }) => body.isSleeping())) return 0
    this.clearance.set(obstacles)
    const { gripper, clearance, before, timestep } = this
    const { lower, upper } = this.spec.gripper
    let across = gripper.position()
    let rate = 0
    let pose = this.linkPose(this.palmIndex)
    let done = 0
    for (; done < steps && clearance.isClear(pose); done++) {
      before.set(pose)
      this.wallStop?.begin()
      this.arm.step(this.jointTarget)
      const next = across + (this.fingerTarget - across) * this.fingerApproach
      const bounded = Math.min(upper, Math.max(lower, next))
      rate = (bounded - across) / timestep
      across = bounded
      this.stopAtFloor(across)
      if (this.wallStop?.isNear()) {
        this.wallStop.end(this.measured.fill(across), this.expected.fill(across))
      }
      pose = this.linkPose(this.palmIndex)
    }
    if (done > 0) {
      this.movePalm(true)
      gripper.place(
        this.linkPose(this.palmIndex),
        velocityBetween(this.velocity, before, pose, timestep),
        across,
        rate,
      )
    }
    return done
  }

  beforeStep(): void {
    this.wallStop?.begin()
    this.arm.step(this.jointTarget)
    this.stopAtFloor(undefined)
    this.stopAtWalls()
    this.movePalm(false)
  }

  /** The joints are up to date after every timestep. */
  measure(): void {}

  fingerPosition(): number {
    return this.gripper.position()
  }

  bodies(): Body[] {
    return [...linkBodies(this.spec), fingerBody(this.spec, 'left'), fingerBody(this.spec, 'right')]
  }

  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { pose, spec } = this
    pose.set(IDENTITY)
    visit(spec.links[0].name, this.frame.toWorld(pose))
    for (let link = 0; link <= this.palmIndex; link++) visit(spec.links[link + 1].name, this.linkPose(link))
    for (const [i, { name }] of spec.gripper.fingers.entries()) visit(name, readPose(this.fingers[i], pose))
  }

  save(): number[] {
    return [...this.q]
  }

  restore(state: Numbers): void {
    this.arm.reset(state)
  }

  /** @param finger joint position of the fingers; measured where it is not given. */
  private stopAtFloor(finger: number | undefined): void {
    if (this.kinematics.tcp[2] >= this.floor + CLEAR_HEIGHT) return
    const across = finger ?? this.fingerPosition()
    const { toolPoints, spec } = this
    let at = 0
    for (const { origin, axis } of spec.gripper.fingers) {
      for (const point of spec.floorPoints.finger) {
        for (let k = 0; k < 3; k++) toolPoints[at++] = origin[k] + point[k] + across * axis[k]
      }
    }
    this.arm.keepAbove(this.floor, toolPoints)
  }

  /** The arm gives way; a finger that would go into a wall is driven as far as the wall. */
  private stopAtWalls(): void {
    const { gripper, wallStop, measured, expected, fingerApproach, fingerTarget } = this
    let stopped = false
    if (wallStop?.isNear()) {
      const { lower, upper } = this.spec.gripper
      gripper.positions(measured)
      for (let side = 0; side < 2; side++) {
        const next = measured[side] + (fingerTarget - measured[side]) * fingerApproach
        expected[side] = Math.min(upper, Math.max(lower, next))
      }
      stopped = wallStop.end(measured, expected)
    }
    if (stopped) {
      const left = measured[0] + (expected[0] - measured[0]) / fingerApproach
      const right = measured[1] + (expected[1] - measured[1]) / fingerApproach
      gripper.drive(left, right)
    } else if (this.fingersStopped) {
      gripper.drive(fingerTarget)
    }
    this.fingersStopped = stopped
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

/** Velocity that carries pose `a` to `b` in `time` s. */
function velocityBetween(
  out: { linear: Float64Array; angular: Float64Array },
  a: Float64Array,
  b: Float64Array,
  time: number,
) {
  differenceVector(out.angular, b.subarray(3), a.subarray(3))
  for (let k = 0; k < 3; k++) {
    out.linear[k] = (b[k] - a[k]) / time
    out.angular[k] /= time
  }
  return out
}

const IDENTITY = [0, 0, 0, 0, 0, 0, 1]

/** Points that meet the table first, in the gripper body's frame: the fingers', which move, then its own. */
function floorPoints({ floorPoints, gripper }: ArmSpec): Float64Array {
  const fingers = gripper.fingers.flatMap(() => floorPoints.finger.flat())
  return Float64Array.of(...fingers, ...floorPoints.gripper.flat())
}
