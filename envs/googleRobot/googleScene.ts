import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { isPushedOpen, TOUCH } from '../physics/grasp.js'
import { putPose, readPose } from '../physics/poses.js'
import { addBody, GROUP_ROBOT, objectDescription, surfaceOf } from '../physics/rigidBodies.js'
import { settle } from '../physics/settle.js'
import { contactStrength, createWorld, restoreWorld } from '../physics/world.js'
import { whyLost } from '../scenes/lost.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import { BOTTOM_PART, Drawers, drawerBody, drawerNames } from './cabinet.js'
import { type BasePlace, GoogleRobot, type RobotState } from './googleRobot.js'
import { HandClearance } from './handClearance.js'
import type { GoogleSceneSpec } from './scenes.js'
import { turnedExtents } from './turnedExtents.js'

/** s; 40 timesteps. */
export const CONTROL_PERIOD = 1 / 3
const TIMESTEP = 1 / 120
const SUBSTEPS = Math.round(CONTROL_PERIOD / TIMESTEP)
/** Objects have so long to come to rest, s. */
const SETTLE_TIME = 2
/** Where objects wait that an episode does not need: under the floor. */
const PARKED = [0, 0, -3, 0, 0, 0, 1]
/** How far from the origin things may be, m. */
const REACH = 2
/** Cosine of the angle between a finger's opening direction and what pushes it, in a grasp: 80°. */
const GRASP_COSINE = Math.cos((80 * Math.PI) / 180)

/** A physics world with a room, the Google Robot, some objects and perhaps drawers. World frame, metres. */
export class GoogleScene {
  readonly spec: GoogleSceneSpec
  readonly objects: readonly ObjectSpec[]
  readonly robot: GoogleRobot
  readonly drawers: Drawers | undefined
  /** Objects of the episode, by index. */
  readonly present: boolean[]
  private world: RAPIER.World
  private readonly template: Uint8Array
  private readonly objectHandles: number[] = []
  private bodies: RAPIER.RigidBody[] = []
  private readonly pose = new Float64Array(7)
  private readonly clearance: HandClearance
  private readonly middle = new Float64Array(3)

  constructor(spec: GoogleSceneSpec, objects: readonly ObjectSpec[]) {
    this.spec = spec
    this.objects = objects
    this.present = objects.map(() => false)
    this.clearance = new HandClearance(spec, objects)
    const world = createWorld({ timestep: TIMESTEP, iterations: 4 })
    this.world = world
    const surface = surfaceOf({ friction: 1, density: 0, fixed: true })
    const room = spec.room.map(({ body, position }) =>
      addBody(world, RAPIER.RigidBodyDesc.fixed().setTranslation(...position), body, surface),
    )
    if (spec.drawers) this.drawers = new Drawers(world, room[0])
    this.robot = new GoogleRobot(world, TIMESTEP)
    for (const object of objects) {
      const description = objectDescription().setTranslation(0, 0, -3)
      this.objectHandles.push(addBody(world, description, object.body, surfaceOf(object)).handle)
    }
    this.template = world.takeSnapshot()
    this.bind(world)
  }

  /** Everything back to the start: the robot at a place, drawers closed, no objects. */
  reset(place: BasePlace): void {
    this.load(this.template)
    this.robot.reset(place)
    this.present.fill(false)
    for (const body of this.bodies) {
      putPose(body, PARKED)
      body.setEnabled(false)
    }
  }

  /** Puts an object at rest at a world pose, [7]. */
  place(index: number, pose: Numbers): void {
    const body = this.bodies[index]
    this.present[index] = true
    body.setEnabled(true)
    putPose(body, pose)
  }

  /** Height of an object's origin when it stands on the area, turned like this, m. */
  restingHeight(index: number, rotation: Numbers): number {
    return this.spec.area.z + turnedExtents(this.objects[index].box, rotation)[2] / 2 + 2e-4
  }

  /** Lets objects come to rest, at most two seconds, past the robot, which waits. */
  settle(): void {
    if (settle(this.world, this.bodies, SETTLE_TIME)) {
      for (const body of this.bodies) body.sleep()
      for (const body of this.drawers?.bodies ?? []) body.sleep()
    }
    this.robot.afterStep()
  }

  /** One control step with an action. */
  controlStep(action: Numbers): void {
    const { robot, world } = this
    robot.act(action)
    for (let i = this.glide(); i < SUBSTEPS; i++) {
      robot.beforeStep()
      world.step()
      robot.afterStep()
    }
  }

  /** Timesteps in which nothing moves and nothing is near the hand need no solver. Returns how many of them there were. */
  private glide(): number {
    const { robot, clearance, middle } = this
    if (!clearance.set(this.bodies, this.present, this.drawers?.bodies ?? NO_BODIES)) return 0
    let done = 0
    for (; done < SUBSTEPS; done++) {
      robot.middle(middle)
      if (!clearance.isClear(middle[0], middle[1], middle[2])) break
      robot.glide()
    }
    if (done > 0) robot.land()
    return done
  }

  /** World pose of an object's frame, [7]. */
  objectPose<T extends NumbersOut>(index: number, out: T): T {
    return readPose(this.bodies[index], out)
  }

  /** Why an object no longer counts as on the scene; undefined if all is well. */
  failure(): string | undefined {
    for (const [i, object] of this.objects.entries()) {
      const why = this.present[i] ? whyLost(object, this.bodies[i], this.spec.lost, REACH) : undefined
      if (why) return why
    }
    return undefined
  }

  /**
   * Both fingers are pushed by an object, within 80° of their opening directions
   * (ManiSkill2_real2sim agents/robots/google_robot.py `check_grasp`; normal impulses of the last timestep).
   */
  isGrasped(index: number): boolean {
    const object = this.bodies[index]
    return this.robot.hand.fingers.every(({ body }) =>
      isPushedOpen(this.world, body, object, 1, GRASP_COSINE),
    )
  }

  /** An object presses on something that is not the robot. */
  touchesOthers(index: number): boolean {
    const body = this.bodies[index]
    let touches = false
    for (let i = 0; i < body.numColliders(); i++) {
      this.world.contactPairsWith(body.collider(i), (other) => {
        if (touches || other.collisionGroups() >>> 16 === GROUP_ROBOT) return
        const parent = other.parent()!
        if (parent.handle === body.handle) return
        touches = contactStrength(this.world, body, parent) > TOUCH
      })
    }
    return touches
  }

  /** An object presses on a drawer's bottom. */
  touchesBottom(index: number, drawer: number): boolean {
    const bottom = this.drawers!.bodies[drawer].collider(BOTTOM_PART)
    const body = this.bodies[index]
    let sum = 0
    for (let i = 0; i < body.numColliders(); i++) {
      this.world.contactPair(body.collider(i), bottom, (manifold) => {
        for (let k = 0; k < manifold.numContacts(); k++) sum += manifold.contactImpulse(k)
      })
    }
    return sum > TOUCH
  }

  /** Bodies that a camera sees, with names that `visitPoses` uses. */
  visibleBodies(): Body[] {
    return [
      ...this.spec.room.map(({ body }) => body),
      ...(this.spec.drawers ? drawerNames.map(drawerBody) : []),
      ...this.robot.bodies(),
      ...this.objects.map(({ body }) => body),
    ]
  }

  /** Names of the visible bodies that never move during an episode. */
  fixedBodies(): string[] {
    return [...this.spec.room.map(({ body }) => body.name), this.robot.bodies()[0].name]
  }

  /** Calls back with the world pose, [7], of every visible body; the array is reused. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    const { pose } = this
    for (const { body, position } of this.spec.room) {
      pose.set(position)
      pose.set(UPRIGHT, 3)
      visit(body.name, pose)
    }
    for (const [i, body] of (this.drawers?.bodies ?? []).entries()) {
      visit(`${drawerNames[i]}_drawer`, readPose(body, pose))
    }
    this.robot.visitPoses(visit)
    for (const [i, { name }] of this.objects.entries()) visit(name, this.objectPose(i, pose))
  }

  save(): { state: SceneState; world: Uint8Array } {
    return {
      state: { robot: this.robot.save(), present: [...this.present] },
      world: this.world.takeSnapshot(),
    }
  }

  restore(bytes: Uint8Array, { robot, present }: SceneState): void {
    this.load(bytes)
    this.robot.restore(robot)
    for (const [i, is] of present.entries()) this.present[i] = is
  }

  close(): void {
    this.world.free()
  }

  private load(bytes: Uint8Array): void {
    const world = restoreWorld(bytes)
    this.world.free()
    this.bind(world)
  }

  private bind(world: RAPIER.World): void {
    this.world = world
    this.robot.bind(world)
    this.drawers?.bind(world)
    this.bodies = this.objectHandles.map((handle) => world.getRigidBody(handle))
  }
}

export interface SceneState {
  readonly robot: RobotState
  readonly present: readonly boolean[]
}

const UPRIGHT = [0, 0, 0, 1]
const NO_BODIES: readonly RAPIER.RigidBody[] = []
