import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { PinholeCamera } from '../cameras/index.js'
import type { Body } from '../geometry.js'
import { fromYaw } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { type BoundingBox, boundingBox } from '../physics/bounds.js'
import { isHeld, TOUCH } from '../physics/grasp.js'
import { putPose, readCenter, readPose, stop } from '../physics/poses.js'
import {
  addBody,
  GROUP_OBJECT,
  GROUP_ROBOT,
  GROUP_TABLE,
  objectDescription,
  surfaceOf,
} from '../physics/rigidBodies.js'
import { lieStill, settle } from '../physics/settle.js'
import { contactStrength, createWorld, restoreWorld } from '../physics/world.js'
import { BaseFrame } from '../robots/baseFrame.js'
import { type DriveModel, driveModels } from '../robots/driveModels.js'
import type { Obstacle, Robot, RobotMount } from '../robots/robot.js'
import type { ArmSpec } from '../robots/widowx250s.js'
import { type Furniture, wallsOf } from './furniture.js'
import { type Lost, whyLost } from './lost.js'
import type { ObjectSpec } from './objects.js'

/** s. */
export const CONTROL_PERIOD = 0.2
/** Objects that were set down have so long to come to rest, s. */
const SETTLE_TIME = 1
/** World height from which objects are dropped, m. */
const DROP_HEIGHT = 1.37
const OBJECT_MEETS = GROUP_OBJECT | GROUP_ROBOT | GROUP_TABLE

/** A level patch on which objects can be placed: ranges of x and y, and its height. */
export interface Area {
  readonly name: string
  readonly x: readonly [min: number, max: number]
  readonly y: readonly [min: number, max: number]
  readonly z: number
}

/** Furniture that never moves, and where the robot stands in it. World frame, metres. */
export interface SceneSpec {
  readonly id: string
  readonly furniture: readonly Furniture[]
  /** Height of the surface that the source objects are placed on. */
  readonly surface: number
  /** Where objects may be placed. */
  readonly areas: readonly Area[]
  readonly lost: Lost
  readonly mount: RobotMount
  /** The camera on the robot's base, 640x480. */
  camera(): PinholeCamera
}

/** A physics world with a scene's furniture, a robot and some objects. World frame, metres. */
export class Scene {
  readonly spec: SceneSpec
  readonly robot: Robot
  readonly objects: readonly ObjectSpec[]
  readonly baseFrame: BaseFrame
  private readonly objectHandles: number[] = []
  private readonly template: Uint8Array
  private readonly substeps: number
  private world: RAPIER.World
  private readonly boxes: BoundingBox[]
  private objectBodies: RAPIER.RigidBody[] = []
  protected obstacles: Obstacle[] = []
  private readonly pose = new Float64Array(7)
  private readonly vector = { x: 0, y: 0, z: 0 }

  constructor(spec: SceneSpec, arm: ArmSpec, objects: readonly ObjectSpec[], drive: DriveModel = 'driven') {
    this.spec = spec
    this.objects = objects
    this.boxes = objects.map(({ body }) => boundingBox([body]))
    this.baseFrame = new BaseFrame(spec.mount)
    const { solver, addRobot } = driveModels[drive]
    const world = createWorld(solver)
    this.substeps = Math.round(CONTROL_PERIOD / solver.timestep)
    this.world = world
    const surface = surfaceOf({ friction: 1, density: 0, fixed: true })
    for (const { body, position } of spec.furniture) {
      addBody(world, RAPIER.RigidBodyDesc.fixed().setTranslation(...position), body, surface)
    }
    const walls = wallsOf(spec.furniture, spec.mount.floor)
    this.robot = addRobot(world, arm, spec.mount, solver.timestep, walls)
    for (const [i, object] of objects.entries()) {
      const free = object.fixed ? RAPIER.RigidBodyDesc.fixed() : objectDescription()
      const description = free.setTranslation(-0.2, 0.2 * i, 2)
      this.objectHandles.push(addBody(world, description, object.body, surfaceOf(object)).handle)
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

  /** Puts an object on what is there at x, y (an area, else the surface), standing on its underside. */
  place(index: number, x: number, y: number, yaw: number): void {
    const support = areaAt(this.spec, x, y)?.z ?? this.spec.surface
    this.setObjectPose(index, [x, y, support + this.objects[index].bottom + 2e-4, ...fromYaw(yaw)])
  }

  /** Puts an object anywhere, at rest; pose is world position and xyzw quaternion. */
  setObjectPose(index: number, pose: Numbers): void {
    putPose(this.objectBodies[index], pose)
  }

  /**
   * Lets objects come to rest, at most one second. SimplerEnv drops them from 0.5 m and waits longer; here they
   * start 0.2 mm above the table.
   */
  settle(): void {
    if (settle(this.world, this.objectBodies, SETTLE_TIME)) this.rest()
  }

  /**
   * SimplerEnv's start instead (ManiSkill2_real2sim move_near_in_scene.py `_initialize_actors`): objects fall
   * upright from a height, past the robot, and lie free for half a second, or two if they still move.
   */
  drop(): void {
    const second = Math.round(1 / this.world.timestep)
    for (const [i, body] of this.objectBodies.entries()) {
      if (this.objects[i].fixed) continue
      const { x, y } = body.translation(this.vector)
      body.setTranslation({ x, y, z: DROP_HEIGHT }, true)
      body.setEnabledRotations(false, false, true, true)
      setMeets(body, GROUP_OBJECT | GROUP_TABLE)
    }
    this.run(second / 2)
    for (const [i, body] of this.objectBodies.entries()) {
      if (this.objects[i].fixed) continue
      body.setEnabledRotations(true, true, true, true)
      stop(body)
    }
    this.run(second / 2)
    if (!lieStill(this.objectBodies)) this.run(1.5 * second)
    for (const [i, body] of this.objectBodies.entries()) {
      if (!this.objects[i].fixed) setMeets(body, OBJECT_MEETS)
    }
    if (lieStill(this.objectBodies)) this.rest()
  }

  /** Objects at rest sleep, and cost nothing, until something touches them. */
  protected rest(): void {
    for (const { body } of this.obstacles) body.sleep()
  }

  /** One 5 Hz control step towards joint and finger targets. */
  controlStep(jointTarget: Numbers, finger: number): void {
    const { robot, world } = this
    robot.drive(jointTarget, finger)
    for (let i = robot.glide(this.substeps - 1, this.obstacles); i < this.substeps; i++) {
      robot.beforeStep()
      world.step()
    }
    robot.measure()
  }

  /** World pose of an object's frame, [7]. */
  objectPose<T extends NumbersOut>(index: number, out: T): T {
    return readPose(this.objectBodies[index], out)
  }

  /** World position of an object's centre of mass. */
  objectCenter<T extends NumbersOut>(index: number, out: T): T {
    return readCenter(this.objectBodies[index], out)
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
      const why = whyLost(object, this.objectBodies[i], this.spec.lost)
      if (why) return why
    }
    return undefined
  }

  /**
   * Both fingers press on an object, within 60° of their opening directions
   * (ManiSkill2_real2sim agents/robots/widowx.py `check_grasp`; normal impulses of the last timestep).
   */
  isGrasped(index: number): boolean {
    return isHeld(this.world, this.robot.fingers, this.objectBodies[index])
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
        touches = contactStrength(this.world, source, body) > TOUCH
      })
    }
    return touches
  }

  /** Normal force between two objects in the last timestep, N. */
  press(index: number, other: number): number {
    const { objectBodies, world } = this
    return contactStrength(world, objectBodies[index], objectBodies[other]) / world.timestep
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

  /** The physics itself, for scenes that move things. Valid until the next reset or restore. */
  protected get physics() {
    return {
      world: this.world,
      objects: this.objectBodies,
      obstacles: this.obstacles,
      substeps: this.substeps,
    }
  }

  private load(bytes: Uint8Array): void {
    const world = restoreWorld(bytes)
    this.world.free()
    this.bind(world)
  }

  private bind(world: RAPIER.World): void {
    this.world = world
    this.robot.bind(world)
    this.objectBodies = this.objectHandles.map((handle) => world.getRigidBody(handle))
    this.obstacles = this.objects.flatMap(({ fixed }, i) =>
      fixed ? [] : [{ body: this.objectBodies[i], box: this.boxes[i] }],
    )
  }

  private run(timesteps: number): void {
    for (let i = 0; i < timesteps; i++) this.world.step()
  }
}

const UPRIGHT = [0, 0, 0, 1]

/** What an object collides with. */
function setMeets(body: RAPIER.RigidBody, groups: number): void {
  for (let i = 0; i < body.numColliders(); i++) {
    body.collider(i).setCollisionGroups((GROUP_OBJECT << 16) | groups)
  }
}

/** The area that x, y is in, if any. */
export function areaAt(spec: SceneSpec, x: number, y: number): Area | undefined {
  return spec.areas.find((area) => x >= area.x[0] && x <= area.x[1] && y >= area.y[0] && y <= area.y[1])
}
