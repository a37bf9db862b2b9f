import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import { Lapses } from '../../rl/rollout/lapses.js'

const steps = 20_000
const action = [0.01, -0.02, 0.03, 0.1, 0, 0, 1]

function run(probability: number, seed: number): Float32Array[] {
  const lapses = new Lapses(probability, Rng.fromSeed(seed, 'lapses'))
  return Array.from({ length: steps }, () => {
    const executed = Float32Array.from(action)
    lapses.disturb(executed)
    return executed
  })
}

describe('lapses', () => {
  it('never come with probability 0', () => {
    const clean = [...Float32Array.from(action)].join()
    expect(run(0, 1).filter((executed) => [...executed].join() !== clean)).toEqual([])
  })

  it('take the share of steps that begin and length give, half of them with the gripper reversed', () => {
    const probability = 0.1
    const executed = run(probability, 2)
    const drifting = executed.filter((a) => a[2] !== Math.fround(action[2]))
    const meanLength = 4.5 // integers(2, 8): 2 ... 7
    // Between two lapses pass (1 - p) / p steps on average; four standard errors of the simulation.
    const expected = meanLength / (meanLength + (1 - probability) / probability)
    expect(drifting.length / steps).toBeCloseTo(expected, 1)
    const reversed = drifting.filter((a) => a[6] === -1).length / drifting.length
    expect(Math.abs(reversed - 0.5)).toBeLessThan(0.08)
    const drift = executed.map((a) => Math.hypot(a[0] - action[0], a[1] - action[1]))
    expect(Math.max(...drift)).toBeLessThanOrEqual(0.025 + 1e-6)
    const rotations = new Set(executed.map((a) => a.subarray(3, 6).join()))
    expect(rotations.size).toBe(1)
  })

  it('are the same for the same seed', () => {
    expect(run(0.1, 3)).toEqual(run(0.1, 3))
    expect(run(0.1, 3)).not.toEqual(run(0.1, 4))
  })
})
