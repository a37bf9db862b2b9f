import type { Rng } from '@vla-gym/gymnasium'

/** Longest drift of a lapse, m per control step. */
const maxDrift = 0.025
const steps = [2, 8] as const

/**
 * Lapses of an expert, so that demonstrations hold failed grasps and drops, and how to recover from them: now and then,
 * for a few control steps, the arm drifts away and, every other time, the gripper does the opposite of what it should.
 * What is recorded is still what the expert would have done.
 */
export class Lapses {
  private readonly probability: number
  private readonly rng: Rng
  private readonly drift = [0, 0, 0]
  private left = 0
  private gripper: number | undefined

  /** @param probability that a lapse begins at a control step outside of one, 0 to 1 */
  constructor(probability: number, rng: Rng) {
    this.probability = probability
    this.rng = rng
  }

  /** Changes an action that is about to be executed: [dx, dy, dz, rx, ry, rz, gripper], m and rad. */
  disturb(action: Float32Array): void {
    if (this.left === 0 && this.rng.uniform() < this.probability) this.begin(action)
    if (this.left === 0) return
    this.left -= 1
    for (let i = 0; i < 3; i++) action[i] += this.drift[i]
    if (this.gripper !== undefined) action[6] = this.gripper
  }

  private begin(action: Float32Array): void {
    const { rng, drift } = this
    this.left = rng.integers(steps[0], steps[1])
    const size = rng.uniform(0, maxDrift)
    const direction = rng.uniform(-Math.PI, Math.PI)
    drift[0] = size * Math.cos(direction)
    drift[1] = size * Math.sin(direction)
    drift[2] = rng.uniform(-0.4, 0.8) * maxDrift
    this.gripper = rng.uniform() < 0.5 ? -Math.sign(action[6]) : undefined
  }
}
