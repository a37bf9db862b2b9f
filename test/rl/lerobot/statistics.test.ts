import fc from 'fast-check'
import { expect, it } from 'vitest'
import { quantileStats } from '../../../policy/index.js'
import {
  addToHistogram,
  aggregateImageStats,
  columnStats,
  type FeatureStats,
  imageStats,
  newHistogram,
  type StatName,
} from '../../../rl/lerobot/statistics.js'

const numbers = (stats: FeatureStats, name: StatName) => [stats[name]].flat(3) as number[]

it('q01 and q99 are those that policies are normalised by', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(float, float), { minLength: 1, maxLength: 40 }), (rows) => {
      const flat = Float32Array.from(rows.flat())
      const stats = columnStats(flat, 2)
      const expected = quantileStats(flat, 2)
      for (const name of ['q01', 'q99'] as const)
        for (const [i, q] of numbers(stats, name).entries()) expect(q).toBeCloseTo(expected[name][i], 9)
    }),
  )
})

it('of a known column', () => {
  const stats = columnStats([4, 1, 3, 2, 5], 1)
  expect(stats).toMatchObject({ min: [1], max: [5], mean: [3], std: [Math.SQRT2], count: [5], q50: [3] })
  expect(numbers(stats, 'q10')[0]).toBeCloseTo(1.4, 12)
})

/** A histogram is another way to the statistics of the list of its values. */
it('of pictures are those of all their values, and of parts of them together', () => {
  const pixels = fc
    .uint8Array({ minLength: 3, maxLength: 90 })
    .map((a) => a.subarray(0, a.length - (a.length % 3)))
  fc.assert(
    fc.property(pixels, pixels, (a, b) => {
      const of = (...pictures: Uint8Array[]) => {
        const histogram = newHistogram()
        for (const rgb of pictures) addToHistogram(histogram, rgb)
        return imageStats(
          histogram,
          pictures.reduce((n, rgb) => n + rgb.length / 3, 0),
        )
      }
      const both = Uint8Array.from([...a, ...b])
      const expected = columnStats(
        Float64Array.from(both, (value) => value / 255),
        3,
      )
      const [whole, parts] = [of(a, b), aggregateImageStats([of(a), of(b)])]
      for (const name of ['min', 'max', 'mean', 'std', 'count', 'q01', 'q50', 'q99'] as const) {
        const isEstimate = name.startsWith('q')
        for (const [i, value] of numbers(expected, name).entries()) {
          expect(numbers(whole, name)[i]).toBeCloseTo(value, 9)
          if (!isEstimate) expect(numbers(parts, name)[i]).toBeCloseTo(value, 9)
        }
      }
      expect(numbers(aggregateImageStats([whole, whole]), 'q99')).toEqual(
        numbers(whole, 'q99').map((q) => expect.closeTo(q, 12)),
      )
    }),
  )
})
