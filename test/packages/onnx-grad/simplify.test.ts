import { Rng } from '@vla-gym/gymnasium'
import { GraphBuilder, type GraphNode, type Model, type Value } from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { simplify } from '../../../packages/onnx-grad/src/simplify/index.js'
import { withoutOutputCopies } from '../../../packages/onnx-grad/src/simplify/outputs.js'
import { normals, runner } from './support.js'

interface Form {
  readonly batch: number
  readonly tokens: number
  readonly heads: number
  readonly size: number
  readonly bias: boolean
  /** Where the scale of the scores is: on the queries before or after they are transposed, or on the scores. */
  readonly scale: 'early' | 'late' | 'scores'
  /** Keys brought to [batch, heads, size, tokens] by one Transpose or by two. */
  readonly oneTranspose: boolean
}

/** Self-attention with one layer for queries, keys and values, the way exporters write it. */
function attention({ tokens, heads, size, bias, scale, oneTranspose }: Form): Model {
  const g = new GraphBuilder('attention')
  const rng = Rng.fromSeed(5)
  const width = heads * size
  const weight = (name: string, shape: number[]) =>
    g.parameter(name, shape, normals(rng, shape, 0.5).data as Float32Array)
  const x = g.input('x', 'float32', ['batch', tokens, width])
  const all = g.linear(x, weight('w', [width, 3 * width]), bias ? weight('b', [3 * width]) : undefined)
  const [q, k, v] = g
    .split(all, -1, [width, width, width])
    .map((part) => g.reshape(part, ['batch', tokens, heads, size]))
  const scaled = (value: Value, at: Form['scale']) => (at === scale ? g.mul(value, 0.5) : value)
  const queries = scaled(g.transpose(scaled(q, 'early'), [0, 2, 1, 3]), 'late')
  const keys = oneTranspose
    ? g.transpose(k, [0, 2, 3, 1])
    : g.transpose(g.transpose(k, [0, 2, 1, 3]), [0, 1, 3, 2])
  const weights = g.softmax(scaled(g.matmul(queries, keys), 'scores'))
  const mixed = g.matmul(weights, g.transpose(v, [0, 2, 1, 3]))
  g.output('y', g.reshape(g.transpose(mixed, [0, 2, 1, 3]), ['batch', tokens, width]))
  return g.build()
}

/** Nodes that the output needs. */
function neededNodes(model: Model): GraphNode[] {
  const needed = new Set(model.outputs.map((output) => output.name))
  return model.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false
    for (const name of node.inputs) needed.add(name)
    return true
  })
}

it('attention is the same function, split by its weights and with one batch axis', async () => {
  const form: fc.Arbitrary<Form> = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    tokens: fc.integer({ min: 2, max: 5 }),
    heads: fc.integer({ min: 1, max: 3 }),
    size: fc.integer({ min: 1, max: 4 }),
    bias: fc.boolean(),
    scale: fc.constantFrom('early', 'late', 'scores'),
    oneTranspose: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(form, async (f) => {
      const model = attention(f)
      const simple = simplify(model)
      const feeds = { x: normals(Rng.fromSeed(6), [f.batch, f.tokens, f.heads * f.size]) }
      const expected = (await (await runner(model))(feeds)).y
      const actual = (await (await runner(simple))(feeds)).y
      expect(actual.shape).toEqual(expected.shape)
      // Sums of at most 12 products of numbers around 1, in another order.
      actual.data.forEach((value, i) => {
        expect(Math.abs(value - expected.data[i])).toBeLessThan(1e-5 * (1 + Math.abs(value)))
      })
      const nodes = neededNodes(simple)
      const split = nodes.filter(({ op }) => op === 'Split').map(({ inputs }) => inputs[0])
      expect(split.toSorted()).toEqual(f.bias ? ['b', 'w'] : ['w'])
      const flat = nodes.filter(({ op, inputs }) => op === 'MatMul' && inputs.every((name) => name !== 'x'))
      for (const { inputs } of flat)
        for (const name of inputs)
          expect(['Reshape', 'Transpose']).toContain(nodes.find((n) => n.outputs.includes(name))?.op)
      if (f.scale === 'scores') return
      const scaled = nodes.find(({ op }) => op === 'Mul')!.inputs[0]
      expect(nodes.find((n) => n.outputs.includes(scaled))?.op).toBe('Split')
    }),
    { numRuns: 40, seed: 7 },
  )
})

it('leaves alone what others read too, and layers of one row a sample', () => {
  const g = new GraphBuilder('shared')
  const x = g.input('x', 'float32', ['batch', 5, 4])
  const w = g.parameter('w', [4, 6], new Float32Array(24).fill(1))
  const wide = g.linear(x, w)
  const [a, b] = g.split(wide, -1, [2, 4])
  const [c, d] = g.split(g.linear(g.input('one', 'float32', ['batch', 1, 4]), w), -1, [2, 4])
  g.output('scaled', g.mul(wide, 2))
  for (const [name, value] of Object.entries({ a, b, c, d })) g.output(name, value)
  const model = g.build()
  expect(simplify(model).nodes).toEqual(model.nodes)
})

it('an output is the value itself, once, and never an input', async () => {
  const g = new GraphBuilder('outputs')
  const x = g.input('x', 'float32', [2])
  const double = g.mul(x, 2)
  g.output('first', double)
  g.output('second', double)
  g.output('same', x)
  g.output('square', g.mul(double, double))
  const model = withoutOutputCopies(g.build())
  expect(model.nodes.map(({ op, outputs }) => `${op} ${outputs}`)).toEqual([
    'Mul first',
    'Identity second',
    'Identity same',
    'Mul square',
  ])
  const result = await (await runner(model))({ x: { shape: [2], data: Float32Array.of(1, 3) } })
  expect(Object.fromEntries(Object.entries(result).map(([name, { data }]) => [name, [...data]]))).toEqual({
    first: [2, 6],
    second: [2, 6],
    same: [1, 3],
    square: [4, 36],
  })
})
