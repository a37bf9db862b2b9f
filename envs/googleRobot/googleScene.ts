import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { rotationMatrix } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { readPose } from '../physics/poses.js'
import { addBody, GROUP_OBJECT, GROUP_ROBOT, GROUP_TABLE, objectDescription } from '../physics/rigidBodies.js'
import { contactImpulse, createWorld, restoreWorld } from '../physics/world.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import { BOTTOM_PART, Drawers, drawerBody, drawerNames } from './cabinet.js'
import { put } from './follower.js'
import { type BasePlace, GoogleRobot, type RobotState } from './googleRobot.js'

import { HandClearance } from './handClearance.js'
import type { GoogleSceneSpec } from './scenes.js'

/** s; 40 timesteps. */
export const CONTROL_PERIOD = 1 / 3
const TIMESTEP = 1 / 120
const SUBSTEPS = Math.round(CONTROL_PERIOD / TIMESTEP)
const SETTLED_SPEED = 1e-3
const MAX_SETTLE_STEPS = 240
/** Where objects wait that an episode does not need: under the floor. */
const PARKED = [0, 0, -3, 0, 0, 0, 1]
/** What counts as touching, N·s (ManiSkill2_real2sim utils/sapien_utils.py). */
const TOUCH = 1e-6
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
  private readonly vector = { x: 0, y: 0, z: 0 }
  private readonly quaternion = { x: 0, y: 0, z: 0, w: 1 }
  private readonly impulse = new Float64Array(3)
  private readonly clearance: HandClearance
  private readonly middle = new Float64Array(3)

  constructor(spec: GoogleSceneSpec, objects: readonly ObjectSpec[]) {
    this.spec = spec
    this.objects = objects
    this.present = objects.map(() => false)
    this.clearance = new HandClearance(spec, objects)
    const world = createWorld({ timestep: TIMESTEP, iterations: 4 })
    this.world = world
    const surface = { friction: 1, density: 0, group: GROUP_TABLE, meets: GROUP_OBJECT | GROUP_ROBOT }
    const room = spec.room.map(({ body, position }) =>
      addBody(world, RAPIER.RigidBodyDesc.fixed().setTranslation(...position), body, surface),
    )
    if (spec.drawers) this.drawers = new Drawers(world, room[0])
    this.robot = new GoogleRobot(world, TIMESTEP)
    for (const { body, friction, density } of objects) {
      const own = { friction, density, group: GROUP_OBJECT, meets: GROUP_OBJECT | GROUP_ROBOT | GROUP_TABLE }
      this.objectHandles.push(addBody(world, objectDescription().setTranslation(0, 0, -3), body, own).handle)
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
      put(body, PARKED)
      body.setEnabled(false)
    }
  }

  /** Puts an object at rest at a world pose, [7]. */
  place(index: number, pose: Numbers): void {
    const body = this.bodies[index]
    this.present[index] = true
    body.setEnabled(true)
    put(body, pose)
  }

  /** Height of an object's origin when it stands on the area, turned like this, m. */
  restingHeight(index: number, rotation: Numbers): number {
    const [x, y, z] = this.objects[index].box
    const r = rotationMatrix9(rotation)
    return this.spec.area.z + (Math.abs(r[6]) * x + Math.abs(r[7]) * y + Math.abs(r[8]) * z) / 2 + 2e-4
  }

  /** Lets objects come to rest, at most two seconds, past the robot, which waits. */
  settle(): void {
    for (let i = 0; i < MAX_SETTLE_STEPS; i++) {
      this.world.step()
      if (i < 12 || this.speed() >= SETTLED_SPEED) continue
      for (const body of this.bodies) body.sleep()
      for (const body of this.drawers?.bodies ?? []) body.sleep()
      break
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
    for (const [i, { name }] of this.objects.entries()) {
      if (!this.present[i]) continue
      const { x, y, z } = this.bodies[i].translation(this.vector)
      if (!Number.isFinite(x + y + z)) return `the simulation of ${name} is not finite`
      if (z < this.spec.lost.below) return `${name} ${this.spec.lost.how}`
      if (Math.abs(x) > 2 || Math.abs(y) > 2 || z > 3) return `${name} left the scene`
    }
    return undefined
  }

  /**
   * Both fingers are pushed by an object, within 80° of their opening directions
   * (ManiSkill2_real2sim agents/robots/google_robot.py `check_grasp`; normal impulses of the last timestep).
   */
  isGrasped(index: number): boolean {
    const { impulse, robot, world } = this
    for (const { body: finger } of robot.hand.fingers) {
      contactImpulse(impulse, world, finger, this.bodies[index])
      const { x, y, z, w } = finger.rotation(this.quaternion)
      // Both fingers open along their own y.
      const opening =
        impulse[0] * 2 * (x * y - w * z) +
        impulse[1] * (1 - 2 * (x * x + z * z)) +
        impulse[2] * 2 * (y * z + w * x)
      const length = Math.hypot(impulse[0], impulse[1], impulse[2])
      if (length < TOUCH || opening < GRASP_COSINE * length) return false
    }
    return true
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
        contactImpulse(this.impulse, this.world, body, parent)
        touches = Math.hypot(this.impulse[0], this.impulse[1], this.impulse[2]) > TOUCH
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

  private speed(): number {
    let largest = 0
    for (const body of this.bodies) {
      if (!body.isEnabled()) continue
      const v = body.linvel(this.vector)
      largest = Math.max(largest, Math.hypot(v.x, v.y, v.z))
      const w = body.angvel(this.vector)
      largest = Math.max(largest, 0.05 * Math.hypot(w.x, w.y, w.z))
    }
    return largest
  }
}

export interface SceneState {
  readonly robot: RobotState
  readonly present: readonly boolean[]
}

const UPRIGHT = [0, 0, 0, 1]
const NO_BODIES: readonly RAPIER.RigidBody[] = []

function rotationMatrix9(q: Numbers): number[] {
  const out: number[] = []
  rotationMatrix(out, q[0], q[1], q[2], q[3])
  return out
}
