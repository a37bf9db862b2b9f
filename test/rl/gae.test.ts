import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gae, normalizeAdvantages, type Transitions } from '../../rl/gae.js'
import { transitions } from '../../rl/ppo.js'

/** Advantage as the definition says: discounted sum of the temporal-difference errors up to the episode's end. */
function bruteForce(x: Transitions, gamma: number, lambda: number, t: number): number {
  let sum = 0
  let weight = 1
  for (let k = t; k < x.rewards.length; k++) {
    const next = x.terminated[k] ? 0 : x.nextValues[k]
    sum += weight * (x.rewards[k] + gamma * next - x.values[k])
    if (x.done[k]) break
    weight *= gamma * lambda
  }
  return sum
}

function randomTransitions(seed: number, size: number): Transitions {
  const rng = Rng.fromSeed(seed)
  const draw = () => Float32Array.from({ length: size }, () => rng.normal())
  const terminated = Uint8Array.from({ length: size }, () => (rng.uniform() < 0.2 ? 1 : 0))
  const done = terminated.map((t, i) => (t || rng.uniform() < 0.2 || i === size - 1 ? 1 : 0))
  return { rewards: draw(), values: draw(), nextValues: draw(), terminated, done }
}

describe('gae', () => {
  it('equals the brute-force sum, terminations and truncations in the middle of the batch', () => {
    const sizes = fc.integer({ min: 1, max: 40 })
    fc.assert(
      fc.property(fc.nat(), sizes, fc.double({ min: 0, max: 1, noNaN: true }), (seed, size, lambda) => {
        const transitions = randomTransitions(seed, size)
        const { advantages, returns } = gae(transitions, 0.99, lambda)
        for (let t = 0; t < size; t++) {
          expect(advantages[t]).toBeCloseTo(bruteForce(transitions, 0.99, lambda, t), 4)
          expect(returns[t]).toBeCloseTo(advantages[t] + transitions.values[t], 5)
        }
      }),
    )
  })

  it('bootstraps after a truncation and not after a termination', () => {
    const one = (terminated: number) =>
      gae(
        {
          rewards: Float32Array.of(0),
          values: Float32Array.of(0.25),
          nextValues: Float32Array.of(0.5),
          terminated: Uint8Array.of(terminated),
          done: Uint8Array.of(1),
        },
        0.9,
        0.95,
      ).advantages[0]
    expect(one(0)).toBeCloseTo(0.9 * 0.5 - 0.25)
    expect(one(1)).toBeCloseTo(-0.25)
  })

  it('normalises advantages to mean 0 and deviation 1', () => {
    const a = normalizeAdvantages(
      Rng.fromSeed(1)
        .fillNormal(new Float32Array(500))
        .map((v) => 3 * v + 7),
    )
    const mean = a.reduce((s, v) => s + v, 0) / a.length
    expect(mean).toBeCloseTo(0, 4)
    expect(Math.sqrt(a.reduce((s, v) => s + v * v, 0) / a.length)).toBeCloseTo(1, 3)
  })
})

describe('transitions of PPO', () => {
  const record = fc.record({
    length: fc.integer({ min: 1, max: 6 }),
    outcome: fc.constantFrom('success', 'failure', 'out of time'),
    finalValue: fc.float({ min: -1, max: 1, noNaN: true }),
  })

  it('return the outcome of an episode, or the value of its last observation where that is bootstrapped', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1 }), fc.boolean(), (episodes, bootstraps) => {
        const records = episodes.map(({ outcome }) => ({
          success: outcome === 'success',
          ...(outcome === 'failure' && { failure: 'lost' }),
        }))
        const size = episodes.reduce((sum, { length }) => sum + length, 0)
        const values = Float32Array.from({ length: size }, (_, t) => Math.sin(t))
        const finals = episodes.map(({ finalValue }, episode) => [episode, finalValue] as const)
        const steps = transitions(episodes, records, values, new Map(bootstraps ? finals : []))
        const { returns } = gae(steps, 1, 1)
        const expected = episodes.flatMap(({ length, outcome, finalValue }) => {
          const worth = outcome === 'success' ? 1 : 0
          const bootstrapped = bootstraps && outcome === 'out of time'
          return Array<number>(length).fill(bootstrapped ? finalValue : worth)
        })
        for (const [t, value] of expected.entries()) expect(returns[t]).toBeCloseTo(value, 4)
      }),
    )
  })
})
