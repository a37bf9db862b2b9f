import {
  Box,
  Dict,
  Discrete,
  type DType,
  MultiBinary,
  PRINTABLE,
  type Space,
  Text,
  UserError,
} from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 })
const floatBound = fc.float({ noNaN: true })

const floatBox = fc
  .tuple(floatBound, floatBound, shapes, fc.constantFrom('float32' as const, 'float64' as const))
  .filter(([a, b]) => Math.min(a, b) < Infinity && Math.max(a, b) > -Infinity)
  .map(([a, b, shape, dtype]) => new Box(Math.min(a, b), Math.max(a, b), shape, dtype))
const integerTypes: [DType, number, number][] = [
  ['int8', -128, 127],
  ['uint8', 0, 255],
  ['int16', -32768, 32767],
  ['uint16', 0, 65535],
  ['int32', -(2 ** 31), 2 ** 31 - 1],
  ['uint32', 0, 2 ** 32 - 1],
]
const integerBox = fc.constantFrom(...integerTypes).chain(([dtype, least, greatest]) => {
  const bound = fc.oneof(
    fc.integer({ min: least, max: Math.min(greatest, 2 ** 31 - 1) }),
    fc.constant(greatest),
  )
  return fc
    .tuple(bound, bound, shapes)
    .map(([a, b, shape]) => new Box(Math.min(a, b), Math.max(a, b), shape, dtype))
})
const leaf: fc.Arbitrary<Space<unknown>> = fc.oneof(
  floatBox as fc.Arbitrary<Space<unknown>>,
  integerBox as fc.Arbitrary<Space<unknown>>,
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer()).map(([n, start]) => new Discrete(n, start)),
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }).map((n) => new MultiBinary(n)),
  fc
    .tuple(fc.nat(8), fc.nat(8), fc.string({ unit: 'grapheme', minLength: 1 }))
    .map(([min, more, charset]) => new Text(min + more, { minLength: min, charset })),
)
const anySpace: fc.Arbitrary<Space<unknown>> = fc.oneof(
  leaf,
  fc
    .dictionary(
      fc.string(),
      fc.oneof(
        leaf,
        fc.dictionary(fc.string(), leaf).map((s) => new Dict(s)),
      ),
    )
    .map((spaces) => new Dict(spaces)),
)

describe('every space', () => {
  it('contains its samples and their copies, equals itself, and repeats samples after seed', () => {
    fc.assert(
      fc.property(anySpace, fc.integer(), (space, seed) => {
        space.seed(seed)
        const samples = [space.sample(), space.sample()]
        expect(samples.every((x) => space.contains(x) && space.contains(space.copy(x)))).toBe(true)
        space.seed(seed)
        expect([space.sample(), space.sample()]).toEqual(samples)
        expect(space.equals(space)).toBe(true)
        expect(space.contains(null) || space.contains(undefined) || space.contains(NaN)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('differs from a space with another parameter and names itself', () => {
    const spaces: [Space<unknown>, string][] = [
      [new Box(-1, 1, [7]), 'Box(-1, 1, [7], float32)'],
      [new Box(-1, 1, [7, 1]), 'Box(-1, 1, [7, 1], float32)'],
      [new Box(0, 255, [7], 'uint8'), 'Box(0, 255, [7], uint8)'],
      [new Box([-1, -2], [1, Infinity]), 'Box([-1, -2], [1, Infinity], [2], float32)'],
      [
        new Box(
          Float32Array.from({ length: 9 }, (_, i) => i),
          9,
        ),
        'Box(0..8, 9, [9], float32)',
      ],
      [new Discrete(3), 'Discrete(3)'],
      [new Discrete(3, 1), 'Discrete(3, start=1)'],
      [new MultiBinary(3), 'MultiBinary(3)'],
      [new MultiBinary([3, 1]), 'MultiBinary([3, 1])'],
      [new Text(3, { charset: 'ba' }), 'Text(1, 3, charset=ab)'],
      [new Text(3, { charset: 'b' }), 'Text(1, 3, charset=b)'],
      [new Dict({ a: new Discrete(2) }), "Dict('a': Discrete(2))"],
      [
        new Dict({ a: new Discrete(2), b: new Text(1, { charset: '-' }) }),
        "Dict('a': Discrete(2), 'b': Text(1, 1, charset=-))",
      ],
    ]
    for (const [a, text] of spaces) {
      expect(a.toString()).toBe(text)
      expect(spaces.filter(([b]) => a.equals(b)).map(([, t]) => t)).toEqual([text])
    }
  })

  it('draws differently without a seed and with another seed', () => {
    const draw = (seed?: number) => {
      const space = new Dict({ x: new Box(0, 1, [4]), y: new Box(0, 1, [4]) })
      if (seed !== undefined) space.seed(seed)
      return space.sample()
    }
    expect(draw()).not.toEqual(draw())
    expect(draw(1)).not.toEqual(draw(2))
    expect(draw(1).x).not.toEqual(draw(1).y)
  })
})

describe('Box', () => {
  it('refuses wrong types, lengths and elements outside its bounds', () => {
    const box = new Box([-1, 0], [1, 2])
    expect(box.contains(Float32Array.of(1, 2))).toBe(true)
    for (const x of [
      Float32Array.of(1.01, 2),
      Float32Array.of(1, -0.01),
      Float32Array.of(1, NaN),
      Float32Array.of(1),
      Float64Array.of(1, 2),
      [1, 2],
    ]) {
      expect(box.contains(x)).toBe(false)
    }
  })

  it('reaches both ends of an integer range and follows one-sided bounds', () => {
    const bytes = new Box(3, 5, [200], 'uint8')
    bytes.seed(1)
    expect([...new Set(bytes.sample())].sort()).toEqual([3, 4, 5])
    const exponential = new Box(2, Infinity, [20000])
    exponential.seed(1)
    const mean = exponential.sample().reduce((a, b) => a + b, 0) / 20000
    expect(Math.abs(mean - 3)).toBeLessThan(0.03) // standard error 0.007
    expect([exponential.isBounded(), exponential.isBounded('below'), exponential.isBounded('above')]).toEqual(
      [false, true, false],
    )
  })

  it.each([
    [() => new Box(1, 0, [2]), 'low 1 is above high 0 at element 0'],
    [() => new Box([0, 0], 1, [3]), 'low has 2 elements, shape [3] needs 3'],
    [() => new Box(0, 256, [1], 'uint8'), 'high 256 at element 0 is not a value of uint8'],
    [() => new Box(0.5, 2, [1], 'int32'), 'low 0.5'],
    [() => new Box(NaN, 2, [1]), 'low NaN'],
    [() => new Box(0, 1, [-1]), 'shape [-1]'],
    [() => new Box(0, 1, [1], 'int64' as DType), "unknown dtype 'int64'"],
    [() => new Discrete(0), 'n must be an integer >= 1'],
    [() => new Discrete(2, 0.5), 'start must be an integer'],
    [() => new MultiBinary(0), 'sizes must be'],
    [() => new Text(1, { minLength: 2 }), 'min 2 <= max 1'],
    [() => new Text(1, { charset: '' }), 'empty'],
  ])('a space with bad parameters says what is wrong (%#)', (build, message) => {
    expect(build).toThrow(UserError)
    expect(build).toThrow(message)
  })
})

describe('Discrete, MultiBinary and Text', () => {
  it('refuse what is outside', () => {
    const cases: [Space<unknown>, unknown[]][] = [
      [new Discrete(3, -1), [-2, 2, 0.5, '0', NaN]],
      [new MultiBinary(2), [Int8Array.of(0, 2), Int8Array.of(0), Uint8Array.of(0, 1), [0, 1]]],
      [new Text(5, { minLength: 2, charset: PRINTABLE }), ['a', 'abcdef', 'ab\n', 'añ', 12]],
      [new Text(3), ['', 'a b']],
    ]
    for (const [space, outside] of cases) for (const x of outside) expect(space.contains(x)).toBe(false)
    expect(new Text(2, { charset: '🙂' }).contains('🙂🙂')).toBe(true)
  })
})

describe('Dict', () => {
  const space = new Dict({ x: new Discrete(2), image: new Box(0, 255, [2], 'uint8') })
  class Lazy {
    reads = 0
    readonly x = 1
    get image(): Uint8Array {
      this.reads++
      return Uint8Array.of(this.reads, 0)
    }
  }

  it('takes class instances with getters, whose copy is computed once', () => {
    const lazy = new Lazy()
    expect(space.contains(lazy)).toBe(true)
    const copy = space.copy(lazy)
    expect([copy, lazy.reads]).toEqual([{ x: 1, image: Uint8Array.of(2, 0) }, 2])
  })

  it('refuses missing, wrong and, in plain objects, extra keys', () => {
    const image = new Uint8Array(2)
    expect(space.contains({ x: 1, image })).toBe(true)
    for (const x of [{ x: 1 }, { x: 2, image }, { x: 1, image, y: 0 }, 'x', [1]]) {
      expect(space.contains(x)).toBe(false)
    }
  })
})
