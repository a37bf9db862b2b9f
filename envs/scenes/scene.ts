import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body, Vec3 } from '../geometry.js'
import { fromYaw } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT, GROUP_TABLE, objectDescription } from '../physics/rigidBodies.js'
import { contactImpulse, createWorld, restoreWorld } from '../physics/world.js'
import { BaseFrame } from '../robots/baseFrame.js'
import { DrivenRobot } from '../robots/drivenRobot.js'
import type { Robot, RobotMount } from '../robots/robot.js'
import type { ArmSpec } from '../robots/widowx250s.js'
import type { ObjectSpec } from './objects.js'

const SUBSTEPS = 24
const SETTLED_SPEED = 1e-3
const MAX_SETTLE_STEPS = 120

/** Furniture that never moves, and where the robot stands in it. World frame, metres. */
export interface SceneSpec {
  readonly id: string
  readonly furniture: readonly { readonly body: Body; readonly position: Vec3 }[]
  /** Height of the surface that objects are placed on. */
  readonly surface: number
  readonly mount: RobotMount
}

/** A physics world with a scene's furniture, a robot and some objects. World frame, metres. */
export class Scene {
  readonly spec: SceneSpec
  readonly robot: Robot
  readonly objects: readonly ObjectSpec[]
  readonly baseFrame: BaseFrame
  private readonly objectHandles: number[] = []
  private readonly template: Uint8Array
  private world: RAPIER.World
  private objectBodies: RAPIER.RigidBody[] = []
  private readonly pose = new Float64Array(7)
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }
  private readonly impulse = new Float64Array(3)

  constructor(spec: SceneSpec, arm: ArmSpec, objects: readonly ObjectSpec[]) {
    this.spec = spec
    this.objects = objects
    this.baseFrame = new BaseFrame(spec.mount)
    const world = createWorld()
    this.world = world
    const surface = { friction: 1, density: 0, group: GROUP_TABLE, meets: GROUP_OBJECT }
    for (const { body, position } of spec.furniture) {
      addBody(world, RAPIER.RigidBodyDesc.fixed().setTranslation(...position), body, surface)
    }
    this.robot = new DrivenRobot(world, arm, spec.mount)
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
    this.robot.reset()
  }

  /** Puts an object on the surface, standing on its underside. */
  place(index: number, x: number, y: number, yaw: number): void {
    const [qx, qy, qz, qw] = fromYaw(yaw)
    const body = this.objectBodies[index]
    body.setTranslation({ x, y, z: this.spec.surface + this.objects[index].bottom + 2e-4 }, true)
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
    const { robot, world } = this
    robot.drive(jointTarget, finger)
    for (let i = 0; i < SUBSTEPS; i++) {
      robot.beforeStep()
      world.step()
      robot.afterStep()
    }
  }

  /** World pose of an object's frame, [7]. */
  objectPose<T extends NumbersOut>(index: number, out: T): T {
    return readPose(this.objectBodies[index], out)
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
    return this.baseFrame.toBase(pose)
  }

  /** Height of the surface in the robot's base frame, m. */
  get surfaceHeight(): number {
    return this.spec.surface - this.spec.mount.basePosition[2]
  }

  /** Why an object no longer counts as on the scene; undefined if all is well. */
  failure(): string | undefined {
    for (const [i, object] of this.objects.entries()) {
      const { x, y, z } = this.objectBodies[i].translation(this.vector)
      if (!Number.isFinite(x + y + z)) return `the simulation of ${object.name} is not finite`
      if (z < this.spec.surface - 0.03) return `${object.name} fell off the table`
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
      const finger = this.robot.fingers[side]
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
    const furniture = this.spec.furniture.map(({ body }) => body)
    return [...furniture, ...this.robot.bodies(), ...this.objects.map((object) => object.body)]
  }

  /** Names of the visible bodies that never move. */
  fixedBodies(): string[] {
    return [...this.spec.furniture.map(({ body }) => body.name), this.robot.spec.links[0].name]
  }

  /** Calls back with the world pose, [7], of every visible body; the array is reused. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { pose } = this
    for (const { body, position } of this.spec.furniture) {
      pose.set(position)
      pose.set(UPRIGHT, 3)
      visit(body.name, pose)
    }
    this.robot.visitPoses(visit)
    for (const [i, object] of this.objects.entries()) visit(object.name, this.objectPose(i, pose))
  }

  /** Bytes of the physics world; what it does not hold is in `robot.save()`. */
  save(): Uint8Array {
    return this.world.takeSnapshot()
  }

  /** From the results of `save()` and `robot.save()`. */
  restore(bytes: Uint8Array, robot: Numbers): void {
    this.load(bytes)
    this.robot.restore(robot)
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
    this.robot.bind(world)
    this.objectBodies = this.objectHandles.map((handle) => world.getRigidBody(handle))
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
}

const UPRIGHT = [0, 0, 0, 1]
