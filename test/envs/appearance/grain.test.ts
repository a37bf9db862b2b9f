import { expect, it } from 'vitest'
import { Grain } from '../../../envs/appearance/grain.js'

const greys = (value: number, length: number) => new Uint8Array(length).fill(value)

it.each([1, 4, 14])('is normal noise with a deviation of %d about the value', (deviation) => {
  const grain = new Grain({ seed: 9, deviation, exposure: 1 })
  const picture = greys(128, 3 * 200 * 200)
  grain.apply(picture, 0)
  const values = Array.from(picture, (x) => x - 128)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
  // 16,384 numbers are kept: their mean is known to 0.008 deviations, 4 sigma; rounding adds 1/12 to the variance.
  expect(Math.abs(mean)).toBeLessThan(0.04 * deviation)
  expect(spread).toBeCloseTo(Math.sqrt(deviation ** 2 + 1 / 12), 0)
  expect(Math.abs(spread / Math.sqrt(deviation ** 2 + 1 / 12) - 1)).toBeLessThan(0.03)
  const beyond = values.filter((x) => Math.abs(x) > 2 * deviation).length / values.length
  expect(beyond).toBeGreaterThan(0.01)
  expect(beyond).toBeLessThan(0.07)
})

it('is added to every byte by itself, and cut at black and white', () => {
  const grain = new Grain({ seed: 3, deviation: 14, exposure: 1 })
  const noise = greys(128, 4096)
  grain.apply(noise, 5)
  for (let value = 0; value < 256; value += 5) {
    const picture = greys(value, 4096)
    grain.apply(picture, 5)
    const sums = noise.map((x) => Math.min(255, Math.max(0, value + x - 128)))
    expect(Buffer.compare(picture, sums)).toBe(0)
  }
  const mixed = Uint8Array.from({ length: 4096 }, (_, i) => (i * 37) & 255)
  const expected = mixed.map((x, i) => Math.min(255, Math.max(0, x + noise[i] - 128)))
  grain.apply(mixed, 5)
  expect(Buffer.compare(mixed, expected)).toBe(0)
})

it('differs from frame to frame and from seed to seed, and is the same again; any size', () => {
  const grained = (seed: number, frame: number, length = 300) => {
    const picture = greys(100, length)
    new Grain({ seed, deviation: 5, exposure: 1 }).apply(picture, frame)
    return picture
  }
  expect(grained(1, 0)).toEqual(grained(1, 0))
  expect(grained(1, 0)).not.toEqual(grained(1, 1))
  expect(grained(1, 0)).not.toEqual(grained(2, 0))
  for (const length of [1, 2, 3, 7]) expect(grained(1, 0, length).length).toBe(length)
})
