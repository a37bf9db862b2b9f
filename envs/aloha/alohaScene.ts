import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Body } from '../geometry.js'
import { fromYaw } from '../math/quat.js'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { type Path, pathPosition, pathVelocity } from '../motion/path.js'
import { BOUNDS_MARGIN, type Bounds, isInside } from '../motion/workspace.js'
import { isHeld } from '../physics/grasp.js'
import { putPose, readCenter, readPose, stop } from '../physics/poses.js'
import { addBody, objectDescription, surfaceOf } from '../physics/rigidBodies.js'
import { settle } from '../physics/settle.js'
import { contactStrength, createWorld, restoreWorld } from '../physics/world.js'
import { BaseFrame } from '../robots/baseFrame.js'
import { DrivenRobot } from '../robots/drivenRobot.js'
import { whyLost } from '../scenes/lost.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import { armOf, fingerTarget, mounts, type Side, sides, stationFrame, TABLE_TOP } from './alohaArms.js'
import { JointMove } from './jointMove.js'
import { tableBody } from './table.js'

/** DOMINO's timestep, s; with 4 solver iterations a grasp is clean. */
const SOLVER = { timestep: 1 / 250, iterations: 4 }
/** Duration of an action's joint move, s; DOMINO moves things on by as much at every policy step. */
export const CONTROL_PERIOD = 0.1
const SUBSTEPS = 25
export const ARM_JOINTS = 6
/** Numbers of an arm in actions and observations: its joints, then its gripper. */
export const PER_ARM = ARM_JOINTS + 1
/** Normal impulse of a timestep that counts as pressing, N·s. */
const PRESSES = 1e-7
/** Of things, 1/s: stands for rolling friction, without which a roller rolls off by itself (DOMINO's is 10). */
const ROLLING_DAMPING = 5
const FALLEN = { below: TABLE_TOP - 0.03, how: 'fell off the table' } as const
/** What does not take part waits here, m. */
const PARKED = { x: -1, y: 1, z: 2 } as const

/** A thing follows a path at its height, without turning. With `stops` it lies free from the first touch of a finger. */
export interface PathPlan {
  readonly object: number
  readonly path: Path
  readonly stops: boolean
}

/** All that an episode's motion is beside the physics world. */
export interface MotionState {
  plan?: PathPlan
  bounds?: Bounds
  /** Seconds of the path that have passed. */
  time: number
  /** Stopped by a finger. */
  stopped: boolean
  /** What moves has been grasped: it may go anywhere from now on. */
  held: boolean
  /** Where the path keeps the thing, m. */
  height: number
  outOfBounds: boolean
}

/** Two arms at a table with some things, one of which may move by a plan. World frame, metres. */
export class AlohaScene {
  readonly objects: readonly ObjectSpec[]
  readonly robots: readonly [DrivenRobot, DrivenRobot]
  readonly baseFrame = new BaseFrame(stationFrame)
  /** Motion of an episode, beside what the physics world holds. */
  state: MotionState = atRest()
  /** Where the arms are told to be. */
  readonly moves: readonly [JointMove, JointMove]
  private readonly objectHandles: number[] = []
  private readonly tableHandle: number
  private readonly template: Uint8Array
  /** Timesteps by which a drive's target leads, so that the joint keeps up with it. */
  private readonly follow: number
  private world: RAPIER.World
  private bodies: RAPIER.RigidBody[] = []
  private table: RAPIER.RigidBody
  private readonly jointTarget = new Float64Array(ARM_JOINTS)
  private readonly before = new Float64Array(ARM_JOINTS)
  private readonly pose = new Float64Array(7)
  private readonly spot = new Float64Array(2)
  private readonly vector = { x: 0, y: 0, z: 0 }

  constructor(objects: readonly ObjectSpec[]) {
    this.objects = objects
    const world = createWorld(SOLVER)
    this.world = world
    const surface = surfaceOf({ friction: 0.5, density: 0, fixed: true })
    this.table = addBody(world, RAPIER.RigidBodyDesc.fixed(), tableBody, surface)
    this.tableHandle = this.table.handle
    const robot = (side: Side) => new DrivenRobot(world, armOf(side), mounts[side], SOLVER.timestep)
    this.robots = [robot(0), robot(1)]
    this.moves = [new JointMove(ARM_JOINTS, CONTROL_PERIOD), new JointMove(ARM_JOINTS, CONTROL_PERIOD)]
    const { stiffness, damping } = this.robots[0].spec.joints[0]
    this.follow = 1 / (1 - Math.exp((-SOLVER.timestep * stiffness) / damping)) - 1
    for (const [i, object] of objects.entries()) {
      const free = object.fixed
        ? RAPIER.RigidBodyDesc.fixed()
        : objectDescription().setAngularDamping(ROLLING_DAMPING)
      const description = free.setTranslation(PARKED.x, PARKED.y + 0.4 * i, PARKED.z)
      this.objectHandles.push(addBody(world, description, object.body, surfaceOf(object)).handle)
    }
    world.step()
    this.template = world.takeSnapshot()
    this.bind(world)
  }

  /** Arms at their start, grippers open, objects out of the way. */
  reset(): void {
    this.load(this.template)
    this.state = atRest()
    for (const side of sides) {
      this.robots[side].reset()
      this.moves[side].reset(mounts[side].qpos)
    }
  }

  /** Puts an object on the table. */
  place(index: number, x: number, y: number, yaw: number): void {
    putPose(this.bodies[index], [x, y, TABLE_TOP + this.objects[index].bottom + 2e-4, ...fromYaw(yaw)])
  }

  /** Lets objects come to rest, at most one second. */
  settle(): void {
    settle(this.world, this.bodies, 1)
  }

  /** Starts the motion: puts the thing where its path begins. */
  begin(plan: PathPlan, bounds: Bounds): void {
    const body = this.bodies[plan.object]
    const [x, y] = pathPosition(this.spot, plan.path, 0)
    const { z } = body.translation(this.vector)
    body.setTranslation({ x, y, z }, true)
    body.setBodyType(RAPIER.RigidBodyType.KinematicPositionBased, true)
    this.state = { ...atRest(), plan, bounds, height: z }
  }

  /** One control step: joint moves to `joints` [12], rad, left first, gripper commands [2] in 0..1. */
  controlStep(joints: Numbers, grippers: Numbers): void {
    for (const side of sides) {
      for (let i = 0; i < ARM_JOINTS; i++) this.jointTarget[i] = joints[ARM_JOINTS * side + i]
      this.moves[side].begin(this.jointTarget)
    }
    this.pass(SUBSTEPS, grippers)
  }

  /** The world goes on for a while, and the arms stay where they were sent. */
  wait(seconds: number, grippers: Numbers): void {
    this.pass(Math.round(seconds / SOLVER.timestep), grippers)
  }

  /** Why the episode cannot go on; undefined if all is well. */
  failure(): string | undefined {
    const { plan, stopped, held, bounds } = this.state
    if (plan && bounds && !held && !stopped) {
      const { x, y } = this.bodies[plan.object].translation(this.vector)
      this.state.outOfBounds = !isInside(bounds, x, y, BOUNDS_MARGIN)
      if (this.state.outOfBounds) return `${this.objects[plan.object].name} moved out of bounds`
    }
    for (const [i, object] of this.objects.entries()) {
      const why = whyLost(object, this.bodies[i], FALLEN)
      if (why) return why
    }
    return undefined
  }

  /** World pose of an object's frame, [7]. */
  objectPose<T extends NumbersOut>(index: number, out: T): T {
    return readPose(this.bodies[index], out)
  }

  /** World position of an object's centre of mass. */
  objectCenter<T extends NumbersOut>(index: number, out: T): T {
    return readCenter(this.bodies[index], out)
  }

  /** Where the moving thing goes, m/s along x and y; zero for what does not move by the plan. */
  velocity<T extends NumbersOut>(index: number, out: T): T {
    const { plan, stopped, time } = this.state
    out[0] = out[1] = 0
    return plan?.object === index && !stopped ? pathVelocity(out, plan.path, time) : out
  }

  /** A finger of an arm presses on an object. */
  gripperTouches(side: Side, index: number): boolean {
    return this.robots[side].fingers.some((finger) => this.presses(finger, this.bodies[index]))
  }

  objectsTouch(a: number, b: number): boolean {
    return this.presses(this.bodies[a], this.bodies[b])
  }

  touchesTable(index: number): boolean {
    return this.presses(this.bodies[index], this.table)
  }

  /** Both fingers of an arm press on an object, within 60 degrees of their opening directions, as in SimplerEnv. */
  isGrasped(side: Side, index: number): boolean {
    return isHeld(this.world, this.robots[side].fingers, this.bodies[index])
  }

  /** Bodies that a camera sees, with names that `visitPoses` uses. */
  visibleBodies(): Body[] {
    return [
      tableBody,
      ...this.robots.flatMap((robot) => robot.bodies()),
      ...this.objects.map(({ body }) => body),
    ]
  }

  /** Names of the visible bodies that never move. */
  fixedBodies(): string[] {
    return [tableBody.name, ...this.robots.map(({ spec }) => spec.links[0].name)]
  }

  /** Calls back with the world pose, [7], of every visible body; the array is reused. */
  visitPoses(visit: (name: string, pose: Float64Array) => void): void {
    visit(tableBody.name, readPose(this.table, this.pose))
    for (const robot of this.robots) robot.visitPoses(visit)
    for (const [i, { name }] of this.objects.entries()) visit(name, this.objectPose(i, this.pose))
  }

  save(): { world: Uint8Array; robots: number[][]; moves: number[][] } {
    return {
      world: this.world.takeSnapshot(),
      robots: this.robots.map((robot) => robot.save()),
      moves: this.moves.map((move) => move.save()),
    }
  }

  restore(world: Uint8Array, robots: readonly number[][], moves: readonly number[][]): void {
    this.load(world)
    for (const side of sides) {
      this.robots[side].restore(robots[side])
      this.moves[side].restore(moves[side])
    }
  }

  close(): void {
    this.world.free()
  }

  private pass(timesteps: number, grippers: Numbers): void {
    const { robots, world, state } = this
    const dt = SOLVER.timestep
    for (let i = 0; i < timesteps; i++) {
      this.moveOn(dt)
      for (const side of sides) {
        this.driveArm(side, fingerTarget(grippers[side]))
        robots[side].beforeStep()
      }
      world.step()
      state.time += dt
      this.noticeTouch()
    }
  }

  /**
   * Drives follow the move with the speed that it has, as SAPIEN's do when they are given target velocities: an arm that
   * nothing disturbs is on it, and one that was pushed off comes back at its drives' rate.
   */
  private driveArm(side: Side, finger: number): void {
    const { before, jointTarget, follow } = this
    const move = this.moves[side]
    before.set(move.position)
    move.advance(SOLVER.timestep)
    for (let i = 0; i < ARM_JOINTS; i++) {
      jointTarget[i] = move.position[i] + follow * (move.position[i] - before[i])
    }
    this.robots[side].drive(jointTarget, finger)
  }

  private moveOn(dt: number): void {
    const { plan, time, stopped, height } = this.state
    if (!plan || stopped) return
    pathPosition(this.spot, plan.path, time + dt)
    const { vector, spot } = this
    vector.x = spot[0]
    vector.y = spot[1]
    vector.z = height
    this.bodies[plan.object].setNextKinematicTranslation(vector)
  }

  /** What is to be grasped stops, and lies free, at the first touch of a finger. */
  private noticeTouch(): void {
    const { state } = this
    const { plan } = state
    if (!plan?.stops || state.stopped) return
    if (!sides.some((side) => this.gripperTouches(side, plan.object))) return
    state.stopped = true
    const body = this.bodies[plan.object]
    body.setBodyType(RAPIER.RigidBodyType.Dynamic, true)
    stop(body)
  }

  private presses(a: RAPIER.RigidBody, b: RAPIER.RigidBody): boolean {
    return contactStrength(this.world, a, b) > PRESSES
  }

  private load(bytes: Uint8Array): void {
    const world = restoreWorld(bytes)
    this.world.free()
    this.bind(world)
  }

  private bind(world: RAPIER.World): void {
    this.world = world
    for (const robot of this.robots) robot.bind(world)
    this.bodies = this.objectHandles.map((handle) => world.getRigidBody(handle))
    this.table = world.getRigidBody(this.tableHandle)
  }
}

export function atRest(): MotionState {
  return { time: 0, stopped: false, held: false, height: 0, outOfBounds: false }
}
