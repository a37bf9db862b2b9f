import { Rng } from '@vla-gym/gymnasium'
import { decodeModel, differentiate, encodeModel, GraphBuilder, inline, type Model } from '@vla-gym/onnx-grad'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'

const rng = Rng.fromSeed(3)
const normal = (n: number) => rng.fillNormal(new Float32Array(n))

async function run(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 3 })
  const results = await session.run(feeds)
  await session.release()
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]))
}

/** y = gelu(x w), batch size called 'n'. */
function network(): Model {
  const g = new GraphBuilder('network')
  const x = g.input('x', 'float32', ['n', 3])
  const w = g.parameter('w', [3, 2], normal(6))
  g.output('y', g.gelu(g.mul(g.matmul(x, w), 2)))
  return g.build()
}

/** loss = mean((prediction - 2 target)^2), with names that the network has too. */
function loss(): Model {
  const g = new GraphBuilder('loss')
  const target = g.input('target', 'float32', ['batch', 2])
  g.output('x', g.mul(g.input('features', 'float32', ['batch', 3]), 0.5))
  const error = g.sub(g.input('prediction', 'float32', ['batch', 2]), g.mul(target, 2))
  g.output('loss', g.reduceMean(g.mul(error, error)))
  return g.build()
}

const binding = { inputs: { x: 'x' }, outputs: { y: 'prediction' } }
const features = new Tensor('float32', normal(12), [4, 3])
const target = new Tensor('float32', normal(8), [4, 2])

describe('inline', () => {
  it('computes what the two models compute one after the other, clashing names or not', async () => {
    const inner = network()
    const outer = loss()
    const x = new Tensor('float32', features.data.map((v) => v * 0.5) as Float32Array, [4, 3])
    const { y } = await run(inner, { x })
    const apart = await run(outer, { features, target, prediction: new Tensor('float32', y, [4, 2]) })
    const together = inline(outer, inner, binding)
    expect(together.inputs.map(({ name }) => name)).toEqual(['target', 'features'])
    expect(await run(together, { features, target })).toEqual(apart)
  })

  it('leaves a model that can be saved and differentiated by the weights under their own names', async () => {
    const together = decodeModel(encodeModel(inline(loss(), network(), binding)))
    const gradients = differentiate(together, { loss: 'loss', wrt: ['w'] })
    const at = async (change: number) => {
      const { shape, data } = together.initializers.get('w')!
      const w = (data as Float32Array).map((v, i) => (i === 1 ? v + change : v))
      const initializers = new Map(together.initializers).set('w', { dtype: 'float32', shape, data: w })
      return (await run({ ...together, initializers }, { features, target })).loss[0]
    }
    const slope = ((await at(1e-2)) - (await at(-1e-2))) / 2e-2
    const gradient = (await run(gradients, { features, target }))['grad.w'][1]
    // Central differences of float32 values of order 1: rounding 1e-7 / 1e-2, third derivative 1e-4.
    expect(Math.abs(gradient - slope)).toBeLessThan(1e-3 * Math.max(1, Math.abs(slope)))
  })

  it('takes over outputs that are an input or a weight of the inner model', async () => {
    const inner = new GraphBuilder('through')
    inner.input('x', 'float32', ['n', 2])
    inner.parameter('w', [1, 2], Float32Array.of(3, 4))
    inner.output('unused', inner.value('x'))
    const model = inner.build()
    const passes = (name: string): Model => ({
      ...model,
      outputs: [model.inputs[0], { ...model.inputs[0], name: 'w' }].filter((o) => o.name === name),
    })
    const expected = (prediction: Float32Array) =>
      prediction.reduce((sum, p, i) => sum + (p - 2 * (target.data[i] as number)) ** 2, 0) / 8
    const given = { inputs: { x: 'target' }, outputs: { x: 'prediction' } }
    const same = await run(inline(loss(), passes('x'), given), { features, target })
    expect(same.loss[0]).toBeCloseTo(expected(target.data as Float32Array), 4)
    const weight = inline(loss(), passes('w'), { ...given, outputs: { w: 'prediction' } })
    const rows = Float32Array.from({ length: 8 }, (_, i) => 3 + (i % 2))
    expect((await run(weight, { features, target })).loss[0]).toBeCloseTo(expected(rows), 3)
  })

  it.each([
    [{ inputs: {}, outputs: { y: 'prediction' } }, /input 'x' of model 'network' is not bound/],
    [{ inputs: { x: 'nothing' }, outputs: { y: 'prediction' } }, /has no value 'nothing'/],
    [
      { inputs: { x: 'target' }, outputs: { y: 'prediction' } },
      /'x' .* is float32 \[n,3\], given 'target', float32 \[batch,2\]/,
    ],
    [{ inputs: { x: 'x' }, outputs: { y: 'loss' } }, /model 'loss' has no input 'loss'/],
    [{ inputs: { x: 'x' }, outputs: { z: 'prediction' } }, /model 'network' has no output 'z'/],
  ])('says what does not fit: %j', (wrong, message) => {
    expect(() => inline(loss(), network(), wrong as typeof binding)).toThrow(message)
  })
})
