import { Rng, UserError } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explainedVariance, mcnemar, meanOfRates, wilson } from '../../rl/statistics.js'

describe('wilson', () => {
  // Computed with 30 decimal digits from the closed form.
  it.each([
    [8, 10, 0.4901624691221323, 0.9433178490622331],
    [0, 10, 0, 0.2775328030260577],
    [10, 10, 0.7224671969739422, 1],
    [15, 50, 0.1910355343030571, 0.4375035057683886],
    [737, 1000, 0.7088429760403125, 0.7633431404090285],
    [0, 0, 0, 1],
  ])('%i of %i', (successes, n, lo, hi) => {
    const interval = wilson(successes, n)
    expect(interval[0]).toBeCloseTo(lo, 12)
    expect(interval[1]).toBeCloseTo(hi, 12)
  })

  it('has ends at which the score is z, holds the rate, and mirrors', () => {
    const counts = fc.integer({ min: 1, max: 5000 }).chain((n) => fc.tuple(fc.nat(n), fc.constant(n)))
    fc.assert(
      fc.property(counts, fc.double({ min: 0.5, max: 4, noNaN: true }), ([successes, n], z) => {
        const rate = successes / n
        const [lo, hi] = wilson(successes, n, z)
        expect(0 <= lo && lo <= rate && rate <= hi && hi <= 1).toBe(true)
        for (const end of [lo, hi]) {
          if (end > 1e-9 && end < 1 - 1e-9) {
            expect(Math.abs(rate - end) / Math.sqrt((end * (1 - end)) / n)).toBeCloseTo(z, 6)
          }
        }
        const mirrored = wilson(n - successes, n, z)
        expect(1 - mirrored[1]).toBeCloseTo(lo, 12)
      }),
    )
  })

  it('refuses impossible counts', () => {
    for (const [s, n] of [
      [3, 2],
      [-1, 2],
      [NaN, 2],
    ])
      expect(() => wilson(s, n)).toThrow(UserError)
  })
})

describe('meanOfRates', () => {
  it("is Wilson's interval for one task, the normal approximation for many episodes, and never a point", () => {
    const [lo, hi] = wilson(15, 50)
    const one = meanOfRates([{ successes: 15, n: 50 }])
    expect([one.rate, one.ci95[0], one.ci95[1]]).toEqual([
      0.3,
      expect.closeTo(lo, 12),
      expect.closeTo(hi, 12),
    ])
    const { rate, ci95 } = meanOfRates([
      { successes: 30000, n: 100000 },
      { successes: 60000, n: 100000 },
    ])
    const half = (1.959964 * Math.sqrt((0.3 * 0.7 + 0.6 * 0.4) / 100000)) / 2
    expect(rate).toBeCloseTo(0.45, 12)
    expect((ci95[1] - ci95[0]) / 2).toBeCloseTo(half, 6)
    expect(
      meanOfRates([
        { successes: 9, n: 9 },
        { successes: 9, n: 9 },
      ]).ci95[0],
    ).toBeLessThan(0.9)
  })

  it('holds the true mean about 95 times of 100', () => {
    const rng = Rng.fromSeed(5)
    const truth = [0.5, 0.8, 0.95, 0.99]
    const trials = 2000
    let covered = 0
    for (let trial = 0; trial < trials; trial++) {
      const tasks = truth.map((p) => {
        let successes = 0
        for (let i = 0; i < 30; i++) if (rng.uniform() < p) successes++
        return { successes, n: 30 }
      })
      const [lo, hi] = meanOfRates(tasks).ci95
      if (lo <= 0.81 && 0.81 <= hi) covered++
    }
    expect(covered / trials).toBeGreaterThan(0.93)
    expect(covered / trials).toBeLessThan(0.98)
  })

  it('refuses tasks without episodes', () => {
    expect(() => meanOfRates([])).toThrow(UserError)
    expect(() => meanOfRates([{ successes: 0, n: 0 }])).toThrow(UserError)
  })
})

describe('mcnemar', () => {
  /** Episodes of which some changed, and some of each kind did not. */
  const episodes = (gained: number, lost: number) => {
    const pair = (n: number, before: boolean, after: boolean) =>
      Array.from({ length: n }, () => [before, after])
    const all = [
      ...pair(gained, false, true),
      ...pair(7, true, true),
      ...pair(lost, true, false),
      ...pair(3, false, false),
    ]
    return mcnemar(
      all.map(([b]) => b),
      all.map(([, a]) => a),
    )
  }

  // Computed with exact fractions: 2 sum(choose(n, k), k <= min) / 2^n.
  it.each([
    [9, 1, 0.021484375],
    [0, 5, 0.0625],
    [7, 7, 1],
    [0, 0, 1],
    [2400, 2600, 0.004883649737517518],
    [5, 30, 2.2361520677804947e-5],
    [400, 100, 1.6596294752173932e-43],
  ])('%i gained, %i lost', (gained, lost, p) => {
    const result = episodes(gained, lost)
    expect([result.gained, result.lost]).toEqual([gained, lost])
    expect(Math.abs(result.pValue / p - 1)).toBeLessThan(1e-10)
  })

  it('refuses lists that are not of the same episodes', () => {
    expect(() => mcnemar([true], [])).toThrow(UserError)
  })
})

describe('explainedVariance', () => {
  it('is 1 for perfect, 0 for constant, negative for worse, unmoved by an offset, NaN without variance', () => {
    const returns = Float32Array.of(1, 2, 3, 4)
    expect(explainedVariance(returns, returns)).toBe(1)
    expect(explainedVariance([9, 9, 9, 9], returns)).toBe(0)
    expect(explainedVariance([4, 3, 2, 1], returns)).toBe(-3)
    expect(explainedVariance([11, 12, 13, 14], returns)).toBe(1)
    expect(explainedVariance([1, 2, 3, 5], returns)).toBeCloseTo(1 - 0.1875 / 1.25, 12)
    expect(explainedVariance([1, 2], [3, 3])).toBeNaN()
  })
})
