import { Rng } from '@vla-gym/gymnasium'
import {
  castableWeights,
  castWeights,
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  halfBits,
  halfValues,
  type Model,
  parametersAsInputs,
  roundedTo,
  widenWeights,
  withAdamW,
  withInitializers,
  withMasterWeights,
} from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

const halves = ['float16', 'bfloat16'] as const

/** Two linear layers with a table of rows that ids choose. */
function network(width = 8): Model {
  const g = new GraphBuilder('network')
  const rng = Rng.fromSeed(1)
  const weight = (name: string, shape: number[]) =>
    g.parameter(name, shape, normals(rng, shape, 0.5).data as Float32Array)
  const ids = g.input('ids', 'int64', ['batch'])
  const embedded = g.gather(weight('table', [4, width]), ids)
  const hidden = g.tanh(g.linear(embedded, weight('w0', [width, width]), weight('b0', [width])))
  const y = g.output('y', g.matmul(g.mul(hidden, weight('scale', [1, width])), weight('w1', [width, 3])))
  const error = g.sub(y, g.input('target', 'float32', ['batch', 3]))
  g.output('loss', g.reduceMean(g.mul(error, error)))
  return g.build()
}

const weights = ['table', 'w0', 'w1']
const feeds: Record<string, Tensor> = {
  ids: { shape: [5], data: BigInt64Array.of(0n, 3n, 1n, 1n, 2n) },
  target: normals(Rng.fromSeed(2), [5, 3]),
}

const withRounded = (model: Model, dtype: (typeof halves)[number], names: readonly string[]): Model =>
  withInitializers(
    model,
    new Map(names.map((name) => [name, roundedTo(model.initializers.get(name)!, dtype)])),
  )

describe.each(halves)('%s', (dtype) => {
  it('is rounded as the runtime rounds, and widened exactly', async () => {
    const rng = Rng.fromSeed(3)
    const x = Float32Array.from({ length: 40_000 }, () => rng.normal() * 2 ** (40 * rng.uniform() - 30))
    x.set([0, -0, 65504, 65519, 65520, -1e9, 6e-8, 2.98e-8, 2.99e-8, Number.POSITIVE_INFINITY, 2 ** -14])
    const g = new GraphBuilder('casts')
    const input = g.input('x', 'float32', [x.length])
    g.output('y', g.cast(g.cast(input, dtype), 'float32'))
    const { y } = await (await runner(g.build()))({ x: { shape: [x.length], data: x } })
    const bits = halfBits(x, dtype)
    expect(halfValues(bits, dtype)).toEqual(y.data)
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80
    const numbers = all.filter((word) => (word & 0x7fff) <= infinity)
    expect(halfBits(halfValues(numbers, dtype), dtype)).toEqual(numbers)
    expect(Number.isNaN(halfValues(halfBits(Float32Array.of(Number.NaN), dtype), dtype)[0])).toBe(true)
  })

  it('halves the file; the model computes with the rounded weights', async () => {
    const model = network(64)
    expect(castableWeights(model)).toEqual(weights)
    const cast = castWeights(model, dtype)
    const [before, after] = [model, cast].map((m) => encodeModel({ ...m, valueInfo: undefined }).length)
    expect(after).toBeLessThan(0.56 * before)
    const result = await (await runner(decodeModel(encodeModel(cast))))(feeds)
    const expected = await (await runner(withRounded(model, dtype, weights)))(feeds)
    expect(result.y.data).toEqual(expected.y.data)
    expect(result.y.data).not.toEqual((await (await runner(model))(feeds)).y.data)
  })

  it('comes back as float32 master copies that store the same half weights', () => {
    const model = network()
    const cast = castWeights(model, dtype)
    const wide = widenWeights(decodeModel(encodeModel(cast)))
    expect(wide.nodes.map((node) => node.op)).toEqual(model.nodes.map((node) => node.op))
    const rounded = withRounded(model, dtype, weights)
    for (const [name, { data }] of rounded.initializers)
      expect(wide.initializers.get(name)!.data).toEqual(data)
    const again = castWeights(wide, dtype)
    for (const name of weights)
      expect(again.initializers.get(name)!.data).toEqual(cast.initializers.get(name)!.data)
  })

  it('trains master copies with the gradient at the rounded weights', async () => {
    const model = network()
    const wrt = ['w0', 'b0', 'w1', 'table']
    const gradients = differentiate(model, { loss: 'loss', wrt })
    const mixed = parametersAsInputs(withMasterWeights(gradients, dtype, weights), wrt)
    const masters = Object.fromEntries(
      wrt.map((name) => {
        const { shape, data } = model.initializers.get(name)!
        return [name, { shape, data: data as Float32Array }]
      }),
    )
    const actual = await (await runner(mixed))({ ...feeds, ...masters })
    const expected = await (await runner(withRounded(gradients, dtype, weights)))(feeds)
    expect(actual.loss.data).toEqual(expected.loss.data)
    for (const name of wrt)
      actual[`grad.${name}`].data.forEach((x, i) => {
        expect(Math.abs(x - expected[`grad.${name}`].data[i]), name).toBeLessThan(1e-7)
      })
  })

  it('lets steps add up that are too small for half precision', async () => {
    const model = network()
    const gradients = withMasterWeights(differentiate(model, { loss: 'loss', wrt: ['w1'] }), dtype, ['w1'])
    const run = await runner(withAdamW(gradients, { groups: [{ parameters: ['w1'], lr: 'lr' }] }))
    const start = model.initializers.get('w1')!.data as Float32Array
    const state: Record<string, Tensor> = { w1: { shape: [8, 3], data: start } }
    for (const moment of ['m', 'v'])
      state[`adam.${moment}.w1`] = { shape: [8, 3], data: new Float32Array(24) }
    const scalar = (value: number): Tensor => ({ shape: [], data: Float32Array.of(value) })
    let loss = Number.NaN
    for (let t = 1; t <= 60; t++) {
      // Half a step of float16 at 0.5 is 2.4e-4, of bfloat16 2e-3.
      const result = await run({ ...state, ...feeds, lr: scalar(1e-4), 'adam.step': scalar(t) })
      if (t === 1) loss = result.loss.data[0]
      else if (t === 60) expect(result.loss.data[0]).toBeLessThan(loss)
      for (const name of Object.keys(state)) state[name] = result[`next.${name}`]
    }
    const moved = (state.w1.data as Float32Array).filter((x, i) => Math.abs(x - start[i]) > 2e-3)
    expect(moved.length).toBeGreaterThan(12)
  })
})

it('refuses what does not fit, by name', () => {
  const model = network()
  const large = withInitializers(
    model,
    new Map([['w1', { dtype: 'float32', shape: [8, 3], data: new Float32Array(24).fill(7e4) }]]),
  )
  expect(() => castWeights(large, 'float16')).toThrow(/'w1' holds 70000, which is too large for float16/)
  expect(castWeights(large, 'bfloat16').initializers.get('w1')!.dtype).toBe('bfloat16')
  expect(() => castWeights(model, 'float16', ['ids'])).toThrow(/'ids' is no float32 initializer/)
  expect(() => withMasterWeights(model, 'float16', ['ids'])).toThrow(/'ids' is no float32 weight/)
  const g = new GraphBuilder('half')
  const w = g.initializer('w', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x4000) })
  g.output('y', g.cast(g.mul(w, w), 'float32'))
  expect(() => widenWeights(g.build())).toThrow(/\(Mul\) computes with 'w' in half precision/)
})
