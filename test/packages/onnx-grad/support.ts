import { Rng } from '@vla-gym/gymnasium'
import {
  type Dim,
  differentiate,
  encodeModel,
  GraphBuilder,
  type Model,
  pruneModel,
  type Value,
} from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { expect } from 'vitest'

export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | BigInt64Array | Uint8Array | Int32Array
}

const typeOf = (data: Tensor['data']): 'float32' | 'int64' | 'int32' | 'bool' =>
  data instanceof Float32Array
    ? 'float32'
    : data instanceof BigInt64Array
      ? 'int64'
      : data instanceof Int32Array
        ? 'int32'
        : 'bool'

export interface Result {
  readonly shape: readonly number[]
  readonly data: Float32Array
}
export type Runner = (feeds: Record<string, Tensor>) => Promise<Record<string, Result>>

/** Session of onnxruntime on one thread over a model. */
export async function runner(model: Model, threads = 1): Promise<Runner> {
  const session = await ort.InferenceSession.create(encodeModel(model), {
    logSeverityLevel: 3,
    intraOpNumThreads: threads,
  })
  return async (feeds) => {
    const tensors = Object.entries(feeds).map(([name, { shape, data }]) => [
      name,
      new ort.Tensor(typeOf(data), data as Float32Array, shape),
    ])
    const results = await session.run(Object.fromEntries(tensors))
    return Object.fromEntries(
      Object.entries(results).map(([name, t]) => [name, { shape: t.dims, data: t.data as Float32Array }]),
    )
  }
}

export const normals = (rng: Rng, shape: readonly number[], scale = 1): Tensor => ({
  shape,
  data: rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))).map((x) => x * scale),
})

export interface Case {
  readonly name: string
  /** Static shapes of the inputs x0, x1, …, all differentiated. */
  readonly shapes: readonly (readonly number[])[]
  /** Writes the operator under test. */
  readonly build: (g: GraphBuilder, xs: Value[]) => Value
  /** Declared shapes, where they differ from `shapes` by being symbolic. */
  readonly declared?: readonly (readonly Dim[])[]
  /** Maps a standard normal number into the operator's domain. */
  readonly sample?: (x: number) => number
}

/**
 * Compares every partial derivative of Σ r·y (r random) with a central difference, step 1e-2 in float32, with
 * tolerance 3e-3 + 3e-3 |derivative|: third-order error and rounding are both below that for the cases here.
 */
export async function checkCase(test: Case): Promise<void> {
  const rng = Rng.fromSeed(1, test.name)
  const feeds: Record<string, Tensor> = {}
  const g = new GraphBuilder(test.name)
  const xs = test.shapes.map((shape, i) => {
    const tensor = normals(rng, shape)
    feeds[`x${i}`] = { shape, data: (tensor.data as Float32Array).map(test.sample ?? ((x) => x)) }
    return g.input(`x${i}`, 'float32', test.declared?.[i] ?? shape)
  })
  const y = g.output('y', test.build(g, xs))
  const r = g.input('r', 'float32', y.shape)
  g.output('loss', g.reduceSum(g.mul(y, r)))
  const model = g.build()
  const forward = await runner(pruneModel(model, ['y']))
  const names = xs.map((x) => x.name)
  const backward = await runner(differentiate(model, { loss: 'loss', wrt: names }))
  const r0 = normals(rng, (await forward(feeds)).y.shape)
  const weights = r0.data as Float32Array
  const functional = (values: Float32Array): number =>
    values.reduce((total, value, i) => total + value * weights[i], 0)
  const gradients = await backward({ ...feeds, r: r0 })
  for (const name of names) {
    const { data, shape } = feeds[name] as { data: Float32Array; shape: number[] }
    expect(gradients[`grad.${name}`].data.length, `${test.name}: size of grad.${name}`).toBe(data.length)
    for (let i = 0; i < data.length; i++) {
      const value = async (step: number): Promise<number> => {
        const moved = data.slice()
        moved[i] += step
        return functional((await forward({ ...feeds, [name]: { shape, data: moved } })).y.data)
      }
      const step = 1e-2
      const expected = ((await value(step)) - (await value(-step))) / (2 * step)
      const actual = gradients[`grad.${name}`].data[i]
      const allowed = 3e-3 + 3e-3 * Math.abs(expected)
      expect(
        Math.abs(actual - expected),
        `${test.name}: grad.${name}[${i}] ${actual} ≠ ${expected}`,
      ).toBeLessThan(allowed)
    }
  }
}
