import { Rng } from '@vla-gym/gymnasium'
import {
  accumulateGradients,
  differentiate,
  GraphBuilder,
  weightedLoss,
  withLossWeight,
} from '@vla-gym/onnx-grad'
import { expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

/** Mean over rows of a cross entropy of a small network. */
function classifier() {
  const g = new GraphBuilder('classifier')
  const rng = Rng.fromSeed(4)
  const weight = (name: string, shape: number[]) =>
    g.parameter(name, shape, normals(rng, shape, 0.7).data as Float32Array)
  const hidden = g.tanh(
    g.linear(g.input('x', 'float32', ['batch', 5]), weight('w0', [5, 7]), weight('b0', [7])),
  )
  const logits = g.matmul(hidden, weight('w1', [7, 3]))
  const target = g.input('target', 'float32', ['batch', 3])
  g.output('loss', g.neg(g.reduceMean(g.reduceSum(g.mul(g.logSoftmax(logits), target), [-1]))))
  return { model: g.build(), wrt: ['w0', 'b0', 'w1'] }
}

it('adds the gradients of unequal parts up to the gradient of the whole minibatch', async () => {
  const { model, wrt } = classifier()
  const rng = Rng.fromSeed(5)
  const data = {
    x: normals(rng, [11, 5]).data as Float32Array,
    target: normals(rng, [11, 3]).data as Float32Array,
  }
  const rows = (begin: number, end: number): Record<string, Tensor> => ({
    x: { shape: [end - begin, 5], data: data.x.slice(5 * begin, 5 * end) },
    target: { shape: [end - begin, 3], data: data.target.slice(3 * begin, 3 * end) },
  })
  const whole = await (await runner(differentiate(model, { loss: 'loss', wrt })))(rows(0, 11))

  const weighted = withLossWeight(model, 'loss', 'share')
  const summing = accumulateGradients(differentiate(weighted, { loss: weightedLoss('loss'), wrt }), wrt)
  expect(summing.outputs.map((output) => output.name).filter((name) => name.startsWith('grad.'))).toEqual([])
  const run = await runner(summing)
  const state: Record<string, Tensor> = {}
  for (const name of wrt) {
    const { shape, data } = model.initializers.get(name)!
    state[name] = { shape, data: data as Float32Array }
    state[`sum.${name}`] = { shape, data: new Float32Array(data.length) }
  }
  let loss = 0
  for (const [begin, end] of [
    [0, 4],
    [4, 5],
    [5, 11],
  ]) {
    const share = (end - begin) / 11
    const result = await run({
      ...state,
      ...rows(begin, end),
      share: { shape: [], data: Float32Array.of(share) },
    })
    loss += share * result.loss.data[0]
    for (const name of wrt) state[`sum.${name}`] = result[`next.sum.${name}`]
  }
  expect(loss).toBeCloseTo(whole.loss.data[0], 6)
  for (const name of wrt)
    whole[`grad.${name}`].data.forEach((x, i) => {
      expect(Math.abs((state[`sum.${name}`].data[i] as number) - x), `${name}[${i}]`).toBeLessThan(1e-6)
    })
})

it('names a parameter that was not differentiated by', () => {
  const { model } = classifier()
  const gradients = differentiate(model, { loss: 'loss', wrt: ['w0'] })
  expect(() => accumulateGradients(gradients, ['w0', 'w1'])).toThrow(
    /no output 'grad.w1': differentiate with respect to 'w1'/,
  )
})
