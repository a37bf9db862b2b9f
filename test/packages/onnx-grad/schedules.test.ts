import { constantLr, cosineDecay, linearWarmup } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { expect, it } from 'vitest'

const positive = fc.double({ min: 1e-6, max: 10, noNaN: true })
const steps = fc.integer({ min: 2, max: 5000 })

it('a constant rate with warm-up rises in equal parts to the rate and stays there', () => {
  fc.assert(
    fc.property(positive, steps, fc.nat(10_000), (lr, warmup, step) => {
      const schedule = linearWarmup(warmup, constantLr(lr))
      expect(schedule(step)).toBeCloseTo(lr * Math.min(1, (step + 1) / warmup), 12)
    }),
  )
  expect(linearWarmup(0, constantLr(0.1))(0)).toBe(0.1)
})

it('a cosine starts at the rate, is half-way in the middle, falls all the time and ends at the final rate', () => {
  fc.assert(
    fc.property(
      positive,
      fc.integer({ min: 1, max: 500 }),
      fc.nat(300),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (lr, half, start, share) => {
        const final = share * lr
        const end = start + 2 * half
        const schedule = cosineDecay({ lr, steps: end, start, final })
        expect(schedule(start)).toBeCloseTo(lr, 12)
        expect(schedule(start + half)).toBeCloseTo((lr + final) / 2, 12)
        expect(schedule(end)).toBeCloseTo(final, 12)
        expect(schedule(end + 100)).toBeCloseTo(final, 12)
        for (let step = start; step < end; step += Math.ceil(half / 7))
          expect(schedule(step + 1)).toBeLessThanOrEqual(schedule(step))
      },
    ),
  )
})

it('a cosine follows its closed form after a warm-up', () => {
  const schedule = linearWarmup(10, cosineDecay({ lr: 0.3, steps: 110, start: 10 }))
  expect(schedule(0)).toBeCloseTo(0.03, 15)
  expect(schedule(9)).toBeCloseTo(0.3, 15)
  expect(schedule(10)).toBe(0.3)
  expect(schedule(35)).toBeCloseTo(0.15 * (1 + Math.SQRT1_2), 15)
  expect(schedule(60)).toBeCloseTo(0.15, 15)
})
