import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import {
  accumulateGradients,
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  type Model,
  type RecomputeOptions,
  recomputeActivations,
  type Value,
} from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import * as ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { normals, runner, type Tensor } from './support.js'

interface Network {
  readonly model: Model
  readonly wrt: string[]
}

const branches = ['mlp', 'attention', 'gated', 'modulated', 'masked'] as const
const width = 8

/** Residual blocks on x [batch, 5, 8]; some read a side input that does not pass the stream. */
function residualNetwork(kinds: readonly (typeof branches)[number][]): Network {
  const g = new GraphBuilder('residual')
  const rng = Rng.fromSeed(1, kinds.join())
  const wrt: string[] = []
  const linear = (x: Value, to = width): Value => {
    const from = x.shape.at(-1) as number
    const name = `w${wrt.length}`
    wrt.push(name)
    const weight = g.parameter(
      name,
      [from, to],
      normals(rng, [from, to], 1 / Math.sqrt(from)).data as Float32Array,
    )
    return g.linear(x, weight, g.constant(0.1, [to]))
  }
  const side = g.silu(linear(g.unsqueeze(g.input('time', 'float32', ['batch', 3]), [1])))
  let x = linear(g.input('x', 'float32', ['batch', 5, width]))
  const block: Record<(typeof branches)[number], () => Value> = {
    mlp: () => linear(g.gelu(linear(g.layerNorm(x), 2 * width))),
    attention: () => {
      const [q, k, v] = g.split(linear(x, 3 * width), -1, [width, width, width])
      return linear(g.matmul(g.softmax(g.matmul(q, g.transpose(k, [0, 2, 1]))), v))
    },
    gated: () => g.mul(g.sigmoid(linear(x)), g.tanh(x)),
    modulated: () => g.mul(linear(g.layerNorm(x)), g.add(linear(side), 1)),
    masked: () => g.where(g.greater(x, 0.2), linear(x), g.mul(x, 0.5)),
  }
  for (const kind of kinds) x = g.add(x, block[kind]())
  g.output('norm', g.reduceMean(g.mul(x, x), [1, 2]))
  const error = g.sub(linear(x, 2), g.input('target', 'float32', ['batch', 5, 2]))
  g.output('loss', g.reduceMean(g.mul(error, error)))
  return { model: g.build(), wrt }
}

const feedsOf = (batch: number): Record<string, Tensor> => ({
  x: normals(Rng.fromSeed(2), [batch, 5, width]),
  time: normals(Rng.fromSeed(3), [batch, 3]),
  target: normals(Rng.fromSeed(4), [batch, 5, 2]),
})

const copies = (model: Model): number =>
  model.nodes.filter((node) => node.name.startsWith('recompute.')).length

it('leaves gradients and outputs as they are, whatever the blocks and wherever the cuts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...branches), { minLength: 3, maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      async (kinds, every) => {
        const { model, wrt } = residualNetwork(kinds)
        const gradients = differentiate(model, { loss: 'loss', wrt })
        const lean = recomputeActivations(gradients, { every })
        expect(copies(lean)).toBeGreaterThan(0)
        const expected = await (await runner(gradients))(feedsOf(3))
        const actual = await (await runner(decodeModel(encodeModel(lean))))(feedsOf(3))
        expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
        for (const [name, { data }] of Object.entries(expected))
          data.forEach((value, i) => {
            // The runtime may fuse the two graphs differently, which rounds differently.
            const allowed = 1e-6 + 1e-6 * Math.abs(value)
            expect(Math.abs(actual[name].data[i] - value), `${name}[${i}]`).toBeLessThan(allowed)
          })
      },
    ),
    { numRuns: 15, seed: 1 },
  )
})

it('cuts where it is told to', async () => {
  const { model, wrt } = residualNetwork(['mlp', 'attention', 'modulated'])
  const gradients = differentiate(model, { loss: 'loss', wrt })
  const isStream = (name: string) =>
    gradients.nodes.some((node) => node.op === 'Add' && node.outputs[0] === name)
  const stream = gradients.nodes
    .filter((node) => node.op === 'Add' && node.inputs.some(isStream))
    .map((node) => node.outputs[0])
  const lean = recomputeActivations(gradients, { boundaries: [stream[0]] })
  expect(copies(lean)).toBeGreaterThan(0)
  expect(copies(lean)).toBeLessThan(copies(recomputeActivations(gradients, { every: 1 })))
  const expected = await (await runner(gradients))(feedsOf(2))
  const actual = await (await runner(lean))(feedsOf(2))
  for (const name of wrt)
    actual[`grad.${name}`].data.forEach((x, i) => {
      expect(x).toBeCloseTo(expected[`grad.${name}`].data[i], 5)
    })
})

it('does not draw random numbers again', () => {
  const g = new GraphBuilder('noisy')
  const w = g.parameter('w', [4, 4], normals(Rng.fromSeed(1), [4, 4]).data as Float32Array)
  let x = g.input('x', 'float32', ['batch', 4])
  for (let i = 0; i < 3; i++) {
    const [noise] = g.op('RandomNormalLike', [x], {}, [{ dtype: 'float32', shape: x.shape }])
    x = g.add(x, g.tanh(g.mul(g.matmul(x, w), noise)))
  }
  g.output('loss', g.reduceMean(g.mul(x, x)))
  const lean = recomputeActivations(differentiate(g.build(), { loss: 'loss', wrt: ['w'] }), { every: 1 })
  expect(copies(lean)).toBeGreaterThan(0)
  expect(lean.nodes.filter((node) => node.op === 'RandomNormalLike')).toHaveLength(3)
})

/** Eight wide blocks, so that activations are most of the memory. */
function wideNetwork(): Network {
  const g = new GraphBuilder('wide')
  const wrt: string[] = []
  let x = g.input('x', 'float32', ['batch', 64])
  for (let i = 0; i < 8; i++) {
    const [up, down] = [`up${i}`, `down${i}`].map((name, k) => {
      wrt.push(name)
      const shape = k === 0 ? [64, 512] : [512, 64]
      return g.parameter(name, shape, normals(Rng.fromSeed(5, name), shape, 0.05).data as Float32Array)
    })
    x = g.add(x, g.matmul(g.gelu(g.matmul(x, up)), down))
  }
  g.output('loss', g.reduceMean(g.mul(x, x)))
  return { model: g.build(), wrt }
}

/** Highest memory of this process so far, MB; it never falls. */
const peakMemory = (): number => process.resourceUsage().maxRSS / 1024

it('computes again in the runtime, whose optimiser does not merge the two passes, and saves memory', async () => {
  const { model, wrt } = wideNetwork()
  const gradients = differentiate(model, { loss: 'loss', wrt })
  const rows = 4096
  const x = normals(Rng.fromSeed(6), [rows, 64])
  const measure = async (graph: Model) => {
    const optimizedModelFilePath = join(tmpdir(), `recompute-${process.pid}.onnx`)
    const options = {
      logSeverityLevel: 3,
      intraOpNumThreads: 1,
      enableMemPattern: false,
      optimizedModelFilePath,
    } as const
    const session = await ort.InferenceSession.create(encodeModel(accumulateGradients(graph, wrt)), options)
    const run = decodeModel(readFileSync(optimizedModelFilePath)).nodes
    rmSync(optimizedModelFilePath)
    const feeds = { x: new ort.Tensor('float32', x.data as Float32Array, x.shape) }
    for (const name of wrt) {
      const { shape, data } = model.initializers.get(name)!
      const tensor = (values: Float32Array) => new ort.Tensor('float32', values, [...shape])
      const state = {
        [name]: tensor(data as Float32Array),
        [`sum.${name}`]: tensor(new Float32Array(data.length)),
      }
      Object.assign(feeds, state)
    }
    const before = peakMemory()
    await session.run(feeds)
    await session.release()
    return { grown: peakMemory() - before, gelus: run.filter((node) => node.op === 'Gelu').length }
  }
  const lean = await measure(recomputeActivations(gradients, { every: 1 }))
  const plain = await measure(gradients)
  expect(plain.gelus).toBe(8)
  expect(lean.gelus).toBe(16)
  // Of each of 8 blocks 2 · 512 floats a row are kept or not, together 134 MB. The peak of a process only rises, and
  // yet it rose by much of that.
  expect(plain.grown).toBeGreaterThan(50)
})

it('says what it cannot do', () => {
  const { model, wrt } = residualNetwork(['mlp', 'mlp'])
  const gradients = differentiate(model, { loss: 'loss', wrt })
  const recompute =
    (options: RecomputeOptions, of = gradients) =>
    () =>
      recomputeActivations(of, options)
  expect(recompute({ every: 1 }, model)).toThrow(/has no gradients: differentiate it first/)
  expect(recompute({ every: 0 })).toThrow(/every 0/)
  expect(recompute({ boundaries: ['nowhere'] })).toThrow(/boundary 'nowhere' is no value of the forward pass/)
  expect(recompute({ boundaries: ['loss'] })).toThrow(/nothing in model .* depends on the boundaries/)
  const g = new GraphBuilder('plain')
  const w = g.parameter('w', [2, 2], Float32Array.of(1, 2, 3, 4))
  g.output('loss', g.reduceMean(g.tanh(g.matmul(g.input('x', 'float32', ['batch', 2]), w))))
  const plain = differentiate(g.build(), { loss: 'loss', wrt: ['w'] })
  expect(recompute({ every: 1 }, plain)).toThrow(/no residual stream/)
})
