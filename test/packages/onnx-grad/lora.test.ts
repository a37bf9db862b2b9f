import { readFileSync } from 'node:fs'
import { Rng } from '@vla-gym/gymnasium'
import * as onnxGrad from '@vla-gym/onnx-grad'
import {
  castWeights,
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  loraNames,
  loraParameters,
  loraTargets,
  type Model,
  mergeLora,
  type TensorData,
  type Value,
  withAdamW,
  withInitializers,
  withLora,
} from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

const [into, out, rank] = [6, 5, 2]

/** The ways in which exporters write a product with a weight: y from x [batch, 6] and a weight named w. */
const forms: Record<string, { shape: number[]; write: (g: GraphBuilder, x: Value, w: Value) => Value }> = {
  MatMul: { shape: [into, out], write: (g, x, w) => g.matmul(x, w) },
  'MatMul over batch axes': {
    shape: [into, out],
    write: (g, x, w) => g.reshape(g.matmul(g.unsqueeze(x, [0, 2]), w), [-1, out]),
  },
  'MatMul, Transpose': { shape: [out, into], write: (g, x, w) => g.matmul(x, g.transpose(w, [1, 0])) },
  'MatMul, Identity': { shape: [into, out], write: (g, x, w) => g.matmul(x, g.emit('Identity', [w])[0]) },
  'MatMul, Identity, Transpose': {
    shape: [out, into],
    write: (g, x, w) => g.matmul(x, g.transpose(g.emit('Identity', [w])[0], [1, 0])),
  },
  Gemm: {
    shape: [into, out],
    write: (g, x, w) =>
      g.emit('Gemm', [x, w, g.constant([1, 2, 3, 4, 5].map(Number), [out], 'float32')], {})[0],
  },
  'Gemm, transB': { shape: [out, into], write: (g, x, w) => g.emit('Gemm', [x, w], { transB: 1 })[0] },
  'Gemm, transA, transB, alpha': {
    shape: [out, into],
    write: (g, x, w) =>
      g.emit('Gemm', [g.transpose(g.exp(x), [1, 0]), w], { transA: 1, transB: 1, alpha: 0.3 })[0],
  },
  'Gemm with transB of a Transpose': {
    shape: [into, out],
    write: (g, x, w) => g.emit('Gemm', [x, g.transpose(w, [1, 0])], { transB: 1 })[0],
  },
  'two products with one weight': {
    shape: [into, out],
    write: (g, x, w) => g.add(g.matmul(x, w), g.tanh(g.matmul(g.mul(x, x), w))),
  },
}

function modelOf(form: string): Model {
  const { shape, write } = forms[form]
  const g = new GraphBuilder('model')
  const x = g.input('x', 'float32', ['batch', into])
  const w = g.parameter('block.w', shape, normals(Rng.fromSeed(1), shape, 0.5).data as Float32Array)
  const head = g.parameter('head.w', [out, 3], normals(Rng.fromSeed(2), [out, 3], 0.5).data as Float32Array)
  const y = g.output('y', g.matmul(g.tanh(write(g, x, w)), head))
  const error = g.sub(y, g.input('target', 'float32', ['batch', 3]))
  g.output('loss', g.reduceMean(g.mul(error, error)))
  return g.build()
}

const feeds = (): Record<string, Tensor> => ({
  x: normals(Rng.fromSeed(3), [7, into]),
  target: normals(Rng.fromSeed(4), [7, 3]),
})

/** Values for all adapters, so that B is not zero. */
const randomAdapters = (model: Model): Map<string, TensorData> =>
  new Map(
    loraParameters(model).map((name, i) => {
      const { shape } = model.initializers.get(name)!
      const data = normals(Rng.fromSeed(5, i), shape, 0.6).data as Float32Array
      return [name, { dtype: 'float32', shape, data }]
    }),
  )

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i])))

describe.each(Object.keys(forms))('LoRA on %s', (form) => {
  const options = { targets: ['block.*'], rank, alpha: 3, seed: 1 }

  it('changes nothing before training and merges into the same function after it', async () => {
    const model = modelOf(form)
    const expected = await (await runner(model))(feeds())
    const adapted = withLora(model, options)
    expect(loraParameters(adapted)).toEqual(loraNames('block.w'))
    expect((await (await runner(adapted))(feeds())).y.data).toEqual(expected.y.data)

    const trained = randomAdapters(adapted)
    const moved = await (await runner(withInitializers(adapted, trained)))(feeds())
    expect(largestDifference(moved.y.data, expected.y.data)).toBeGreaterThan(0.05)
    // As if it came from a file.
    const merged = mergeLora(decodeModel(encodeModel(adapted)), trained)
    expect(merged.nodes.map((node) => node.op)).toEqual(model.nodes.map((node) => node.op))
    expect([...merged.initializers.keys()].sort()).toEqual([...model.initializers.keys()].sort())
    const result = await (await runner(merged))(feeds())
    // The two round in another order: values of size 1 to a few units of 1e-7.
    expect(largestDifference(result.y.data, moved.y.data)).toBeLessThan(3e-6)
    expect(largestDifference(result.loss.data, moved.loss.data)).toBeLessThan(1e-5)
  })
})

it('trains the adapters alone', async () => {
  const adapted = withLora(modelOf('Gemm, transB'), { targets: ['*'], rank: 3, seed: 2 })
  const trained = loraParameters(adapted)
  const gradients = differentiate(adapted, { loss: 'loss', wrt: trained })
  const step = withAdamW(gradients, { groups: [{ parameters: trained, lr: 'lr' }] })
  const run = await runner(step)
  const state: Record<string, Tensor> = { lr: { shape: [], data: Float32Array.of(0.02) } }
  for (const name of trained) {
    const { shape, data } = adapted.initializers.get(name)!
    state[name] = { shape, data: data as Float32Array }
    for (const moment of ['m', 'v'])
      state[`adam.${moment}.${name}`] = { shape, data: new Float32Array(data.length) }
  }
  const losses: number[] = []
  for (let t = 1; t <= 150; t++) {
    const result = await run({ ...state, ...feeds(), 'adam.step': { shape: [], data: Float32Array.of(t) } })
    losses.push(result.loss.data[0])
    for (const name of Object.keys(result)) if (name.startsWith('next.')) state[name.slice(5)] = result[name]
  }
  expect(losses.at(-1)).toBeLessThan(0.2 * losses[0])
  const values = new Map(
    trained.map((name) => {
      const { shape, data } = state[name]
      return [name, { dtype: 'float32' as const, shape, data: data as Float32Array }]
    }),
  )
  const merged = await (await runner(mergeLora(adapted, values)))(feeds())
  const last = await run({ ...state, ...feeds(), 'adam.step': { shape: [], data: Float32Array.of(151) } })
  expect(merged.loss.data[0]).toBeCloseTo(last.loss.data[0], 5)
})

it.each(['float16', 'bfloat16'] as const)(
  'goes on %s weights and merges into them, rounded',
  async (dtype) => {
    const model = castWeights(modelOf('Gemm, transB'), dtype)
    const adapted = withLora(model, { targets: ['block.w'], rank, seed: 1 })
    const trained = randomAdapters(adapted)
    const moved = await (await runner(withInitializers(adapted, trained)))(feeds())
    const merged = mergeLora(adapted, trained)
    expect(merged.initializers.get('block.w')!.dtype).toBe(dtype)
    const result = await (await runner(merged))(feeds())
    // Half a unit in the last of 11 or 8 bits of weights of size 2, summed over six inputs of size 2.
    expect(largestDifference(result.y.data, moved.y.data)).toBeLessThan(dtype === 'float16' ? 0.01 : 0.08)
  },
)

it('scales by alpha over rank, and by alpha = rank without one', async () => {
  const model = modelOf('MatMul')
  const ranked = (alpha?: number) => withLora(model, { targets: ['block.w'], rank, seed: 1, alpha })
  const delta = (adapted: Model) => {
    const merged = mergeLora(adapted, randomAdapters(adapted)).initializers.get('block.w')!
      .data as Float32Array
    return merged.map((x, i) => x - Number(model.initializers.get('block.w')!.data[i]))
  }
  const plain = delta(ranked())
  expect(largestDifference(delta(ranked(rank)), plain)).toBe(0)
  expect(
    largestDifference(
      delta(ranked(6)),
      plain.map((x) => 3 * x),
    ),
  ).toBeLessThan(2e-6)
})

describe('targets', () => {
  const lora =
    (model: Model, ...targets: string[]) =>
    () =>
      withLora(model, { targets, rank, seed: 1 })

  it('are the matrices that products read', () => {
    expect(loraTargets(modelOf('MatMul, Transpose'))).toEqual(['block.w', 'head.w'])
    expect(loraParameters(lora(modelOf('Gemm'), '*.w')())).toHaveLength(4)
  })

  it('must exist, and be read by products only', () => {
    expect(lora(modelOf('MatMul'), 'block.w', 'blok.*')).toThrow(
      /fits 'blok\.\*'; there are: block\.w, head\.w/,
    )
    const tied = (write: (g: GraphBuilder, x: Value, w: Value) => Value): Model => {
      const g = new GraphBuilder('tied')
      const w = g.parameter('w', [4, 4], normals(Rng.fromSeed(1), [4, 4]).data as Float32Array)
      g.output('y', write(g, g.input('x', 'float32', ['batch', 4]), w))
      return g.build()
    }
    const regularised = tied((g, x, w) => g.add(g.matmul(x, w), g.reduceSum(g.mul(w, w))))
    expect(lora(regularised, 'w')).toThrow(/'w' is also read by node 'Mul\.\d+' \(Mul\)/)
    const left = tied((g, x, w) => g.matmul(g.matmul(x, w), g.matmul(w, w)))
    expect(lora(left, 'w')).toThrow(/'w' is also read by node/)
    const both = tied((g, x, w) => g.matmul(g.matmul(x, w), g.transpose(w, [1, 0])))
    expect(lora(both, 'w')).toThrow(/'w' is used both as it is and transposed/)
  })

  it('need a rank; a model without adapters has nothing to merge', () => {
    expect(() => withLora(modelOf('MatMul'), { targets: ['*'], rank: 0, seed: 1 })).toThrow(/rank 0/)
    expect(lora(withLora(modelOf('MatMul'), { targets: ['block.w'], rank, seed: 1 }), '*')).toThrow(
      /'block\.w' has an adapter already/,
    )
    expect(() => mergeLora(modelOf('MatMul'))).toThrow(/has no LoRA adapters/)
    const adapted = withLora(modelOf('MatMul'), { targets: ['block.w'], rank, seed: 1 })
    const short = { dtype: 'float32' as const, shape: [1], data: Float32Array.of(1) }
    expect(() => mergeLora(adapted, new Map([['lora.A.block.w', short]]))).toThrow(
      /'lora\.A\.block\.w' has 1 elements, not 12/,
    )
  })
})

it('runs the example of the README', async () => {
  const readme = readFileSync(new URL('../../../packages/onnx-grad/README.md', import.meta.url), 'utf8')
  const [, names, example] = readme.match(/```ts\nimport \{([^}]*withLora,?\s*)\}[^\n]*\n([^`]*)```/)!
  const g = new GraphBuilder('mlp')
  let x = g.input('x', 'float32', ['batch', 4])
  for (const block of [0, 1]) {
    const [up, down] = ['up', 'down'].map((name) =>
      g.parameter(`${block}.${name}`, [4, 4], normals(Rng.fromSeed(7), [4, 4], 0.5).data as Float32Array),
    )
    x = g.add(x, g.matmul(g.tanh(g.matmul(x, up)), down))
  }
  g.output('loss', g.reduceMean(g.mul(x, x)))
  const model = g.build()
  const targets = ['*.up', '*.down']
  const values = randomAdapters(withLora(model, { targets, rank: 4, seed: 0 }))
  const run = new Function(
    'lib',
    'model',
    'values',
    `const {${names}} = lib; ${example}; return { step, merged }`,
  )
  const { step, merged } = run(onnxGrad, model, values) as Record<'step' | 'merged', Model>
  expect(step.outputs.map((output) => output.name)).toContain('next.ema.lora.B.1.down')
  const data = { x: normals(Rng.fromSeed(8), [3, 4]) }
  expect((await (await runner(merged))(data)).loss.data).not.toEqual(
    (await (await runner(model))(data)).loss.data,
  )
  await runner(step)
})
