/** The same computation in ONNX, differentiated by us, and in jax-js, differentiated by it. */
import { numpy as np, tree, valueAndGrad } from '@jax-js/jax'
import { Rng } from '@vla-gym/gymnasium'
import { decodeModel, differentiate, encodeModel, GraphBuilder, type Value } from '@vla-gym/onnx-grad'
import { expect } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

export type JaxArray = np.Array
export type JaxValues = Record<string, JaxArray>

export interface Mirrored {
  readonly name: string
  /** Shapes of the weights, drawn from a normal of deviation `scale` (default 0.5). */
  readonly weights: Readonly<Record<string, readonly number[]>>
  /** Shapes of the inputs, standard normal; the first axis is symbolic in the graph. */
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly scale?: number
  readonly onnx: (g: GraphBuilder, x: Readonly<Record<string, Value>>) => Value
  /** Arrays are used up by jax-js: hand on `x.ref` wherever one is used. */
  readonly jax: (x: Readonly<JaxValues>) => JaxArray
  /** Largest accepted ‖difference‖ / ‖gradient‖ of a tensor: 1e-4 unless said otherwise. */
  readonly tolerance?: number
}

/**
 * Compares loss and gradients by all weights and inputs; the loss is Σ r·y with fixed r, both in float32. The
 * ONNX side goes through the bytes of a file.
 */
export async function compareWithJax(test: Mirrored): Promise<void> {
  const rng = Rng.fromSeed(11, test.name)
  const tensors: Record<string, Tensor> = Object.fromEntries([
    ...Object.entries(test.weights).map(([name, shape]) => [name, normals(rng, shape, test.scale ?? 0.5)]),
    ...Object.entries(test.inputs).map(([name, shape]) => [name, normals(rng, shape)]),
  ])
  const names = Object.keys(tensors)

  const jaxValues: JaxValues = {}
  for (const [name, { data, shape }] of Object.entries(tensors))
    jaxValues[name] = np.array(data as Float32Array).reshape([...shape])
  const outputShape = test.jax(tree.ref(jaxValues)).shape
  const r = normals(rng, outputShape)
  const jaxR = np.array(r.data as Float32Array).reshape(outputShape)
  const jaxLoss = (x: JaxValues): JaxArray => np.sum(test.jax(x).mul(jaxR.ref))
  const [expectedLoss, expected] = valueAndGrad(jaxLoss)(jaxValues)

  const g = new GraphBuilder('mirrored')
  const values: Record<string, Value> = {}
  for (const [name, shape] of Object.entries(test.weights))
    values[name] = g.parameter(name, shape, tensors[name].data as Float32Array)
  for (const [name, [, ...shape]] of Object.entries(test.inputs))
    values[name] = g.input(name, 'float32', ['batch', ...shape])
  const y = test.onnx(g, values)
  g.output('loss', g.reduceSum(g.mul(y, g.input('r', 'float32', outputShape))))
  const model = decodeModel(encodeModel(g.build()))
  const feeds = Object.fromEntries(Object.keys(test.inputs).map((name) => [name, tensors[name]]))
  const result = await (await runner(differentiate(model, { loss: 'loss', wrt: names })))({ ...feeds, r })

  const loss = expectedLoss.js() as number
  expect(Math.abs(result.loss.data[0] - loss), `${test.name}: loss ${loss}`).toBeLessThan(
    1e-4 * (1 + Math.abs(loss)),
  )
  for (const name of names) {
    const wanted = expected[name].dataSync() as Float32Array
    const actual = result[`grad.${name}`].data
    expect(actual.length, `${test.name}: grad.${name}`).toBe(wanted.length)
    const norm = Math.hypot(...wanted)
    const error = Math.hypot(...wanted.map((x, i) => x - actual[i]))
    expect(error, `${test.name}: grad.${name}, norm ${norm}`).toBeLessThan(
      (test.tolerance ?? 1e-4) * norm + 1e-6,
    )
  }
}
