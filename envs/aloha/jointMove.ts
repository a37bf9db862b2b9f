import type { Numbers } from '../math/vec3.js'

/** Share of a move in which its speed goes over from the one before. */
const BLEND = 0.4

/**
 * A joint move of fixed duration, again and again: each begins with the speed at which the last one ended, goes over to a
 * constant one, and ends where it was told to. Positions and speeds are continuous whatever the targets are.
 */
export class JointMove {
  /** Now, rad. */
  readonly position: Float64Array
  /** rad/s. */
  readonly velocity: Float64Array
  /** Where the last move ends, rad. */
  readonly target: Float64Array
  private readonly start: Float64Array
  private readonly from: Float64Array
  private readonly cruise: Float64Array
  private readonly duration: number
  private time = 0

  /** @param duration of a move, s. */
  constructor(joints: number, duration: number) {
    this.duration = duration
    this.position = new Float64Array(joints)
    this.velocity = new Float64Array(joints)
    this.target = new Float64Array(joints)
    this.start = new Float64Array(joints)
    this.from = new Float64Array(joints)
    this.cruise = new Float64Array(joints)
  }

  /** At rest at `position`. */
  reset(position: Numbers): void {
    for (let i = 0; i < this.position.length; i++) this.position[i] = this.target[i] = position[i]
    this.velocity.fill(0)
    this.time = this.duration
  }

  /** Begins a move to `target`, rad. */
  begin(target: Numbers): void {
    const { position, velocity, start, from, cruise, duration } = this
    this.time = 0
    for (let i = 0; i < position.length; i++) {
      this.target[i] = target[i]
      start[i] = position[i]
      from[i] = velocity[i]
      const way = target[i] - position[i]
      cruise[i] = (way / duration - (from[i] * BLEND) / 2) / (1 - BLEND / 2)
    }
  }

  /** Takes position and velocity on by `dt` s; beyond the end of the move it stays there. */
  advance(dt: number): void {
    const { position, velocity, start, from, cruise, duration } = this
    this.time += dt
    const blend = BLEND * duration
    const ends = this.time >= duration + 1e-9
    for (let i = 0; i < position.length; i++) {
      if (ends) {
        position[i] = this.target[i]
        velocity[i] = 0
      } else if (this.time < blend) {
        const slope = (cruise[i] - from[i]) / blend
        velocity[i] = from[i] + slope * this.time
        position[i] = start[i] + from[i] * this.time + (slope * this.time * this.time) / 2
      } else {
        velocity[i] = cruise[i]
        position[i] = start[i] + ((from[i] + cruise[i]) / 2) * blend + cruise[i] * (this.time - blend)
      }
    }
  }

  /** Between two moves. */
  save(): number[] {
    return [...this.position, ...this.velocity, ...this.target]
  }

  restore(state: Numbers): void {
    const n = this.position.length
    for (let i = 0; i < n; i++) {
      this.position[i] = state[i]
      this.velocity[i] = state[n + i]
      this.target[i] = state[2 * n + i]
    }
    this.time = this.duration
  }
}
