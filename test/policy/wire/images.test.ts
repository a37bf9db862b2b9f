import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJpeg, encodeJpeg } from '../../../policy/images/jpeg.js'
import { encodePng, type Picture } from '../../../policy/images/png.js'
import { packImage, readImage } from '../../../policy/wire/images.js'
import { EncodedImage, NdArray, packArrays, unpackArrays } from '../../../policy/wire/ndarray.js'
import { WireError } from '../../../policy/wire/wireError.js'

/** A smooth picture, as a camera's is. */
function smooth(width: number, height: number): Picture {
  const data = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    data.set([(255 * x) / width, (255 * y) / height, 255 - (255 * x) / width], 3 * i)
  }
  return { width, height, data }
}

const difference = (a: Picture, b: Picture) =>
  a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - b.data[i])), 0)

describe('a picture', () => {
  it.each(['raw', 'png'] as const)('sent as %s comes back as it was', async (format) => {
    const picture = smooth(31, 17)
    const frame = packArrays(await packImage(picture, format), 'vla-eval')
    expect(await readImage(unpackArrays(frame), 'image')).toEqual(picture)
  })

  it('sent as JPEG comes back nearly so, in a tenth of the bytes', async () => {
    const picture = smooth(224, 224)
    const frame = packArrays(await packImage(picture, 'jpeg'), 'openpi')
    expect(frame.length).toBeLessThan(picture.data.length / 10)
    const back = await readImage(unpackArrays(frame), 'image')
    // Quality 95 of a picture without edges.
    expect(difference(back, picture)).toBeLessThanOrEqual(8)
  })

  it('may be grey, have transparency, come channels first, or as floats', async () => {
    const rgb = async (dtype: 'u1' | 'f4', shape: number[], data: number[]) => {
      const values = dtype === 'u1' ? Uint8Array.from(data) : Float32Array.from(data)
      return [...(await readImage(new NdArray(dtype, shape, values), 'image')).data]
    }
    expect(await rgb('u1', [1, 2, 1], [7, 9])).toEqual([7, 7, 7, 9, 9, 9])
    expect(await rgb('u1', [1, 2, 4], [1, 2, 3, 255, 4, 5, 6, 0])).toEqual([1, 2, 3, 4, 5, 6])
    expect(await rgb('u1', [3, 1, 2], [1, 2, 3, 4, 5, 6])).toEqual([1, 3, 5, 2, 4, 6])
    expect(await rgb('f4', [1, 1, 3], [0, 0.5, 2])).toEqual([0, 127, 255])
  })

  const big = Buffer.from(encodePng({ width: 4, height: 4, data: new Uint8Array(48) }))
  big.writeUInt32BE(50_000, 16)
  big.writeUInt32BE(50_000, 20)
  it.each([
    ['nothing', undefined, /expected a picture/],
    ['text', 'picture', /expected a picture/],
    ['two axes', new NdArray('u1', [4, 4], new Uint8Array(16)), /not \[4, 4\]/],
    ['five channels', new NdArray('u1', [2, 2, 5], new Uint8Array(20)), /not \[2, 2, 5\]/],
    ['no pixels', new NdArray('u1', [0, 2, 3], new Uint8Array(0)), /not \[0, 2, 3\]/],
    ['whole numbers of 32 bits', new NdArray('i4', [1, 1, 3], new Int32Array(3)), /not i4/],
    ['a PNG of 50,000 x 50,000', new EncodedImage('png', [4, 4, 3], big), /50000 x 50000 pixels/],
    ['half a PNG', new EncodedImage('png', [4, 4, 3], big.subarray(0, 20)), /cut off/],
    ['a PNG called a JPEG', new EncodedImage('jpeg', [4, 4, 3], big), /not a JPEG/],
  ])('refused: %s', async (_, value, message) => {
    await expect(readImage(value, 'image')).rejects.toThrow(WireError)
    await expect(readImage(value, 'image')).rejects.toThrow(message)
  })

  it('whose PNG unpacks to more than it says is refused without unpacking it', async () => {
    const { width, height, data } = { width: 2000, height: 2000, data: new Uint8Array(12_000_000) }
    const bomb = Buffer.from(encodePng({ width, height, data }))
    bomb.writeUInt32BE(2, 16)
    bomb.writeUInt32BE(2, 20)
    await expect(readImage(new EncodedImage('png', [2, 2, 3], bomb), 'image')).rejects.toThrow(/this PNG/)
  })
})

it('black and white noise fits into the encoder’s buffer, and what might not is not encoded', async () => {
  const rng = Rng.fromSeed(0, 'noise')
  for (const [width, height] of [
    [64, 64],
    [65, 97],
  ]) {
    const data = Uint8Array.from({ length: 3 * width * height }, () => (rng.uniform() < 0.5 ? 0 : 255))
    const jpeg = await encodeJpeg({ width, height, data })
    expect(jpeg.length).toBeLessThan(0.8 * data.length)
    expect((await decodeJpeg(jpeg)).data.length).toBe(data.length)
  }
  await expect(encodeJpeg(smooth(63, 100))).rejects.toThrow('too few')
  expect(await packImage(smooth(63, 100), 'jpeg')).toMatchObject({ format: 'png' })
})

it('a JPEG cut short or broken is refused, again and again, and the next good one is read', async () => {
  const picture = smooth(80, 64)
  const good = await encodeJpeg(picture)
  const isRead = (bytes: Uint8Array) =>
    decodeJpeg(bytes).then(
      () => true,
      (error: Error) => !/JPEG/.test(error.message),
    )
  // More failures than the decoder is kept for.
  for (let i = 0; i < 600; i++) expect(await isRead(good.subarray(0, 20 + (i % 300)))).toBe(false)
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, value) => {
      const broken = Uint8Array.from(good)
      broken[at] = value
      await decodeJpeg(broken, 1e6).catch((error: unknown) => expect(error).toBeInstanceOf(Error))
    }),
  )
  expect(difference(await decodeJpeg(good), picture)).toBeLessThanOrEqual(8)
  await expect(decodeJpeg(good, 1000)).rejects.toThrow('80 x 64 pixels')
})
