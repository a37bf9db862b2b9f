import { Rng } from '@vla-gym/gymnasium'
import {
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  pruneModel,
  type Value,
} from '@vla-gym/onnx-grad'
import { expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

const [batch, tokens, width, heads, classes] = [2, 5, 8, 2, 3]

/** Two blocks of pre-norm attention and MLP with a learnt token table, a mean pool and a cross entropy. */
function transformer(rng: Rng) {
  const g = new GraphBuilder('transformer')
  const parameters: Record<string, Tensor> = {}
  const parameter = (name: string, shape: number[], scale: number, offset = 0): Value => {
    const data = (normals(rng, shape, scale).data as Float32Array).map((x) => x + offset)
    parameters[name] = { shape, data }
    return g.parameter(name, shape, data)
  }
  const linear = (x: Value, name: string, into: number): Value => {
    const from = x.shape.at(-1) as number
    return g.linear(x, parameter(`${name}.w`, [from, into], 0.5), parameter(`${name}.b`, [into], 0.3))
  }
  const norm = (x: Value, name: string): Value =>
    g.layerNorm(x, parameter(`${name}.s`, [width], 0.3, 1), parameter(`${name}.b`, [width], 0.3))
  const ids = g.input('ids', 'int64', ['batch', tokens])
  const target = g.input('target', 'float32', ['batch', classes])
  let x = g.add(g.gather(parameter('table', [6, width], 1), ids), parameter('position', [tokens, width], 0.5))
  for (const block of ['0', '1']) {
    const qkv = linear(norm(x, `${block}.norm1`), `${block}.qkv`, 3 * width)
    const [q, k, v] = g
      .split(qkv, -1, [width, width, width])
      .map((part) => g.transpose(g.reshape(part, ['batch', tokens, heads, width / heads]), [0, 2, 1, 3]))
    const scores = g.mul(g.matmul(q, g.transpose(k, [0, 1, 3, 2])), 1 / Math.sqrt(width / heads))
    const mixed = g.transpose(g.matmul(g.softmax(scores), v), [0, 2, 1, 3])
    x = g.add(x, linear(g.reshape(mixed, ['batch', tokens, width]), `${block}.out`, width))
    x = g.add(
      x,
      linear(g.gelu(linear(norm(x, `${block}.norm2`), `${block}.up`, 2 * width)), `${block}.down`, width),
    )
  }
  const logits = linear(g.reduceMean(x, [1]), 'head', classes)
  const losses = g.neg(g.reduceSum(g.mul(g.logSoftmax(logits), target), [-1]))
  g.output('losses', losses)
  g.output('loss', g.reduceMean(losses))
  return { model: g.build(), parameters }
}

const feedsOf = (rng: Rng): Record<string, Tensor> => ({
  ids: {
    shape: [batch, tokens],
    data: BigInt64Array.from({ length: batch * tokens }, () => BigInt(rng.integers(0, 6))),
  },
  target: { shape: [batch, classes], data: Float32Array.of(1, 0, 0, 0, 0.5, 0.5) },
})

it('agrees with differences along random directions, also after a round trip through a file', async () => {
  const rng = Rng.fromSeed(3)
  const { model, parameters } = transformer(rng)
  const wrt = Object.keys(parameters)
  const feeds = feedsOf(rng)
  const decoded = decodeModel(encodeModel({ ...model, valueInfo: undefined }))
  const gradient = await (await runner(differentiate(decoded, { loss: 'loss', wrt })))(feeds)
  const asInputs = {
    ...model,
    inputs: [
      ...model.inputs,
      ...wrt.map((name) => ({ name, dtype: 'float32' as const, shape: parameters[name].shape })),
    ],
    initializers: new Map([...model.initializers].filter(([name]) => !wrt.includes(name))),
  }
  const forward = await runner(pruneModel(asInputs, ['losses']))
  const lossAt = async (directions: Record<string, Float32Array>, step: number): Promise<number> => {
    const moved = Object.fromEntries(
      wrt.map((name) => {
        const { shape, data } = parameters[name]
        return [
          name,
          { shape, data: (data as Float32Array).map((x, i) => x + step * (directions[name]?.[i] ?? 0)) },
        ]
      }),
    )
    const losses = (await forward({ ...feeds, ...moved })).losses.data
    return losses.reduce((a, b) => a + b, 0) / losses.length
  }
  // One direction per parameter tensor, so that no tensor's gradient hides behind another's, and three overall.
  for (const names of [...wrt.map((name) => [name]), wrt, wrt, wrt]) {
    const directions = Object.fromEntries(
      names.map((name) => [name, normals(rng, parameters[name].shape).data as Float32Array]),
    )
    const length = Math.sqrt(
      names.reduce((sum, name) => sum + directions[name].reduce((a, x) => a + x * x, 0), 0),
    )
    const step = 0.02 / length
    const expected = ((await lossAt(directions, step)) - (await lossAt(directions, -step))) / (2 * step)
    const actual = names.reduce(
      (sum, name) => sum + directions[name].reduce((a, x, i) => a + x * gradient[`grad.${name}`].data[i], 0),
      0,
    )
    expect(Math.abs(actual - expected), `${names}: ${actual} ≠ ${expected}`).toBeLessThan(
      2e-4 * length + 5e-3 * Math.abs(expected),
    )
  }
})

it('gives the same gradients with several threads and repeats', async () => {
  const rng = Rng.fromSeed(4)
  const { model, parameters } = transformer(rng)
  const training = differentiate(model, { loss: 'loss', wrt: Object.keys(parameters) })
  const feeds = feedsOf(rng)
  const one = await (await runner(training))(feeds)
  const run = await runner(training, 2)
  for (let i = 0; i < 5; i++) {
    const two = await run(feeds)
    for (const name of Object.keys(one))
      two[name].data.forEach((x, k) => {
        expect(Math.abs(x - one[name].data[k])).toBeLessThan(1e-6 + 1e-5 * Math.abs(x))
      })
  }
})
