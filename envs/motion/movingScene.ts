import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Numbers, NumbersOut } from '../math/vec3.js'
import { type BoundingBox, boundingBox } from '../physics/bounds.js'
import { GRAVITY } from '../physics/gravity.js'
import { readPose, stop } from '../physics/poses.js'
import { GROUP_ROBOT } from '../physics/rigidBodies.js'
import { contactStrength } from '../physics/world.js'
import { worldBox } from '../robots/toolClearance.js'
import { Scene } from '../scenes/scene.js'
import type { MotionPlan } from './motionPlan.js'
import { pathPosition, pathVelocity } from './path.js'
import { BOUNDS_MARGIN, type Bounds, isInside } from './workspace.js'

/** Gap to other things at which a moving one is left to the solver, m. */
const MARGIN = 0.005
/** Changes of speed that rounding makes, m/s. */
const FREE = 1e-6

/** All that an episode's motion is beside the physics world. */
export interface MotionState {
  plan?: MotionPlan
  bounds?: Bounds
  /** Seconds of the path that have passed, and that pass in a second of the world. */
  time: number
  rate: number
  /** Stopped by a finger. */
  stopped: boolean
  /** What moves has been grasped: it may go anywhere from now on. */
  held: boolean
  /** Where `path` motion keeps it, m. */
  height: number
  outOfBounds: boolean
  /** Indices of the clutter that the robot has touched. */
  touched: number[]
}

/** A scene in which one thing moves by a plan, and in which touches of clutter are noticed. */
export class MovingScene extends Scene {
  state: MotionState = atRest()
  /** Index of the first piece of clutter; all objects from there on are clutter. */
  clutterFrom = Number.POSITIVE_INFINITY
  private readonly spot = new Float64Array(2)
  private readonly before = new Float64Array(2)
  private readonly bodyPose = new Float64Array(7)
  private readonly reach = new Float64Array(6)
  private readonly other = new Float64Array(6)
  private readonly push = { x: 0, y: 0, z: 0 }
  private readonly at = { x: 0, y: 0, z: 0 }
  private readonly ownBoxes = new Map<number, BoundingBox>()

  override reset(): void {
    super.reset()
    this.state = atRest()
  }

  /** Starts the motion: puts the thing where its path begins. Objects are as settled. */
  begin(plan: MotionPlan, bounds: Bounds, rate: number): void {
    const body = this.physics.objects[plan.object]
    const [x, y] = pathPosition([0, 0], plan.path, 0)
    const { z } = body.translation(this.at)
    body.setTranslation({ x, y, z }, true)
    const [vx, vy] = pathVelocity([0, 0], plan.path, 0)
    if (plan.kind === 'path') body.setBodyType(RAPIER.RigidBodyType.KinematicPositionBased, true)
    else body.setLinvel({ x: vx, y: vy, z: 0 }, true)
    if (plan.kind === 'rolls') body.setAngvel({ x: -vy / plan.radius, y: vx / plan.radius, z: 0 }, true)
    if (plan.kind === 'slides') {
      body.setLinearDamping(0)
      const sole = body.collider(0)
      sole.setFriction(plan.friction)
      sole.setFrictionCombineRule(RAPIER.CoefficientCombineRule.Min)
    }
    if (plan.kind === 'belt') {
      const belt = this.physics.objects[plan.belt]
      belt.setBodyType(RAPIER.RigidBodyType.KinematicVelocityBased, true)
    }
    this.state = { ...atRest(), plan, bounds, rate, height: z }
  }

  override controlStep(jointTarget: Numbers, finger: number): void {
    this.robot.drive(jointTarget, finger)
    this.pass(this.physics.substeps)
    this.robot.measure()
  }

  /** The world goes on for a while, and the robot towards where it was last sent. */
  wait(seconds: number): void {
    this.pass(Math.round(seconds / this.physics.world.timestep))
    this.robot.measure()
  }

  override failure(): string | undefined {
    const { plan, stopped, held, bounds } = this.state
    if (plan && bounds && !held && !(plan.kind === 'path' && stopped)) {
      const { x, y } = this.physics.objects[plan.object].translation(this.at)
      this.state.outOfBounds = !isInside(bounds, x, y, BOUNDS_MARGIN)
      if (this.state.outOfBounds) return `${this.objects[plan.object].name} moved out of bounds`
    }
    return super.failure()
  }

  /** Where an object is going, m/s along x and y. */
  velocity<T extends NumbersOut>(index: number, out: T): T {
    const { plan, stopped, held, time, rate } = this.state
    if (plan?.object === index && (plan.kind === 'path' || (plan.kind === 'belt' && !held))) {
      pathVelocity(out, plan.path, time)
      const factor = plan.kind === 'path' && stopped ? 0 : rate
      for (let i = 0; i < 2; i++) (out as NumbersOut)[i] *= factor
      return out
    }
    const { x, y } = this.physics.objects[index].linvel(this.at)
    out[0] = x
    out[1] = y
    return out
  }

  /** Where an object will have got to in `seconds` if nothing is in its way, world x and y, m. */
  placeIn<T extends NumbersOut>(index: number, seconds: number, out: T): T {
    const { plan, stopped, held, time, rate } = this.state
    const body = this.physics.objects[index]
    if (plan?.object === index && !held && (plan.kind === 'belt' || !stopped)) {
      const share = plan.kind === 'rolls' ? this.kept(body, plan) : 1
      pathPosition(this.spot, plan.path, time + seconds * rate)
      pathPosition(this.before, plan.path, time)
      for (let k = 0; k < 2; k++) out[k] = share * (this.spot[k] - this.before[k])
    } else {
      const { x, y } = body.linvel(this.at)
      const speed = Math.hypot(x, y)
      const braking = plan?.kind === 'slides' && plan.object === index ? plan.friction * GRAVITY : 0
      const moving = braking > 0 ? Math.min(seconds, speed / braking) : seconds
      const share = speed > 0 ? moving * (1 - (braking * moving) / (2 * speed)) : 0
      out[0] = share * x
      out[1] = share * y
    }
    const { x, y } = body.translation(this.at)
    out[0] += x
    out[1] += y
    return out
  }

  /** s until what moves begins to; 0 once it has, or has been touched. */
  waits(): number {
    const { plan, stopped, time, rate } = this.state
    if (!plan || stopped || plan.path[0].x.length > 1) return 0
    return Math.max(0, plan.path[0].duration - time) / rate
  }

  /** Everything stays where it is until something touches it; what is round does not come to rest by itself. */
  stayPut(): void {
    for (const { body } of this.obstacles) stop(body)
    this.rest()
  }

  /** Share of its path's speed that a rolling thing still has. */
  private kept(body: RAPIER.RigidBody, { path }: MotionPlan): number {
    const [vx, vy] = pathVelocity(this.spot, path, this.state.time)
    const speed = Math.hypot(vx, vy)
    if (speed === 0) return 1
    const { x, y } = body.linvel(this.at)
    return Math.min(1, Math.hypot(x, y) / speed)
  }

  /** The stronger finger's normal impulse on an object in the last timestep, N·s. */
  fingerPress(index: number): number {
    let press = 0
    for (const finger of this.robot.fingers) {
      press = Math.max(press, contactStrength(this.physics.world, finger, this.physics.objects[index]))
    }
    return press
  }

  private pass(timesteps: number): void {
    const { robot, state } = this
    const { world } = this.physics
    const dt = world.timestep
    for (let i = this.glide(timesteps - 1); i < timesteps; i++) {
      this.moveOn(dt)
      robot.beforeStep()
      world.step()
      state.time += state.rate * dt
      this.afterStep()
    }
  }

  /** Closed form while the robot is near nothing: the moving thing jumps on, too. Returns the timesteps passed. */
  private glide(timesteps: number): number {
    const { robot, state } = this
    const { plan, time, rate, stopped } = state
    const { obstacles, objects, world } = this.physics
    if (!plan || (plan.kind === 'path' && stopped)) return robot.glide(timesteps, obstacles)
    if (plan.kind !== 'path') return this.glideAtRest(plan.path, timesteps)
    const body = objects[plan.object]
    const sweep = this.sweep(plan, timesteps * world.timestep * rate)
    const own = worldBox(this.reach, readPose(body, this.bodyPose), sweep.center, sweep.half)
    for (const { body: each, box } of obstacles) {
      if (each.handle === body.handle) continue
      const there = worldBox(this.other, readPose(each, this.bodyPose), box.center, box.half)
      if ([0, 1, 2].every((k) => Math.abs(own[k] - there[k]) < own[3 + k] + there[3 + k] + MARGIN)) return 0
    }
    body.sleep()
    const swept = obstacles.map((each) => (each.body.handle === body.handle ? { body, box: sweep } : each))
    const passed = robot.glide(timesteps, swept)
    if (passed > 0) {
      state.time = time + passed * world.timestep * rate
      this.aim(plan.path, state.time)
      body.setTranslation(this.push, false)
    }
    return passed
  }

  /** As long as the thing waits to be pushed. */
  private glideAtRest([first]: MotionPlan['path'], timesteps: number): number {
    const { robot, state } = this
    const { obstacles, world } = this.physics
    if (first.x.length > 1) return 0
    const left = Math.floor((first.duration - state.time) / (state.rate * world.timestep)) - 1
    if (left <= 0) return 0
    const passed = robot.glide(Math.min(timesteps, left), obstacles)
    state.time += passed * world.timestep * state.rate
    return passed
  }

  /** Box in the thing's frame of all places that it gets to in `duration` of its path. */
  private sweep({ object, path }: MotionPlan, duration: number): BoundingBox {
    const { time } = this.state
    let box = this.ownBoxes.get(object)
    if (!box) this.ownBoxes.set(object, (box = boundingBox([this.objects[object].body])))
    pathPosition(this.before, path, time)
    let way = 0
    for (let i = 1; i <= 4; i++) {
      pathPosition(this.spot, path, time + (i / 4) * duration)
      way = Math.max(way, Math.hypot(this.spot[0] - this.before[0], this.spot[1] - this.before[1]))
    }
    const [x, y, z] = box.half
    return { center: box.center, half: [x + way, y + way, z] }
  }

  private moveOn(dt: number): void {
    const { plan, time, rate, stopped } = this.state
    if (!plan || (stopped && plan.kind !== 'belt')) return
    const body = this.physics.objects[plan.object]
    const { push, before, spot } = this
    switch (plan.kind) {
      case 'path':
        this.aim(plan.path, time + rate * dt)
        body.setNextKinematicTranslation(push)
        return
      case 'belt':
        pathVelocity(spot, plan.path, time)
        push.x = spot[0]
        push.y = spot[1]
        push.z = 0
        this.physics.objects[plan.belt].setLinvel(push, true)
        return
      case 'rolls':
        pathVelocity(before, plan.path, time)
        pathVelocity(spot, plan.path, time + rate * dt)
        // Awake, what waits would begin to creep.
        if (before[0] === 0 && before[1] === 0 && spot[0] === 0 && spot[1] === 0) body.sleep()
        this.give(body, body.mass(), spot[0] - before[0], spot[1] - before[1])
        this.spin(body, (plan.radius * body.mass()) / 2, spot[0] - before[0], spot[1] - before[1])
        return
      case 'slides': {
        pathVelocity(before, plan.path, time)
        pathVelocity(spot, plan.path, time + rate * dt)
        const speed = Math.hypot(spot[0], spot[1])
        // What friction will take in this timestep.
        const lost = speed > 0 ? (plan.friction * GRAVITY * rate * dt) / speed : 0
        const x = spot[0] - before[0] + lost * spot[0]
        const y = spot[1] - before[1] + lost * spot[1]
        if (Math.hypot(x, y) > FREE) this.give(body, body.mass(), x, y)
      }
    }
  }

  private give(body: RAPIER.RigidBody, mass: number, x: number, y: number): void {
    if (x === 0 && y === 0) return
    const { push } = this
    push.x = mass * x
    push.y = mass * y
    push.z = 0
    body.applyImpulse(push, true)
  }

  /** What a push above the middle gives beside its momentum: a solid cylinder goes on rolling without slipping. */
  private spin(body: RAPIER.RigidBody, momentum: number, x: number, y: number): void {
    if (x === 0 && y === 0) return
    const { push } = this
    push.x = -momentum * y
    push.y = momentum * x
    push.z = 0
    body.applyTorqueImpulse(push, true)
  }

  private aim(path: MotionPlan['path'], time: number): void {
    pathPosition(this.spot, path, time)
    this.push.x = this.spot[0]
    this.push.y = this.spot[1]
    this.push.z = this.state.height
  }

  private afterStep(): void {
    const { state } = this
    const { plan } = state
    const { objects } = this.physics
    if (plan?.kind === 'belt') {
      const belt = objects[plan.belt]
      const { x, y, z } = belt.translation(this.at)
      pathVelocity(this.spot, plan.path, state.time - state.rate * this.physics.world.timestep)
      const dt = this.physics.world.timestep
      belt.setTranslation({ x: x - this.spot[0] * dt, y: y - this.spot[1] * dt, z }, false)
    }
    if (plan && !state.stopped && this.fingerPress(plan.object) > 0) this.touch(plan)
    for (let i = this.clutterFrom; i < objects.length; i++) {
      if (!state.touched.includes(i) && this.robotTouches(objects[i])) state.touched.push(i)
    }
  }

  private robotTouches(object: RAPIER.RigidBody): boolean {
    const { world } = this.physics
    let touches = false
    for (let i = 0; i < object.numColliders(); i++) {
      world.contactPairsWith(object.collider(i), (other) => {
        if (touches || other.collisionGroups() >>> 16 !== GROUP_ROBOT) return
        touches = contactStrength(world, object, other.parent()!) > 0
      })
    }
    return touches
  }

  private touch(plan: MotionPlan): void {
    if (plan.kind === 'path' && !plan.stops) return
    this.state.stopped = true
    if (plan.kind !== 'path') return
    const body = this.physics.objects[plan.object]
    body.setBodyType(RAPIER.RigidBodyType.Dynamic, true)
    stop(body)
  }
}

function atRest(): MotionState {
  return { time: 0, rate: 1, stopped: false, held: false, height: 0, outOfBounds: false, touched: [] }
}
