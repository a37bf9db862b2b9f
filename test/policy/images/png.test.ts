import fc from 'fast-check'
import { encode } from 'fast-png'
import { expect, it } from 'vitest'
import { decodePng, encodePng, type Picture } from '../../../policy/images/png.js'

const picture: fc.Arbitrary<Picture> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height })
      .map((data) => ({ width, height, data })),
  )

it('a picture comes back as it was, from our encoder and from another', () => {
  fc.assert(
    fc.property(picture, (original) => {
      expect(decodePng(encodePng(original))).toEqual(original)
      const { width, height, data } = original
      expect(decodePng(encode({ width, height, channels: 3, depth: 8, data }))).toEqual(original)
    }),
  )
})

it('pictures with transparency, of grey, or of 16 bits become 8-bit rgb', () => {
  const four = (data: Uint8Array | Uint16Array, channels: 1 | 3 | 4, depth: 8 | 16) => [
    ...decodePng(encode({ width: 2, height: 1, channels, depth, data })).data,
  ]
  expect(four(Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 0), 4, 8)).toEqual([1, 2, 3, 4, 5, 6])
  expect(four(Uint8Array.of(7, 9), 1, 8)).toEqual([7, 7, 7, 9, 9, 9])
  expect(four(Uint16Array.of(256, 512, 768, 1024, 1280, 65535), 3, 16)).toEqual([1, 2, 3, 4, 5, 255])
})

it.each([
  ['nothing', new Uint8Array(0), /not a PNG/],
  ['a JPEG', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0), /a JPEG, not a PNG/],
  [
    'a PNG cut off',
    encodePng({ width: 9, height: 9, data: new Uint8Array(243).fill(7) }).subarray(0, 50),
    /./,
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => decodePng(bytes)).toThrow(message)
})
