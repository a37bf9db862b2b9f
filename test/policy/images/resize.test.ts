import fc from 'fast-check'
import { expect, it } from 'vitest'
import { cropAndResize } from '../../../policy/images/resize.js'

it('keeps a picture of its own size, and the mean of every other', () => {
  const size = fc.integer({ min: 1, max: 20 })
  fc.assert(
    fc.property(
      size,
      size,
      size,
      size,
      fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
      (w, h, tw, th, s) => {
        const data = Uint8Array.from({ length: 3 * w * h }, () => s.next().value!)
        const picture = { width: w, height: h, data }
        expect(cropAndResize(picture, undefined, w, h)).toEqual(data)
        const mean = (values: Uint8Array) => values.reduce((a, b) => a + b, 0) / values.length
        // Every pixel is rounded by at most half a step.
        expect(Math.abs(mean(cropAndResize(picture, undefined, tw, th)) - mean(data))).toBeLessThanOrEqual(
          0.5,
        )
      },
    ),
  )
})

it('takes the crop only, and says when it is not within the picture', () => {
  const data = new Uint8Array(3 * 4 * 3).fill(200)
  for (const x of [1, 2]) data.set([10, 20, 30], 3 * (1 * 4 + x))
  const picture = { width: 4, height: 3, data }
  expect([...cropAndResize(picture, [1, 1, 2, 1], 1, 1)]).toEqual([10, 20, 30])
  expect(() => cropAndResize(picture, [1, 1, 4, 1], 1, 1)).toThrow(/crop \[1, 1, 4, 1\] is not within 4 x 3/)
})
