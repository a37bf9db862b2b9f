import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromRotationVector, multiply, rotate } from '../../../envs/math/quat.js'
import {
  type Quaternion,
  type RotationName,
  rotationFormats,
  rotationVector,
} from '../../../policy/remote/rotations.js'

const part = fc.double({ min: -1, max: 1, noNaN: true })
const rotations = fc
  .tuple(part, part, part, part)
  .filter((q) => Math.hypot(...q) > 0.1)
  .map((q) => q.map((x) => x / Math.hypot(...q)) as unknown as Quaternion)

/** Angle between two rotations. */
const angle = (a: Quaternion, b: Quaternion) =>
  2 * Math.acos(Math.min(1, Math.abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3])))

const turn = (q: Quaternion, v: number[]) => [...rotate([0, 0, 0], q, v)]

const names = Object.keys(rotationFormats) as RotationName[]

describe('rotation formats', () => {
  // acos of a dot product near 1 resolves about sqrt(2^-52) = 1.5e-8.
  it.each(names)('%s: what is written is read again', (name) => {
    const format = rotationFormats[name]
    fc.assert(
      fc.property(rotations, (q) => {
        const numbers = format.write(q)
        expect(numbers).toHaveLength(format.size)
        expect(angle(format.read(numbers)!, q)).toBeLessThan(1e-6)
      }),
    )
  })

  it('rotation vectors are those of the simulator', () => {
    fc.assert(
      fc.property(part, part, part, (x, y, z) => {
        const q = fromRotationVector([0, 0, 0, 1], [x, y, z]) as unknown as Quaternion
        expect(angle(rotationFormats['rotation-vector'].read([x, y, z]), q)).toBeLessThan(1e-6)
        for (const [i, value] of rotationVector(q).entries()) expect(value).toBeCloseTo([x, y, z][i], 9)
      }),
    )
  })

  it('euler angles turn about the fixed axes, roll first', () => {
    fc.assert(
      fc.property(part, part, part, (roll, pitch, yaw) => {
        const about = (i: number, a: number) =>
          fromRotationVector(
            [0, 0, 0, 1],
            [0, 1, 2].map((k) => (k === i ? a : 0)),
          )
        const q = multiply([0, 0, 0, 1], about(1, pitch), about(0, roll))
        multiply(q, about(2, yaw), q)
        expect(
          angle(rotationFormats.euler.read([roll, pitch, yaw]), q as unknown as Quaternion),
        ).toBeLessThan(1e-6)
      }),
    )
  })

  it('euler angles at the pole still give the rotation', () => {
    for (const pitch of [Math.PI / 2, -Math.PI / 2]) {
      const q = rotationFormats.euler.read([0.3, pitch, -0.8])
      expect(angle(rotationFormats.euler.read(rotationFormats.euler.write(q)), q)).toBeLessThan(1e-6)
    }
  })

  it('six numbers are two columns: images of the x and y axes, of any length and not quite at right angles', () => {
    fc.assert(
      fc.property(rotations, fc.double({ min: 0.1, max: 9, noNaN: true }), part, (q, scale, lean) => {
        const [x, y] = [turn(q, [1, 0, 0]), turn(q, [0, 1, 0])]
        const columns = [...x.map((v) => scale * v), ...y.map((v, i) => v + lean * x[i])]
        expect(angle(rotationFormats.rot6d.read(columns)!, q)).toBeLessThan(1e-6)
        const rows = [0, 1, 2].flatMap((i) => [columns[i], columns[3 + i]])
        expect(angle(rotationFormats['rot6d-interleaved'].read(rows)!, q)).toBeLessThan(1e-6)
      }),
    )
  })

  it('numbers that are no rotation are told apart', () => {
    expect(rotationFormats.rot6d.read([1, 0, 0, 2, 0, 0])).toBeUndefined()
    expect(rotationFormats.rot6d.read([0, 0, 0, 0, 1, 0])).toBeUndefined()
    expect(rotationFormats['quaternion-wxyz'].read([0, 0, 0, 0])).toBeUndefined()
  })
})
