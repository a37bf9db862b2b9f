import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { conjugate, fromYaw, multiply, rotate } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT, GROUP_TABLE, objectDescription } from '../physics/rigidBodies.js'
import { contactImpulse, createWorld, restoreWorld, TIMESTEP } from '../physics/world.js'
import { DrivenArm } from '../robots/drivenArm.js'
import { addFingers, driveFinger, type GripperHandles } from '../robots/gripper.js'
import { type ArmSpec, fingerBody, linkBodies } from '../robots/widowx250s.js'
import type { ObjectSpec } from './objects.js'

/** World height of the table top, m; derived from ManiSkill3's spawn heights. */
export const TABLE_TOP = 0.8695
const TABLE_CENTER = [-0.08, 0.02] as const
const TABLE_HALF = [0.42, 0.45, 0.03] as const
const SUBSTEPS = 24
const SETTLED_SPEED = 1e-3
const MAX_SETTLE_STEPS = 120

export const tableBody: Body = {
  name: 'table',
  parts: [{ shape: { kind: 'box', halfExtents: TABLE_HALF }, color: 0xb08a5c, texture: 'wood' }],
}

export const TABLE_POSITION = [TABLE_CENTER[0], TABLE_CENTER[1], TABLE_TOP - TABLE_HALF[2]] as const

/**
 * SimplerEnv's flat-table scene: WidowX base at (0.147, 0.028, 0.870) turned by pi, a table, some objects.
 * World frame, metres. The gripper body is kinematic and follows the driven arm; fingers and objects are dynamic.
 * Links further up the arm do not collide: with the gripper over the table they stay 15 cm above it.
 */
export class FlatTable {
  readonly arm: DrivenArm
  readonly objects: readonly ObjectSpec[]
  private readonly spec: ArmSpec
  private readonly palmIndex: number
  private readonly palmHandle: number
  private readonly objectHandles: number[] = []
  private readonly fingerHandles: GripperHandles
  private readonly template: Uint8Array
  private world: RAPIER.World
  private palm: RAPIER.RigidBody
  private objectBodies: RAPIER.RigidBody[] = []
  private fingers: RAPIER.RigidBody[] = []
  private fingerJoints: RAPIER.PrismaticImpulseJoint[] = []
  private readonly basePosition: Float64Array
  private readonly baseRotation: Float64Array
  private readonly toolPoints: Float64Array
  private readonly pose = new Float64Array(7)
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }
  private readonly impulse = new Float64Array(3)

  constructor(arm: ArmSpec, objects: readonly ObjectSpec[]) {
    this.spec = arm
    this.objects = objects
    this.arm = new DrivenArm(arm, TIMESTEP)
    this.arm.reset(arm.flatTable.qpos)
    this.basePosition = Float64Array.from(arm.flatTable.basePosition)
    this.baseRotation = Float64Array.from(fromYaw(arm.flatTable.baseYaw))
    this.toolPoints = toolPoints(arm)
    this.palmIndex = arm.joints.length - 1

    const world = createWorld()
    this.world = world
    const fixed = { friction: 1, density: 0 }
    const tableDescription = RAPIER.RigidBodyDesc.fixed().setTranslation(...TABLE_POSITION)
    addBody(world, tableDescription, tableBody, { ...fixed, group: GROUP_TABLE, meets: GROUP_OBJECT })
    const robot = { ...fixed, group: GROUP_ROBOT, meets: GROUP_OBJECT }
    const bodies = linkBodies(arm)
    const baseDescription = RAPIER.RigidBodyDesc.fixed()
      .setTranslation(...arm.flatTable.basePosition)
      .setRotation({
        x: 0,
        y: 0,
        z: Math.sin(arm.flatTable.baseYaw / 2),
        w: Math.cos(arm.flatTable.baseYaw / 2),
      })
    addBody(world, baseDescription, bodies[0], robot)
    this.palm = addBody(
      world,
      RAPIER.RigidBodyDesc.kinematicPositionBased(),
      bodies[arm.joints.length],
      robot,
    )
    this.palmHandle = this.palm.handle
    this.movePalm(true)
    this.fingerHandles = addFingers(world, this.palm, arm, arm.gripper.upper)
    for (const [i, object] of objects.entries()) {
      const description = objectDescription().setTranslation(-0.2, 0.2 * i, 2)
      const surface = {
        friction: object.friction,
        density: object.density,
        group: GROUP_OBJECT,
        meets: GROUP_OBJECT | GROUP_ROBOT | GROUP_TABLE,
      }
      this.objectHandles.push(addBody(world, description, object.body, surface).handle)
    }
    world.step()
    this.template = world.takeSnapshot()
    this.bind(world)
  }

  /** Everything back to the start: arm at its initial pose, gripper open, objects parked above the scene. */
  reset(): void {
    this.load(this.template)
    this.arm.reset(this.spec.flatTable.qpos)
  }

  /** Puts an object on the table, standing on its underside. */
  place(index: number, x: number, y: number, yaw: number): void {
    const [qx, qy, qz, qw] = fromYaw(yaw)
    const body = this.objectBodies[index]
    body.setTranslation({ x, y, z: TABLE_TOP + this.objects[index].bottom + 2e-4 }, true)
    body.setRotation({ x: qx, y: qy, z: qz, w: qw }, true)
    body.setLinvel({ x: 0, y: 0, z: 0 }, true)
    body.setAngvel({ x: 0, y: 0, z: 0 }, true)
  }

  /** Puts an object anywhere, at rest; pose is world position and xyzw quaternion. */
  setObjectPose(index: number, pose: Numbers): void {
    const body = this.objectBodies[index]
    body.setTranslation({ x: pose[0], y: pose[1], z: pose[2] }, true)
    body.setRotation({ x: pose[3], y: pose[4], z: pose[5], w: pose[6] }, true)
    body.setLinvel({ x: 0, y: 0, z: 0 }, true)
    body.setAngvel({ x: 0, y: 0, z: 0 }, true)
  }

  /**
   * Lets objects come to rest, at most one second. SimplerEnv drops them from 0.5 m and waits longer; here they
   * start 0.2 mm above the table.
   */
  settle(): void {
    for (let i = 0; i < MAX_SETTLE_STEPS; i++) {
      this.world.step()
      if (i >= 12 && this.speed() < SETTLED_SPEED) return
    }
  }

  /** One 5 Hz control step towards joint and finger targets. */
  controlStep(jointTarget: Numbers, finger: number): void {
    for (const joint of this.fingerJoints) driveFinger(joint, this.spec, finger)
    for (let i = 0; i < SUBSTEPS; i++) {
      this.arm.step(jointTarget)
      if (this.arm.kinematics.tcp[2] < 0.12) this.stopAtTable()
      this.movePalm(false)
      this.world.step()
    }
  }

  /** Joint position of both fingers, m, averaged. */
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

  /** World pose of an object's frame, [7]. */
  objectPose<T extends NumbersOut>(index: number, out: T): T {
    return readPose(this.objectBodies[index], out, this.vector, this.quaternion)
  }

  /** World position of an object's centre of mass. */
  objectCenter<T extends NumbersOut>(index: number, out: T): T {
    const { x, y, z } = this.objectBodies[index].worldCom(this.vector)
    out[0] = x
    out[1] = y
    out[2] = z
    return out
  }

  /** World pose or position (7 or 3 numbers) as seen from the robot's base, in place. */
  toBase<T extends NumbersOut & Numbers>(pose: T): T {
    const inverse = conjugate(rotationScratch, this.baseRotation)
    for (let i = 0; i < 3; i++) pose[i] -= this.basePosition[i]
    rotate(pose, inverse, pose)
    if (pose.length < 7) return pose
    for (let i = 0; i < 4; i++) turnScratch[i] = pose[3 + i]
    multiply(turnScratch, inverse, turnScratch)
    for (let i = 0; i < 4; i++) pose[3 + i] = turnScratch[i]
    return pose
  }

  /** Height of the table top in the robot's base frame, m. */
  get tableHeight(): number {
    return TABLE_TOP - this.basePosition[2]
  }

  /** Why an object no longer counts as on the scene; undefined if all is well. */
  failure(): string | undefined {
    for (const [i, object] of this.objects.entries()) {
      const { x, y, z } = this.objectBodies[i].translation(this.vector)
      if (!Number.isFinite(x + y + z)) return `the simulation of ${object.name} is not finite`
      if (z < TABLE_TOP - 0.03) return `${object.name} fell off the table`
      if (Math.abs(x) > 1.5 || Math.abs(y) > 1.5 || z > 3) return `${object.name} left the scene`
    }
    return undefined
  }

  /**
   * Both fingers press on an object, within 60° of their opening directions
   * (ManiSkill2_real2sim agents/robots/widowx.py `check_grasp`; normal impulses of the last timestep).
   */
  isGrasped(index: number): boolean {
    const object = this.objectBodies[index]
    for (let side = 0; side < 2; side++) {
      const finger = this.fingers[side]
      const impulse = contactImpulse(this.impulse, this.world, finger, object)
      const { x, y, z, w } = finger.rotation(this.quaternion)
      const sign = side === 0 ? 1 : -1
      const opening =
        sign *
        (impulse[0] * 2 * (x * y - w * z) +
          impulse[1] * (1 - 2 * (x * x + z * z)) +
          impulse[2] * 2 * (y * z + w * x))
      const length = Math.hypot(impulse[0], impulse[1], impulse[2])
      if (length < 1e-6 || opening < 0.5 * length) return false
    }
    return true
  }

  /** An object presses on something that is neither the robot nor `target`, with more than 1e-6 N·s. */
  touchesOthers(index: number, target: number): boolean {
    const allowed = this.objectHandles[target]
    const source = this.objectBodies[index]
    let touches = false
    for (let i = 0; i < source.numColliders(); i++) {
      this.world.contactPairsWith(source.collider(i), (other) => {
        const body = other.parent()!
        if (touches || body.handle === allowed || body.handle === source.handle) return
        if (other.collisionGroups() >>> 16 === GROUP_ROBOT) return
        contactImpulse(this.impulse, this.world, source, body)
        touches = Math.hypot(this.impulse[0], this.impulse[1], this.impulse[2]) > 1e-6
      })
    }
    return touches
  }

  /** Bodies that a camera sees, with names that `visitPoses` uses. */
  visibleBodies(): Body[] {
    const fingers = [fingerBody(this.spec, 'left'), fingerBody(this.spec, 'right')]
    return [tableBody, ...linkBodies(this.spec), ...fingers, ...this.objects.map((object) => object.body)]
  }

  /** Names of the visible bodies that never move. */
  fixedBodies(): string[] {
    return [tableBody.name, this.spec.links[0].name]
  }

  /** Calls back with the world pose, [7], of every visible body; the array is reused. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { pose } = this
    pose.set([...TABLE_POSITION, 0, 0, 0, 1])
    visit(tableBody.name, pose)
    pose.set(this.basePosition)
    pose.set(this.baseRotation, 3)
    visit(this.spec.links[0].name, pose)
    for (let link = 0; link <= this.palmIndex; link++) {
      this.linkPose(link)
      visit(this.spec.links[link + 1].name, pose)
    }
    for (const [i, side] of (['left', 'right'] as const).entries()) {
      visit(`${side}_finger_link`, readPose(this.fingers[i], pose, this.vector, this.quaternion))
    }
    for (const [i, object] of this.objects.entries()) visit(object.name, this.objectPose(i, pose))
  }

  /** Bytes of the physics world; the arm's joints are saved by `arm.q`. */
  save(): Uint8Array {
    return this.world.takeSnapshot()
  }

  /** Physics world from `save`, and joint angles. */
  restore(bytes: Uint8Array, q: Numbers): void {
    this.load(bytes)
    this.arm.reset(q)
  }

  close(): void {
    this.world.free()
  }

  private load(bytes: Uint8Array): void {
    this.world.free()
    this.bind(restoreWorld(bytes))
  }

  private bind(world: RAPIER.World): void {
    this.world = world
    this.palm = world.getRigidBody(this.palmHandle)
    this.objectBodies = this.objectHandles.map((handle) => world.getRigidBody(handle))
    this.fingers = this.fingerHandles.fingers.map((handle) => world.getRigidBody(handle))
    this.fingerJoints = this.fingerHandles.joints.map(
      (handle) => world.getImpulseJoint(handle) as RAPIER.PrismaticImpulseJoint,
    )
  }

  private speed(): number {
    let largest = 0
    for (const body of this.objectBodies) {
      const v = body.linvel(this.vector)
      largest = Math.max(largest, Math.hypot(v.x, v.y, v.z))
      const w = body.angvel(this.vector)
      largest = Math.max(largest, 0.05 * Math.hypot(w.x, w.y, w.z))
    }
    return largest
  }

  private stopAtTable(): void {
    const across = this.fingerPosition()
    for (let i = 0; i < 4; i++) this.toolPoints[3 * i + 1] = i < 2 ? across : -across
    this.arm.keepAbove(this.tableHeight, this.toolPoints)
  }

  /** World pose of a joint's child link, into `pose`. */
  private linkPose(link: number): Float64Array {
    const { pose, basePosition, baseRotation } = this
    const source = this.arm.kinematics.links
    for (let i = 0; i < 3; i++) pose[i] = source[7 * link + i]
    rotate(pose, baseRotation, pose)
    for (let i = 0; i < 3; i++) pose[i] += basePosition[i]
    for (let i = 0; i < 4; i++) rotationScratch[i] = source[7 * link + 3 + i]
    multiply(rotationScratch, baseRotation, rotationScratch)
    for (let i = 0; i < 4; i++) pose[3 + i] = rotationScratch[i]
    return pose
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

const rotationScratch = new Float64Array(4)
const turnScratch = new Float64Array(4)

function readPose<T extends NumbersOut>(
  body: RAPIER.RigidBody,
  out: T,
  vector: RAPIER.Vector3,
  quaternion: RAPIER.Quaternion,
): T {
  const p = body.translation(vector)
  out[0] = p.x
  out[1] = p.y
  out[2] = p.z
  const r = body.rotation(quaternion)
  out[3] = r.x
  out[4] = r.y
  out[5] = r.z
  out[6] = r.w
  return out
}

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
