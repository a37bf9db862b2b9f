import { Rng } from '@vla-gym/gymnasium'
import { differentiate, GraphBuilder, parametersAsInputs, withAdamW } from '@vla-gym/onnx-grad'
import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { backbone } from '../../policy/nano/backbone.js'
import { nanoConfig } from '../../policy/nano/config.js'
import { dit } from '../../policy/nano/dit.js'
import { backboneInputs, initParameters } from '../../policy/nano/graphs.js'
import { groundingHead } from '../../policy/nano/groundingHead.js'
import { createSession } from '../../policy/onnxSession.js'
import { ParameterStore, type Parameters } from '../../policy/parameters.js'
import { observations } from './fixtures.js'

const config = nanoConfig
const batch = 16
const rng = Rng.fromSeed(11)
const normal = (n: number) => rng.fillNormal(new Float32Array(n))

/** Flow matching through DiT and backbone plus the grounding loss: mean squared errors. */
function lossModel(parameters: Parameters) {
  const g = new GraphBuilder('loss')
  const store = new ParameterStore(parameters, null)
  const hiddenStates = backbone(g, store, config, backboneInputs(g, config))
  const noisyActions = g.input('noisyActions', 'float32', ['batch', 8, 16])
  const timestep = g.input('timestep', 'float32', ['batch'])
  const velocity = dit(g, store, config, { hiddenStates, noisyActions, timestep })
  const grounding = groundingHead(g, store, config, hiddenStates)
  const meanSquare = (x: typeof velocity) => g.reduceMean(g.mul(x, x))
  const flow = meanSquare(g.sub(velocity, g.input('target', 'float32', ['batch', 8, 16])))
  g.output('flow', flow)
  g.output('loss', g.add(flow, meanSquare(g.sub(grounding, g.input('labels', 'float32', ['batch', 9])))))
  return { model: g.build(), names: [...store.parameters.keys()] }
}

const feeds: Record<string, Tensor> = {
  image: new Tensor('uint8', observations(batch).images, [batch, 80, 80, 3]),
  state: new Tensor('float32', normal(batch * 16), [batch, 16]),
  promptTokens: new Tensor(
    'int64',
    BigInt64Array.from({ length: 96 }, (_, i) => BigInt(i % 40)),
    [2, 48],
  ),
  promptIndex: new Tensor(
    'int64',
    BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % 2)),
    [batch],
  ),
  noisyActions: new Tensor('float32', normal(batch * 128), [batch, 8, 16]),
  timestep: new Tensor(
    'float32',
    new Float32Array(batch).map(() => rng.uniform()),
    [batch],
  ),
  target: new Tensor('float32', normal(batch * 128), [batch, 8, 16]),
  labels: new Tensor('float32', normal(batch * 9), [batch, 9]),
}
const parameters = initParameters(config, 3)

describe('training nano', () => {
  it('every weight has the gradient that finite differences give', async () => {
    // Modulation away from zero, so that gradients pass every gate.
    const moved: Parameters = new Map(
      [...parameters].map(([name, tensor]) => {
        const data = (tensor.data as Float32Array).slice()
        if (name.includes('modulation')) data.set(normal(data.length).map((x) => 0.1 * x))
        return [name, { ...tensor, data }]
      }),
    )
    const { model, names } = lossModel(moved)
    const session = await createSession(differentiate(model, { loss: 'loss', wrt: names }), 1)
    const gradients = await session.run(feeds)
    await session.release()
    const norm = (name: string) =>
      Math.hypot(...(gradients[`grad.${name}`].data as Float32Array).slice(0, 50_000))
    const dead = names.filter((name) => !(norm(name) > 1e-9))
    // A bias of keys shifts all scores of a query alike, which softmax ignores.
    expect(dead.filter((name) => name !== 'backbone.keypoints.key.bias')).toEqual([])
    const probed = [
      'backbone.stem.patch.weight',
      'backbone.stem.patch.bias',
      'backbone.text.embedding',
      'backbone.keypoints.query.weight',
      'backbone.layers.0.attention.qkv.weight',
      'dit.blocks.0.modulation.weight',
      'dit.blocks.2.attention.keyValue.weight',
      'dit.timestep.0.weight',
    ]
    const probe = await createSession(parametersAsInputs(model, probed), 1)
    const given = (name: string) => {
      const { data, shape } = moved.get(name)!
      return new Tensor('float32', data as Float32Array, [...shape])
    }
    const weights = Object.fromEntries(probed.map((name) => [name, given(name)]))
    for (const name of probed) {
      // Along the gradient itself the difference is largest against rounding.
      const gradient = gradients[`grad.${name}`].data as Float32Array
      const step = 0.03 / Math.hypot(norm(name), 1e-3) ** 0.5
      const scale = step / norm(name)
      const at = async (sign: number) => {
        const data = (moved.get(name)!.data as Float32Array).map((x, i) => x + sign * scale * gradient[i])
        const shifted = new Tensor('float32', data, weights[name].dims)
        const { loss } = await probe.run({ ...feeds, ...weights, [name]: shifted }, ['loss'])
        return Number(loss.data[0])
      }
      const expected = gradient.reduce((sum, x) => sum + x * x * scale, 0)
      const measured = ((await at(1)) - (await at(-1))) / 2
      expect(measured / expected, name).toBeGreaterThan(0.9)
      expect(measured / expected, name).toBeLessThan(1.1)
    }
    await probe.release()
  })

  it('30 AdamW steps on one batch reduce the loss', async () => {
    const { model, names } = lossModel(parameters)
    const graph = withAdamW(differentiate(model, { loss: 'loss', wrt: names }), {
      groups: [{ parameters: names, lr: 'lr' }],
      maxGradNorm: 1,
    })
    const session = await createSession(graph, 1)
    const state: Record<string, Tensor> = {}
    for (const name of names) {
      const { data, shape } = parameters.get(name)!
      state[name] = new Tensor('float32', data as Float32Array, [...shape])
      for (const moment of ['m', 'v']) {
        state[`adam.${moment}.${name}`] = new Tensor('float32', new Float32Array(data.length), [...shape])
      }
    }
    const losses: number[] = []
    for (let step = 1; step <= 30; step++) {
      const scalars = {
        lr: new Tensor('float32', Float32Array.of(1e-3), []),
        'adam.step': new Tensor('float32', Float32Array.of(step), []),
      }
      const results = await session.run({ ...feeds, ...state, ...scalars })
      for (const name of Object.keys(state)) state[name] = results[`next.${name}`] as Tensor
      losses.push(Number(results.flow.data[0]))
      expect(results.applied.data[0]).toBe(1)
    }
    await session.release()
    expect(losses[0]).toBeLessThan(1.3)
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0])
  })
})
