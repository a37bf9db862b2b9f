import { decode, encode } from '@msgpack/msgpack'
import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../../policy/wire/messagePack.js'
import {
  EncodedImage,
  NdArray,
  packArrays,
  toFloats,
  unpackArrays,
  type WireMap,
  type WireValue,
} from '../../../policy/wire/ndarray.js'
import { WireError } from '../../../policy/wire/wireError.js'
import { mutate } from '../../../scripts/peers/servers/mutate.js'

const bytes = (...values: number[]) => Uint8Array.from(values)
const arrayMap = (fields: Record<string, unknown>) => encode({ __ndarray__: true, ...fields })

/** Anything that JSON has, and bytes: what @msgpack/msgpack, the other implementation here, reads and writes too. */
const plain = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    // The other implementation drops the sign of -0.
    fc.double({ noNaN: true }).map((x) => x + 0),
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => !key.startsWith('__')),
      tie('value'),
      { maxKeys: 20 },
    ),
  ),
})).value

describe('MessagePack', () => {
  it('reads what another implementation writes, and the other way round', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(unpackArrays(encode(value))).toEqual(value)
        expect(decode(packArrays(value as WireValue, 'openpi'))).toEqual(value)
      }),
      { numRuns: 100 },
    )
  })

  it('reads every size of integer, float, text, bytes, list and map', () => {
    const text = 'x'.repeat(70_000)
    const long = Array.from({ length: 66_000 }, (_, i) => i % 100)
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))
    const value = { text, mid: text.slice(0, 300), wide, long, blob: new Uint8Array(70_000).fill(7) }
    const limits = { ...defaultLimits, maxValues: 70_000 }
    const check = (read: unknown) => {
      const back = read as typeof value
      expect([back.text === text, back.mid, back.wide]).toEqual([true, value.mid, wide])
      expect(back.long.length === 66_000 && back.long.every((x, i) => x === i % 100)).toBe(true)
      expect(back.blob.length === 70_000 && back.blob.every((x) => x === 7)).toBe(true)
    }
    check(unpackArrays(encode(value), limits))
    check(decode(packArrays(value, 'vla-eval')))
    for (const number of [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      expect(unpackArrays(encode([number, -number, number + 0.5]))).toEqual([
        number,
        -number || 0,
        number + 0.5,
      ])
      expect(decode(packArrays([number, -number, number + 0.5], 'openpi'))).toEqual([
        number,
        -number,
        number + 0.5,
      ])
    }
    expect(unpackArrays(encode(0.5, { forceFloat32: true }))).toBe(0.5)
    expect(unpackArrays(packArrays(2n ** 64n - 1n, 'openpi'))).toBe(2n ** 64n - 1n)
    expect(unpackArrays(packArrays(-(2n ** 63n), 'openpi'))).toBe(-(2n ** 63n))
  })

  it('takes a key as a name and nothing more', () => {
    const map = unpackArrays(
      encode({ ['__proto__x'.slice(0, 9)]: { polluted: true }, toString: 1 }),
    ) as WireMap
    expect(Object.getPrototypeOf(map)).toBe(null)
    expect(({} as Record<string, unknown>).polluted).toBe(undefined)
    expect(map.hasOwnProperty).toBe(undefined)
  })

  it.each([
    ['nothing', bytes(), /cut short/],
    ['a byte that begins nothing', bytes(0xc1), /not MessagePack/],
    ['an extension', encode(new Date(0)), /not MessagePack/],
    ['two values', bytes(1, 2), /1 bytes after/],
    ['bytes that are not there', bytes(0xc6, 0xff, 0xff, 0xff, 0xff), /cut short/],
    ['a list of four billion', bytes(0xdd, 0xff, 0xff, 0xff, 0xff, 1), /cut short/],
    ['a map of four billion', bytes(0xdf, 0xff, 0xff, 0xff, 0xff, 1), /cut short/],
    ['text that is not UTF-8', bytes(0xa2, 0xff, 0xfe), /UTF-8/],
    ['a number as a key', bytes(0x81, 1, 1), /key/],
    ['100 levels', new Uint8Array(100).fill(0x91), /nested deeper than 16/],
    ['a list of 60,000', encode(new Array(60_000).fill(0)), /50000 values/],
  ])('refuses %s', (_, frame, message) => {
    expect(() => unpackArrays(frame)).toThrow(WireError)
    expect(() => unpackArrays(frame)).toThrow(message)
  })

  it('refuses a frame beyond the limit before it looks at it', () => {
    expect(() => unpackArrays(new Uint8Array(11), { ...defaultLimits, maxBytes: 10 })).toThrow(
      'frame of 11 bytes, the limit is 10',
    )
  })
})

const data = {
  b1: Uint8Array.of(0, 1),
  i1: Int8Array.of(-128, 127),
  u1: Uint8Array.of(0, 255),
  i2: Int16Array.of(-32768, 32767),
  u2: Uint16Array.of(0, 65535),
  i4: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
  u4: Uint32Array.of(0, 2 ** 32 - 1),
  i8: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
  u8: BigUint64Array.of(0n, 2n ** 64n - 1n),
  f4: Float32Array.of(-1.5, Math.fround(0.1)),
  f8: Float64Array.of(Math.PI, Number.NaN),
} as const

describe('arrays', () => {
  it.each(['openpi', 'vla-eval'] as const)('of every type come back, as %s writes them', (style) => {
    for (const [dtype, values] of Object.entries(data)) {
      // One byte of padding in front puts the data at an odd place.
      for (const pad of ['', 'x', 'xy', 'xyz']) {
        const array = new NdArray(dtype as keyof typeof data, [1, 2], values)
        const back = unpackArrays(packArrays([pad, array], style)) as readonly WireValue[]
        expect(back[1]).toEqual(array)
        expect((back[1] as NdArray).data.constructor).toBe(values.constructor)
      }
    }
  })

  it('have keys of bytes for openpi and of text for vla-eval', () => {
    const array = new NdArray('u1', [2], Uint8Array.of(1, 2))
    expect(decode(packArrays(array, 'vla-eval'))).toEqual({
      __ndarray__: true,
      data: bytes(1, 2),
      dtype: '|u1',
      shape: [2],
    })
    const binary = decode(packArrays(array, 'openpi'), {
      mapKeyConverter: (key) => `bytes ${Buffer.from(key as Uint8Array).toString()}`,
    })
    expect(binary).toEqual({
      'bytes __ndarray__': true,
      'bytes data': bytes(1, 2),
      'bytes dtype': '|u1',
      'bytes shape': [2],
    })
  })

  it('of bytes are views of the frame', () => {
    const frame = packArrays(new NdArray('u1', [3, 2, 1], Uint8Array.of(1, 2, 3, 4, 5, 6)), 'openpi')
    expect((unpackArrays(frame) as NdArray).data.buffer).toBe(frame.buffer)
  })

  it('in the other byte order and in half precision are read', () => {
    const big = arrayMap({ data: bytes(0x3f, 0x80, 0, 0, 0x40, 0, 0, 0), dtype: '>f4', shape: [2] })
    expect(unpackArrays(big)).toEqual(new NdArray('f4', [2], Float32Array.of(1, 2)))
    // IEEE 754: 1, -2, the largest half, the smallest above 0, infinity.
    const half = arrayMap({
      data: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00).buffer),
      dtype: '<f2',
      shape: [5],
    })
    expect(unpackArrays(half)).toEqual(
      new NdArray('f4', [5], Float32Array.of(1, -2, 65504, 2 ** -24, Number.POSITIVE_INFINITY)),
    )
  })

  it('of text and scalars of NumPy are read', () => {
    const text = new Uint8Array(Uint32Array.of(0x70, 0x75, 0x74, 0, 0x1f600, 0, 0, 0).buffer)
    expect(unpackArrays(arrayMap({ data: text, dtype: '<U4', shape: [2] }))).toEqual(['put', '😀'])
    expect(unpackArrays(arrayMap({ data: text.slice(0, 16), dtype: '<U4', shape: [] }))).toBe('put')
    const scalar = (value: unknown, dtype: string) =>
      unpackArrays(encode({ __npgeneric__: true, data: value, dtype }))
    expect([scalar(0.5, '<f8'), scalar(true, '|b1'), scalar('put', '<U3')]).toEqual([0.5, true, 'put'])
  })

  it.each([
    ['fewer data than the shape', { data: bytes(1, 2, 3), dtype: '|u1', shape: [4] }, /takes 4 bytes, got 3/],
    ['more data than the shape', { data: bytes(1, 2, 3), dtype: '|u1', shape: [2] }, /takes 2 bytes, got 3/],
    ['a shape beyond all memory', { data: bytes(1), dtype: '<f8', shape: [2 ** 31, 2 ** 31, 9] }, /shape/],
    ['a negative shape', { data: bytes(1), dtype: '|u1', shape: [-1, -1] }, /shape/],
    ['nine axes', { data: bytes(1), dtype: '|u1', shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }, /shape/],
    ['no shape', { data: bytes(1), dtype: '|u1' }, /shape/],
    ['objects', { data: bytes(1), dtype: '|O', shape: [1] }, /type 'O' are not read/],
    ['void', { data: bytes(1), dtype: '|V1', shape: [1] }, /not read/],
    ['complex numbers', { data: new Uint8Array(8), dtype: '<c8', shape: [1] }, /not read/],
    ['a type with a name of Object.prototype', { data: bytes(1), dtype: 'a1', shape: [1] }, /not read/],
    ['a structured type', { data: bytes(1), dtype: [['x', '<f4']], shape: [1] }, /not NumPy's/],
    ['text as data', { data: 'abc', dtype: '|u1', shape: [3] }, /without data/],
    ['a billion empty texts', { data: bytes(), dtype: '<U0', shape: [1e9] }, /array of text/],
    ['text beyond Unicode', { data: bytes(0, 0, 0x11, 0), dtype: '<U1', shape: [] }, /Unicode/],
  ])('with %s are refused', (_, fields, message) => {
    expect(() => unpackArrays(arrayMap(fields))).toThrow(WireError)
    expect(() => unpackArrays(arrayMap(fields))).toThrow(message)
  })

  it('that do not fill their shape cannot be made', () => {
    expect(() => new NdArray('u1', [2, 2], bytes(1, 2, 3))).toThrow('array of shape [2, 2] with 3 elements')
  })
})

describe('numbers', () => {
  it('of any kind become float32 with their shape', () => {
    expect(toFloats(new NdArray('i8', [2], BigInt64Array.of(1n, -2n)), 'x')).toEqual({
      shape: [2],
      data: Float32Array.of(1, -2),
    })
    expect(
      toFloats(
        [
          [1, 2],
          [3, 4],
        ],
        'x',
      ),
    ).toEqual({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) })
  })

  it.each([
    ['NaN', new NdArray('f8', [2], Float64Array.of(1, Number.NaN)), /actions: number 1 is NaN/],
    ['too large for float32', new NdArray('f8', [1], Float64Array.of(1e300)), /number 0 is Infinity/],
    ['lists of unequal length', [[1, 2], [3]], /unequal/],
    ['text', 'abc', /expected an array/],
    ['nothing', undefined, /expected an array/],
    ['lists of text', ['a'], /expected numbers/],
  ])('refused: %s', (_, value, message) => {
    expect(() => toFloats(value, 'actions')).toThrow(message)
  })
})

it('a mutated frame is read or refused with a WireError of one short line', () => {
  const rng = Rng.fromSeed(0, 'mutated frames')
  const frames = (['openpi', 'vla-eval'] as const).map((style) =>
    packArrays(
      {
        image: new NdArray('u1', [4, 4, 3], new Uint8Array(48).fill(9)),
        state: new NdArray('f4', [14], new Float32Array(14).fill(0.5)),
        prompt: 'put carrot on plate',
        encoded: new EncodedImage('png', [4, 4, 3], bytes(1, 2, 3)),
        list: [1, -2.5, null, true, { a: 2n ** 60n }],
      },
      style,
    ),
  )
  let refused = 0
  for (let i = 0; i < 5000; i++) {
    try {
      unpackArrays(mutate(frames[i % 2], rng))
    } catch (error) {
      refused++
      if (!(error instanceof WireError) || !/^.{1,200}$/.test(error.message)) throw error
    }
  }
  // Some mutations only change a pixel; most break a length or a tag.
  expect(refused).toBeGreaterThan(500)
})
