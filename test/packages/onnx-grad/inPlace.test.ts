import { Rng } from '@vla-gym/gymnasium'
import {
  adamW,
  differentiate,
  encodeModel,
  GraphBuilder,
  type Model,
  updatableInPlace,
  type Value,
  withAdamW,
} from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { normals } from './support.js'

/** A model whose loss reads `w` twice, with AdamW; `beside` may add outputs that the loss does not need. */
function training(beside: (g: GraphBuilder, w: Value, prediction: Value) => void): Model {
  const g = new GraphBuilder('model')
  const w = g.parameter('w', [4, 4], normals(Rng.fromSeed(1), [4, 4]).data as Float32Array)
  const prediction = g.matmul(g.tanh(g.matmul(g.input('x', 'float32', ['batch', 4]), w)), w)
  g.output('loss', g.reduceMean(g.mul(prediction, prediction)))
  beside(g, w, prediction)
  const gradients = differentiate(g.build(), { loss: 'loss', wrt: ['w'] })
  return withAdamW(gradients, { groups: [{ parameters: ['w'], lr: 'lr', weightDecay: 0.1 }], ema: 0.9 })
}

const state = ['w', 'adam.m.w', 'adam.v.w', 'ema.w']

it('holds for parameters, moments and averages of a training step', () => {
  const model = training((g, _, prediction) => g.output('largest', g.reduceMax(prediction)))
  expect([...updatableInPlace(model)].sort()).toEqual([...state].sort())
  const alone = adamW([{ name: 'w', shape: [2] }], { groups: [{ parameters: ['w'], lr: 'lr' }], ema: 0.9 })
  expect([...updatableInPlace(alone)].sort()).toEqual([...state].sort())
})

it('does not hold for a parameter that a node may read after the update', () => {
  const direct = training((g, w) => g.output('size', g.reduceMax(g.abs(w))))
  expect(updatableInPlace(direct)).toEqual(new Set(state.slice(1)))
  const throughView = training((g, w) => g.output('size', g.reduceMax(g.exp(g.reshape(w, [16])))))
  expect(updatableInPlace(throughView)).toEqual(new Set(state.slice(1)))
  const asView = training((g, w) => g.output('flat', g.reshape(w, [16])))
  expect(updatableInPlace(asView)).toEqual(new Set(state.slice(1)))
})

it('does not hold when the update itself mixes elements', () => {
  const g = new GraphBuilder('power')
  const x = g.input('x', 'float32', [3, 3])
  g.output('next.x', g.matmul(x, x))
  const y = g.input('y', 'float32', [3])
  g.output('next.y', g.mul(y, 0.5))
  expect(updatableInPlace(g.build())).toEqual(new Set(['y']))
})

it('gives the same bytes as separate buffers over ten steps', async () => {
  const model = training(() => {})
  const session = await ort.InferenceSession.create(encodeModel(model), { logSeverityLevel: 3 })
  const run = async (shared: boolean) => {
    const rng = Rng.fromSeed(2)
    const tensor = (data: Float32Array) => new ort.Tensor('float32', data, [4, 4])
    const start = normals(Rng.fromSeed(1), [4, 4]).data as Float32Array
    let current = new Map(
      state.map((name) => [name, tensor(name.startsWith('adam') ? new Float32Array(16) : start.slice())]),
    )
    let next = shared ? current : new Map(state.map((name) => [name, tensor(new Float32Array(16))]))
    for (let step = 1; step <= 10; step++) {
      const x = new ort.Tensor('float32', normals(rng, [6, 4]).data as Float32Array, [6, 4])
      const scalar = (value: number) => new ort.Tensor('float32', Float32Array.of(value), [])
      const fetches = Object.fromEntries([...next].map(([name, value]) => [`next.${name}`, value]))
      await session.run(
        { ...Object.fromEntries(current), x, lr: scalar(0.05), 'adam.step': scalar(step) },
        fetches,
      )
      ;[current, next] = [next, current]
    }
    return state.map((name) => Float32Array.from(current.get(name)!.data as Float32Array))
  }
  expect(await run(true)).toEqual(await run(false))
})
