import type { Numbers } from '../math/vec3.js'

/** Of a joint's speed, acceleration and jerk: rad/s or m/s, and so on. */
export interface MotionLimits {
  readonly velocity: number
  readonly acceleration: number
  readonly jerk: number
}

const SEGMENTS = 7
const BISECTIONS = 48
/** By so much the common duration grows until every joint can take it, s. */
const LONGER = 0.002

/**
 * Jerk-limited motion of several joints from where they are, moving or not, but not accelerating, to rest at a target:
 * what the Ruckig library plans with a target state at rest and time synchronisation (Berscheid and Kröger,
 * "Jerk-limited Real-time Trajectory Generation with Arbitrary Target States", 2021). The slowest joint is
 * time-optimal, the others arrive with it. A joint changes its speed to a cruising speed, keeps it, and brakes to rest:
 * with no acceleration at the start, the time-optimal motion is of this form. Where a moving joint can arrive early or
 * late but not just then, all take a little longer.
 */
export class MotionProfile {
  readonly joints: number
  /** s, of all joints. */
  duration = 0
  private readonly limits: MotionLimits
  private readonly start: Float64Array
  private readonly startVelocity: Float64Array
  private readonly target: Float64Array
  /** Length, s, and jerk of each joint's segments, [joints, 7]. */
  private readonly times: Float64Array
  private readonly jerks: Float64Array

  constructor(joints: number, limits: MotionLimits) {
    this.joints = joints
    this.limits = limits
    this.start = new Float64Array(joints)
    this.startVelocity = new Float64Array(joints)
    this.target = new Float64Array(joints)
    this.times = new Float64Array(SEGMENTS * joints)
    this.jerks = new Float64Array(SEGMENTS * joints)
  }

  /** Plans from positions and velocities (beyond the limit: at the limit) to rest at `target`; all [joints]. */
  plan(position: Numbers, velocity: Numbers, target: Numbers): void {
    const { joints, start, startVelocity, limits } = this
    let duration = 0
    for (let i = 0; i < joints; i++) {
      start[i] = position[i]
      startVelocity[i] = Math.min(limits.velocity, Math.max(-limits.velocity, velocity[i]))
      this.target[i] = target[i]
      duration = Math.max(duration, this.shortest(startVelocity[i], target[i] - position[i]))
    }
    while (!this.synchronise(duration)) duration += LONGER
    this.duration = duration
  }

  /** Positions and velocities `time` s after the start; at rest at the target when it is over. */
  at(time: number, positions: Float64Array, velocities: Float64Array): void {
    const { joints, start, startVelocity, times, jerks } = this
    if (time >= this.duration) {
      positions.set(this.target)
      velocities.fill(0)
      return
    }
    for (let i = 0; i < joints; i++) {
      let p = start[i]
      let v = startVelocity[i]
      let a = 0
      let left = time
      for (let s = SEGMENTS * i; left > 0 && s < SEGMENTS * (i + 1); s++) {
        const t = Math.min(left, times[s])
        const j = jerks[s]
        p += t * (v + t * (a / 2 + (t * j) / 6))
        v += t * (a + (t * j) / 2)
        a += t * j
        left -= t
      }
      positions[i] = p
      velocities[i] = v
    }
  }

  save(): number[] {
    const { duration, start, startVelocity, target, times, jerks } = this
    return [duration, ...start, ...startVelocity, ...target, ...times, ...jerks]
  }

  restore(state: Numbers): void {
    let at = 0
    this.duration = state[at++]
    for (const array of [this.start, this.startVelocity, this.target, this.times, this.jerks]) {
      for (let i = 0; i < array.length; i++) array[i] = state[at++]
    }
  }

  /** Least time for a way from velocity v to rest, s. */
  private shortest(v: number, way: number): number {
    const sign = this.direction(v, way)
    const from = sign * v
    const d = sign * way
    const { velocity } = this.limits
    const cruised = this.reach(from, velocity)
    if (d >= cruised) {
      return this.changeTime(from, velocity) + (d - cruised) / velocity + this.changeTime(velocity, 0)
    }
    const peak = this.peak(from, d)
    return this.changeTime(from, peak) + this.changeTime(peak, 0)
  }

  /** 1 where braking at once would end before the target, else -1. */
  private direction(v: number, way: number): number {
    return way >= (v / 2) * this.changeTime(v, 0) ? 1 : -1
  }

  /** Cruising speed, not kept for any time, that ends at d. */
  private peak(from: number, d: number): number {
    let low = Math.max(from, 0)
    let high = this.limits.velocity
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2
      if (this.reach(from, middle) < d) low = middle
      else high = middle
    }
    return high
  }

  /** Way of a change from velocity v to `cruise`, and from there to rest. */
  private reach(v: number, cruise: number): number {
    return ((v + cruise) / 2) * this.changeTime(v, cruise) + (cruise / 2) * this.changeTime(cruise, 0)
  }

  /** Least time of a change of velocity without acceleration at both ends, s. */
  private changeTime(from: number, to: number): number {
    const { acceleration, jerk } = this.limits
    const change = Math.abs(to - from)
    const ramp = acceleration / jerk
    return change >= acceleration * ramp ? change / acceleration + ramp : 2 * Math.sqrt(change / jerk)
  }

  /** Fills the segments; false where a joint cannot take just so long. */
  private synchronise(duration: number): boolean {
    for (let i = 0; i < this.joints; i++) {
      const v = this.startVelocity[i]
      const way = this.target[i] - this.start[i]
      const sign = this.direction(v, way)
      const cruise = this.cruise(sign * v, sign * way, duration)
      const kept = duration - this.changeTime(sign * v, cruise) - this.changeTime(cruise, 0)
      if (kept < -1e-9) return false
      this.fill(i, v, sign * cruise, Math.max(0, kept))
    }
    return true
  }

  /** Cruising speed that ends at d after `duration`, whether or not there is time for it. */
  private cruise(from: number, d: number, duration: number): number {
    const end = (speed: number) =>
      this.reach(from, speed) + speed * (duration - this.changeTime(from, speed) - this.changeTime(speed, 0))
    let low = 0
    let high = this.limits.velocity
    if (from > 0) {
      if (end(from) <= d) low = from
      else high = from
    }
    if (high > from) {
      const cruised = this.reach(from, high)
      if (d < cruised) high = this.peak(from, d)
    }
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (low + high) / 2
      if (end(middle) < d) low = middle
      else high = middle
    }
    return high
  }

  private fill(i: number, v: number, cruise: number, kept: number): void {
    const at = SEGMENTS * i
    this.change(at, v, cruise)
    this.times[at + 3] = kept
    this.jerks[at + 3] = 0
    this.change(at + 4, cruise, 0)
  }

  /** Three segments of a change of velocity. */
  private change(at: number, from: number, to: number): void {
    const { times, jerks, limits } = this
    const total = this.changeTime(from, to)
    const ramp = Math.min(limits.acceleration / limits.jerk, total / 2)
    const jerk = Math.sign(to - from) * limits.jerk
    times[at] = times[at + 2] = ramp
    times[at + 1] = total - 2 * ramp
    jerks[at] = jerk
    jerks[at + 1] = 0
    jerks[at + 2] = -jerk
  }
}
