import { Rng } from '@vla-gym/gymnasium'
import { type Dim, differentiate, GraphBuilder, type Model, pruneModel, type Value } from '@vla-gym/onnx-grad'
import { expect } from 'vitest'
import { normals, type Runner, runner, type Tensor } from './support.js'

export interface Case {
  readonly name: string
  /** Static shapes of the inputs x0, x1, …, all differentiated. */
  readonly shapes: readonly (readonly number[])[]
  /** Writes the operator under test; the inputs are float64, where onnxruntime has a kernel for that. */
  readonly build: (g: GraphBuilder, xs: Value[]) => Value
  /** Declared shapes, where they differ from `shapes` by being symbolic. */
  readonly declared?: readonly (readonly Dim[])[]
  /** Maps a standard normal number into the operator's domain. */
  readonly sample?: (x: number) => number
  /** Other inputs that `build` declares: integers, and what has no gradient. */
  readonly feeds?: Readonly<Record<string, Tensor>>
  /**
   * For operators without a float64 kernel: 'linear' ones are measured with long steps in float32, which are exact
   * for them, 'smooth' ones with a rule of fourth order.
   */
  readonly only32?: 'linear' | 'smooth'
  /** Operator set, for operators that came after 21. */
  readonly opset?: number
}

type Precision = 'float32' | 'float64'

/** The model of a case: outputs y and loss = Σ r·y. */
export function caseModel(test: Case, dtype: Precision): Model {
  const empty = { name: test.name, inputs: [], outputs: [], nodes: [], initializers: new Map() }
  const g = GraphBuilder.from({ ...empty, opset: test.opset ?? 21 })
  const xs = test.shapes.map((shape, i) => g.input(`x${i}`, dtype, test.declared?.[i] ?? shape))
  const y = g.output('y', test.build(g, xs))
  const r = g.input('r', y.dtype, y.shape)
  g.output('loss', g.reduceSum(g.mul(y, r)))
  return g.build()
}

/** Offsets and weights of a difference, and what error it may have: `absolute` + `relative` |derivative|. */
interface Difference {
  readonly steps: readonly (readonly [number, number])[]
  readonly absolute: number
  readonly relative: number
}

const differences: Record<'float64' | 'linear' | 'smooth', Difference> = {
  // h = 1e-4: third derivatives leave h², 1e-8 of them, rounding 1e-16 / h.
  float64: { steps: central(1e-4), absolute: 2e-7, relative: 2e-7 },
  // h = 1: no error but float32's rounding of values of about 10.
  linear: { steps: central(1), absolute: 2e-5, relative: 1e-5 },
  // h = 0.04: fifth derivatives leave h⁴, 3e-6 of them, rounding 1e-6 / h.
  smooth: { steps: fourthOrder(0.04), absolute: 3e-4, relative: 3e-4 },
}

function central(h: number): [number, number][] {
  return [
    [h, 1 / (2 * h)],
    [-h, -1 / (2 * h)],
  ]
}

function fourthOrder(h: number): [number, number][] {
  return [
    [h, 8 / (12 * h)],
    [-h, -8 / (12 * h)],
    [2 * h, -1 / (12 * h)],
    [-2 * h, 1 / (12 * h)],
  ]
}

/**
 * Compares every partial derivative of Σ r·y (r random) with a central difference, in float64 where the runtime
 * can. There the gradient in float32 is then compared with that in float64: rules may differ between the two.
 */
export async function checkCase(test: Case): Promise<void> {
  const rng = Rng.fromSeed(1, test.name)
  const inputs = test.shapes.map((shape) => ({
    shape,
    data: (normals(rng, shape).data as Float32Array).map(test.sample ?? ((x) => x)),
  }))
  const exact = await gradientAndForward(test, test.only32 ? 'float32' : 'float64', inputs)
  const r = normals(rng, exact.shape).data as Float32Array
  const gradient = await exact.gradient(r)
  const { steps, absolute, relative } = differences[test.only32 ?? 'float64']
  for (let k = 0; k < inputs.length; k++) {
    const label = `${test.name}: grad.x${k}`
    const actual = gradient[k]
    for (let i = 0; i < actual.length; i++) {
      let expected = 0
      for (const [offset, weight] of steps) expected += weight * (await exact.functional(r, k, i, offset))
      const error = Math.abs(actual[i] - expected)
      expect(error, `${label}[${i}] ${actual[i]} ≠ ${expected}`).toBeLessThan(
        absolute + relative * Math.abs(expected),
      )
    }
  }
  if (test.only32) return
  const single = await (await gradientAndForward(test, 'float32', inputs)).gradient(r)
  single.forEach((part, k) => {
    const size = Math.max(1, ...gradient[k].map(Math.abs))
    part.forEach((x, i) => {
      // Sums of a few dozen float32 products.
      expect(Math.abs(x - gradient[k][i]), `${test.name}: float32 grad.x${k}[${i}]`).toBeLessThan(2e-5 * size)
    })
  })
}

async function gradientAndForward(
  test: Case,
  dtype: Precision,
  inputs: readonly { shape: readonly number[]; data: Float32Array }[],
) {
  const array = (data: ArrayLike<number>) => (dtype === 'float64' ? Float64Array : Float32Array).from(data)
  const feeds: Record<string, Tensor> = { ...test.feeds }
  inputs.forEach(({ shape, data }, k) => {
    feeds[`x${k}`] = { shape, data: array(data) }
  })
  const model = caseModel(test, dtype)
  const needed = (part: Model): Record<string, Tensor> =>
    Object.fromEntries(part.inputs.flatMap(({ name }) => (feeds[name] ? [[name, feeds[name]]] : [])))
  const forwardModel = pruneModel(model, ['y'])
  const forward: Runner = await runner(forwardModel)
  const first = (await forward(needed(forwardModel))).y
  const declared = forwardModel.outputs[0].shape
  const sizes = declared.map((dim, i) => (typeof dim === 'number' ? dim : first.shape[i]))
  expect(first.shape, `${test.name}: inferred shape [${declared}]`).toEqual(sizes)
  const names = inputs.map((_, k) => `x${k}`)
  return {
    shape: first.shape,
    async gradient(r: Float32Array) {
      const training = differentiate(model, { loss: 'loss', wrt: names })
      const isDouble = (first.data as unknown) instanceof Float64Array
      const run = await runner(training)
      const results = await run({
        ...needed(training),
        r: { shape: first.shape, data: isDouble ? Float64Array.from(r) : r },
      })
      return names.map((name, k) => {
        const { shape, data } = results[`grad.${name}`]
        expect(shape, `${test.name}: shape of grad.${name}`).toEqual(inputs[k].shape)
        return data
      })
    },
    /** Σ r·y with one element moved. */
    async functional(r: Float32Array, k: number, i: number, offset: number): Promise<number> {
      const moved = array(inputs[k].data)
      moved[i] += offset
      const { y } = await forward({
        ...needed(forwardModel),
        [`x${k}`]: { shape: inputs[k].shape, data: moved },
      })
      let sum = 0
      for (let j = 0; j < r.length; j++) sum += r[j] * y.data[j]
      return sum
    },
  }
}
