import { UserError } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../../policy/safetensors.js'

const shapes = fc.array(fc.nat(4), { maxLength: 3 })
const count = (shape: number[]) => shape.reduce((a, b) => a * b, 1)
const tensor = (dtype: TensorData['dtype'], of: (n: number) => fc.Arbitrary<TensorData['data']>) =>
  shapes.chain((shape) => of(count(shape)).map((data): TensorData => ({ dtype, shape, data })))
const exactly = (n: number) => ({ minLength: n, maxLength: n })
const tensors = fc.oneof(
  tensor('float32', (n) => fc.float32Array(exactly(n))),
  tensor('float64', (n) => fc.float64Array(exactly(n))),
  tensor('int64', (n) => fc.bigInt64Array(exactly(n))),
  tensor('int32', (n) => fc.int32Array(exactly(n))),
  tensor('float16', (n) => fc.uint16Array(exactly(n))),
  tensor('uint8', (n) => fc.uint8Array(exactly(n))),
  tensor('int8', (n) => fc.int8Array(exactly(n))),
)
const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__')

/** A file with this header text and body. */
function file(header: string, body = new Uint8Array(0), declared = header.length): Uint8Array {
  const out = Buffer.alloc(8 + header.length + body.length)
  out.writeBigUInt64LE(BigInt(declared))
  out.write(header, 8, 'latin1')
  out.set(body, 8 + header.length)
  return out
}

describe('safetensors', () => {
  it('reads back what it wrote, bit for bit, whatever the names, types and shapes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, tensors), { maxLength: 6 }), (entries) => {
        const map = new Map(entries)
        const bytes = encodeSafetensors(map, { format: 'x' })
        // A Buffer from the pool, as readFileSync gives for small files: its slice() shares memory.
        const decoded = decodeSafetensors(Buffer.from(bytes))
        expect([...decoded.keys()].sort()).toEqual([...map.keys()].sort())
        for (const [name, { dtype, shape, data }] of map) {
          const found = decoded.get(name)!
          expect({ ...found, data: found.data.length }).toEqual({ dtype, shape, data: data.length })
          expect(
            Buffer.from(found.data.buffer).equals(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
          ).toBe(true)
        }
      }),
    )
  })

  it('has the layout of the format: length, JSON padded to 8 bytes, data', () => {
    const bytes = encodeSafetensors(
      new Map([['w', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) }]]),
    )
    const header = Number(Buffer.from(bytes).readBigUInt64LE())
    expect(header % 8).toBe(0)
    expect(JSON.parse(Buffer.from(bytes).toString('utf8', 8, 8 + header))).toEqual({
      w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    })
    expect(Buffer.from(bytes).readFloatLE(8 + header + 4)).toBe(2)
  })

  const entry = (fields: object) =>
    JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...fields } })
  const four = new Uint8Array(4)
  it.each([
    ['no length', new Uint8Array(3), /3 bytes/],
    ['a header longer than the file', file('{}', four, 1000), /header of 1000/],
    ['a header of 2^63 bytes', file('{}', four, Number.MAX_SAFE_INTEGER), /header of/],
    ['a header that is not JSON', file('{"w"'), /not JSON/],
    ['a header that is a list', file('[]'), /not an object/],
    ['an entry that is null', file('{"w":null}'), /dtype undefined/],
    ['an unknown dtype', file(entry({ dtype: 'F8' }), four), /dtype "F8"/],
    ['a dtype from the prototype', file(entry({ dtype: 'toString' }), four), /dtype/],
    ['a negative size', file(entry({ shape: [-1] }), four), /shape \[-1\]/],
    ['a size that overflows', file(entry({ shape: [2 ** 52, 2 ** 52] }), four), /asks for/],
    ['a shape that is no list', file(entry({ shape: 'x' }), four), /shape/],
    ['offsets outside', file(entry({ data_offsets: [0, 8] }), four), /outside the file/],
    ['offsets reversed', file(entry({ data_offsets: [4, 0] }), four), /outside the file/],
    ['fractional offsets', file(entry({ data_offsets: [0.5, 4.5] }), four), /outside the file/],
    ['bytes of no tensor', file(entry({}), new Uint8Array(8)), /4 bytes belong to no tensor/],
    ['a gap', file(entry({ data_offsets: [4, 8] }), new Uint8Array(8)), /gap/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'weights')).toThrow(UserError)
    expect(() => decodeSafetensors(bytes, 'weights')).toThrow(message)
  })

  it('throws only UserError on damaged files', () => {
    const good = encodeSafetensors(
      new Map([['w', { dtype: 'int32', shape: [3], data: Int32Array.of(1, 2, 3) }]]),
    )
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length)
        if (at < length) bytes[at] = value
        try {
          decodeSafetensors(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(UserError)
        }
      }),
    )
  })
})
