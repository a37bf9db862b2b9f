import { readFileSync } from 'node:fs'
import { Rng } from '@vla-gym/gymnasium'
import * as onnxGrad from '@vla-gym/onnx-grad'
import {
  adamW,
  decodeModel,
  differentiate,
  GraphBuilder,
  parametersAsInputs,
  stateNames,
  withAdamW,
  withInitializers,
} from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

const shapes: Record<string, number[]> = { w: [3, 4], b: [4], slow: [4] }
const [beta1, beta2, epsilon, maxGradNorm] = [0.8, 0.95, 1e-6, 0.5]
const settings: Record<string, { lr: string; weightDecay: number }> = {
  w: { lr: 'lr', weightDecay: 0.1 },
  b: { lr: 'lr', weightDecay: 0.1 },
  slow: { lr: 'lrSlow', weightDecay: 0 },
}

/** loss = mean((tanh(x w + b) slow − target)²), with an output beside the loss. */
function trainingModel() {
  const g = new GraphBuilder('regression')
  const rng = Rng.fromSeed(8)
  const x = g.input('x', 'float32', ['batch', 3])
  const [w, b, slow] = Object.entries(shapes).map(([name, shape]) =>
    g.parameter(name, shape, normals(rng, shape).data as Float32Array),
  )
  const y = g.output('y', g.mul(g.tanh(g.linear(x, w, b)), slow))
  const error = g.sub(y, g.input('target', 'float32', ['batch', 4]))
  g.output('loss', g.reduceMean(g.mul(error, error)))
  const model = g.build()
  const derivative = differentiate(model, { loss: 'loss', wrt: Object.keys(shapes) })
  const groups = [
    { parameters: ['w', 'b'], lr: 'lr', weightDecay: 0.1 },
    { parameters: ['slow'], lr: 'lrSlow' },
  ]
  return { model, derivative, step: withAdamW(derivative, { groups, beta1, beta2, epsilon, maxGradNorm }) }
}

type State = Record<string, { p: Float32Array; m: Float32Array; v: Float32Array }>

/** AdamW as in the paper, in double precision; gradients from the differentiated model. */
function referenceStep(
  state: State,
  gradients: Record<string, Float32Array>,
  rates: Record<string, number>,
  t: number,
) {
  const norm = Math.sqrt(
    Object.values(gradients).reduce((sum, g) => sum + g.reduce((a, x) => a + x * x, 0), 0),
  )
  const scale = Math.min(1, maxGradNorm / norm)
  for (const [name, { p, m, v }] of Object.entries(state))
    gradients[name].forEach((raw, i) => {
      const gradient = raw * scale
      const { lr, weightDecay } = settings[name]
      p[i] -= rates[lr] * weightDecay * p[i]
      m[i] = beta1 * m[i] + (1 - beta1) * gradient
      v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient
      const denominator = Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon
      p[i] -= (rates[lr] * (m[i] / (1 - beta1 ** t))) / denominator
    })
  return norm
}

describe('withAdamW', () => {
  it('follows the reference over five steps, clipped and not, and leaves a step with NaN out', async () => {
    const { derivative, step } = trainingModel()
    const train = await runner(step)
    const gradient = await runner(parametersAsInputs(derivative, Object.keys(shapes)))
    const rng = Rng.fromSeed(9)
    const state: State = {}
    const feeds: Record<string, Tensor> = {}
    for (const [name, shape] of Object.entries(shapes)) {
      const p = derivative.initializers.get(name)!.data as Float32Array
      state[name] = { p: p.slice(), m: new Float32Array(p.length), v: new Float32Array(p.length) }
      feeds[name] = { shape, data: p }
      for (const moment of ['m', 'v'])
        feeds[`adam.${moment}.${name}`] = { shape, data: new Float32Array(p.length) }
    }
    let t = 0
    const norms: number[] = []
    for (const scale of [3, 0.05, Number.NaN, 1, 0.05, 3]) {
      const rates = { lr: 0.05, lrSlow: 0.01 * (t + 1) }
      const data = { x: normals(rng, [6, 3]), target: normals(rng, [6, 4], scale) }
      const scalars = { 'adam.step': t + 1, ...rates }
      for (const [name, value] of Object.entries(scalars))
        feeds[name] = { shape: [], data: Float32Array.of(value) }
      const before = Object.fromEntries(Object.keys(shapes).map((name) => [name, feeds[name]]))
      const result = await train({ ...feeds, ...data })
      if (Number.isNaN(scale)) {
        expect(result.applied.data[0]).toBe(0)
        for (const name of Object.keys(feeds))
          if (`next.${name}` in result) expect(result[`next.${name}`].data).toEqual(feeds[name].data)
        continue
      }
      t++
      const gradients = await gradient({ ...before, ...data })
      const byName = Object.fromEntries(
        Object.keys(shapes).map((name) => [name, gradients[`grad.${name}`].data]),
      )
      const norm = referenceStep(state, byName, rates, t)
      norms.push(norm)
      expect(result.applied.data[0]).toBe(1)
      expect(result.gradNorm.data[0]).toBeCloseTo(norm, 4)
      expect(result.loss.data[0]).toBeCloseTo(gradients.loss.data[0], 5)
      for (const [name, { p, m, v }] of Object.entries(state)) {
        const expected = { [name]: p, [`adam.m.${name}`]: m, [`adam.v.${name}`]: v }
        for (const [key, values] of Object.entries(expected)) {
          const { data: actual, shape } = result[`next.${key}`]
          feeds[key] = { shape, data: actual }
          values.forEach((x, i) => {
            expect(Math.abs(actual[i] - x), `${key}[${i}] step ${t}`).toBeLessThan(3e-6 + 1e-5 * Math.abs(x))
          })
        }
      }
    }
    expect(norms.some((norm) => norm > maxGradNorm) && norms.some((norm) => norm < maxGradNorm)).toBe(true)
  })

  it('replaces gradients by the new state and keeps the other outputs', () => {
    const { step } = trainingModel()
    const names = step.outputs.map((output) => output.name)
    expect(names.filter((name) => name.startsWith('grad.'))).toEqual([])
    expect(names).toEqual(
      expect.arrayContaining(['y', 'loss', 'next.w', 'next.adam.m.w', 'next.adam.v.w', 'gradNorm']),
    )
    expect([...step.initializers.keys()].filter((name) => name in shapes)).toEqual([])
  })

  it('refuses parameters without gradient, listed twice or unknown', () => {
    const { model, derivative } = trainingModel()
    const adamW =
      (parameters: string[], of = derivative) =>
      () =>
        withAdamW(of, { groups: [{ parameters, lr: 'lr' }] })
    expect(adamW(['w'], model)).toThrow(/no output 'grad.w': differentiate with respect to 'w'/)
    expect(adamW(['w', 'w'])).toThrow(/'w' is listed twice/)
    expect(adamW(['u'])).toThrow(/no initializer or input 'u'/)
    expect(adamW([])).toThrow(/no group has a parameter/)
  })
})

describe('adamW', () => {
  const fixture = JSON.parse(
    readFileSync(new URL('optimizerFixtures/adamw.json', import.meta.url), 'utf8'),
  ) as {
    shapes: Record<string, number[]>
    settings: Record<'beta1' | 'beta2' | 'epsilon' | 'maxGradNorm' | 'ema' | 'weightDecay', number>
    initial: Record<string, number[]>
    steps: {
      rates: number[]
      gradients: Record<string, number[]>
      gradNorm: number
      parameters: Record<string, number[]>
      averages: Record<string, number[]>
    }[]
  }
  const { settings, initial } = fixture
  const parameters = Object.entries(fixture.shapes).map(([name, shape]) => ({ name, shape }))
  const groups = [
    { parameters: ['w'], lr: 'lrW', weightDecay: settings.weightDecay },
    { parameters: ['b'], lr: 'lrB' },
  ]
  const startingState = (): Record<string, Tensor> =>
    Object.fromEntries(
      parameters.flatMap(({ name, shape }) =>
        stateNames(name, { ema: 0 }).map((key) => [
          key,
          { shape, data: Float32Array.from(initial[name], (x) => (key.startsWith('adam') ? 0 : x)) },
        ]),
      ),
    )
  const scalar = (value: number): Tensor => ({ shape: [], data: Float32Array.of(value) })

  it.each(['a number', 'an input'])('agrees with PyTorch, decay of the average being %s', async (decayIs) => {
    const ema = decayIs === 'a number' ? settings.ema : 'decay'
    const { beta1, beta2, epsilon, maxGradNorm } = settings
    const run = await runner(adamW(parameters, { groups, beta1, beta2, epsilon, maxGradNorm, ema }))
    const state = startingState()
    for (const [i, step] of fixture.steps.entries()) {
      const feeds: Record<string, Tensor> = {
        ...state,
        'adam.step': scalar(i + 1),
        lrW: scalar(step.rates[0]),
        lrB: scalar(step.rates[1]),
      }
      for (const { name, shape } of parameters)
        feeds[`grad.${name}`] = { shape, data: Float32Array.from(step.gradients[name]) }
      const result = await run(ema === 'decay' ? { ...feeds, decay: scalar(settings.ema) } : feeds)
      expect(result.gradNorm.data[0]).toBeCloseTo(step.gradNorm, 5)
      // float32 against float64: a few units in the last place after six steps.
      for (const { name } of parameters)
        for (const [key, expected] of [
          [name, step.parameters[name]],
          [`ema.${name}`, step.averages[name]],
        ] as const)
          expected.forEach((x, k) => {
            expect(Math.abs(result[`next.${key}`].data[k] - x), `${key}[${k}] step ${i}`).toBeLessThan(2e-6)
          })
      for (const key of Object.keys(state)) state[key] = result[`next.${key}`]
    }
  })

  it('leaves the average alone when the gradient is not finite', async () => {
    const run = await runner(adamW(parameters, { groups, ema: 0.5 }))
    const state = startingState()
    state['ema.b'] = { shape: [4], data: Float32Array.of(1, 2, 3, 4) }
    const feeds: Record<string, Tensor> = { ...state, 'adam.step': scalar(1), lrW: scalar(1), lrB: scalar(1) }
    for (const { name, shape } of parameters) feeds[`grad.${name}`] = normals(Rng.fromSeed(1), shape)
    feeds['grad.w'].data[3] = Number.POSITIVE_INFINITY
    const result = await run(feeds)
    expect(result.applied.data[0]).toBe(0)
    for (const key of Object.keys(state)) expect(result[`next.${key}`].data, key).toEqual(state[key].data)
  })
})

it('trains with the example of the README', async () => {
  const readme = readFileSync(new URL('../../../packages/onnx-grad/README.md', import.meta.url), 'utf8')
  const [, example] = readme.match(/```ts\nimport .*\n([^`]*)```/)!
  const file = new Function(
    'lib',
    `const { differentiate, encodeModel, GraphBuilder, withAdamW } = lib; ${example}; return file`,
  )
  const train = await runner(decodeModel(file(onnxGrad)))
  const rng = Rng.fromSeed(2)
  const x = normals(rng, [64, 3])
  const target = Float32Array.from(
    { length: 64 },
    (_, i) => (x.data.slice(3 * i, 3 * i + 3)[1] as number) + 0.5,
  )
  const feeds: Record<string, Tensor> = {
    x,
    target: { shape: [64, 1], data: target },
    lr: { shape: [], data: Float32Array.of(0.05) },
  }
  for (const [name, shape] of [
    ['w', [3, 1]],
    ['b', [1]],
  ] as const)
    for (const kind of ['', 'adam.m.', 'adam.v.'])
      feeds[kind + name] = { shape, data: new Float32Array(shape[0]) }
  let loss = Number.NaN
  for (let t = 1; t <= 120; t++) {
    const result = await train({ ...feeds, 'adam.step': { shape: [], data: Float32Array.of(t) } })
    loss = result.loss.data[0]
    for (const name of Object.keys(result)) if (name.startsWith('next.')) feeds[name.slice(5)] = result[name]
  }
  expect(loss).toBeLessThan(1e-3)
  expect(feeds.w.data[1]).toBeCloseTo(1, 1)
})

describe('weights', () => {
  it('move out of the model and back in', async () => {
    const { model } = trainingModel()
    const outside = parametersAsInputs(model, ['w', 'b'])
    const back = withInitializers(
      outside,
      new Map(['w', 'b'].map((name) => [name, model.initializers.get(name)!])),
    )
    const feeds = { x: normals(Rng.fromSeed(1), [2, 3]), target: normals(Rng.fromSeed(2), [2, 4]) }
    const inputs = Object.fromEntries(
      ['w', 'b'].map((name) => [
        name,
        { shape: shapes[name], data: model.initializers.get(name)!.data as Float32Array },
      ]),
    )
    const expected = await (await runner(model))(feeds)
    expect((await (await runner(outside))({ ...feeds, ...inputs })).y).toEqual(expected.y)
    expect((await (await runner(back))(feeds)).y).toEqual(expected.y)
  })

  it('must fit', () => {
    const { model } = trainingModel()
    const put = (name: string, shape: number[]) => () =>
      withInitializers(
        model,
        new Map([[name, { dtype: 'float32' as const, shape, data: new Float32Array(12) }]]),
      )
    expect(put('w', [4, 3])).toThrow(/'w' is float32 \[3,4\] .*given float32 \[4,3\]/)
    expect(put('u', [3, 4])).toThrow(/neither input nor initializer 'u'/)
    expect(() => parametersAsInputs(model, ['x'])).toThrow(/'x' is no initializer/)
  })
})
