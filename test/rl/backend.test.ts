import { Rng } from '@vla-gym/gymnasium'
import { GraphBuilder, type Model, roundedTo, type TensorData } from '@vla-gym/onnx-grad'
import { afterEach, describe, expect, it } from 'vitest'
import { microBatches } from '../../rl/backend/microBatches.js'
import { createOrtBackend, type OrtBackendOptions } from '../../rl/backend/ortBackend.js'
import type { Feeds, TrainingBackend } from '../../rl/backend/trainingBackend.js'

const width = 6

function normals(shape: number[], ...seed: (string | number)[]) {
  const data = Rng.fromSeed(...seed).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1)))
  return { dtype: 'float32' as const, shape, data }
}

/** Residual network on x [batch, 6] with a mean squared error and a figure beside it. */
function network(): { model: Model; trained: string[] } {
  const g = new GraphBuilder('network')
  const trained: string[] = []
  const weight = (shape: number[]) => {
    const name = `w${trained.length}`
    trained.push(name)
    return g.parameter(
      name,
      shape,
      normals(shape, 1, name).data.map((x) => x / 2),
    )
  }
  let x = g.input('x', 'float32', ['batch', width])
  for (let i = 0; i < 3; i++)
    x = g.add(x, g.matmul(g.gelu(g.matmul(x, weight([width, 9]))), weight([9, width])))
  const error = g.sub(g.add(x, weight([width])), g.input('target', 'float32', ['batch', width]))
  const squares = g.mul(error, error)
  g.output('loss', g.reduceMean(squares))
  g.output('share', g.reduceMean(g.cast(g.greater(squares, 1), 'float32')))
  return { model: g.build(), trained }
}

const rows = 10
const feedsOf = (step: number): Feeds => ({
  x: normals([rows, width], 'x', step),
  target: normals([rows, width], 'target', step),
  lr: 0.01,
})

const open: TrainingBackend[] = []
async function backendOf(options: Partial<OrtBackendOptions> = {}): Promise<TrainingBackend> {
  const { model, trained } = network()
  const backend = await createOrtBackend(model, {
    loss: 'loss',
    groups: [{ parameters: trained, lr: 'lr', weightDecay: 0.1 }],
    maxGradNorm: 1,
    threads: 1,
    ...options,
  })
  open.push(backend)
  return backend
}

afterEach(async () => {
  for (const backend of open.splice(0)) await backend.release()
})

const floats = (tensor: TensorData | undefined): Float32Array => tensor!.data as Float32Array

const difference = (a: ReadonlyMap<string, TensorData>, b: ReadonlyMap<string, TensorData>): number =>
  Math.max(
    ...[...a].flatMap(([name, tensor]) =>
      Array.from(floats(tensor), (x, i) => Math.abs(x - floats(b.get(name))[i])),
    ),
  )

const bytesOf = (state: ReadonlyMap<string, TensorData>): string =>
  [...state]
    .map(
      ([name, { data }]) =>
        name + Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).toString('hex'),
    )
    .join()

const variants: Record<string, Partial<OrtBackendOptions>> = {
  plain: {},
  'micro-batches': { microBatch: 4 },
  average: { ema: 0.9 },
  recomputation: { recompute: { every: 1 } },
  'bfloat16 weights': { weights: 'bfloat16' },
  everything: { microBatch: 3, ema: 0.9, recompute: { every: 1 }, weights: 'float16' },
}

describe.each(Object.entries(variants))('training backend: %s', (_, options) => {
  it('lowers the loss', async () => {
    const backend = await backendOf(options)
    const feeds = feedsOf(0)
    const first = await backend.step(feeds)
    for (let step = 0; step < 30; step++) await backend.step(feeds)
    const last = await backend.step(feeds)
    expect(Object.keys(last).sort()).toEqual(['applied', 'gradNorm', 'loss', 'share'])
    expect(last.loss).toBeLessThan(0.7 * first.loss)
  })

  it('continues from a saved state with the same bytes', async () => {
    const one = await backendOf(options)
    for (let step = 0; step < 3; step++) await one.step(feedsOf(step))
    const saved = one.state()
    const two = await backendOf(options)
    two.loadState(saved)
    for (let step = 3; step < 6; step++) {
      const [a, b] = [await one.step(feedsOf(step)), await two.step(feedsOf(step))]
      expect(b).toEqual(a)
    }
    expect(bytesOf(two.state())).toBe(bytesOf(one.state()))
    expect(bytesOf(one.state())).not.toBe(bytesOf(saved))
  })

  it('keeps everything when the gradient is not finite', async () => {
    const backend = await backendOf(options)
    await backend.step(feedsOf(0))
    const before = bytesOf(backend.state())
    const bad = feedsOf(1)
    ;(bad.x as TensorData).data[7] = Number.NaN
    expect((await backend.step(bad)).applied).toBe(0)
    expect(bytesOf(backend.state())).toBe(before)
    expect((await backend.step(feedsOf(1))).applied).toBe(1)
  })
})

describe('the same training', () => {
  const run = async (options: Partial<OrtBackendOptions>) => {
    const backend = await backendOf(options)
    const results = []
    for (let step = 0; step < 5; step++) results.push(await backend.step(feedsOf(step)))
    return { results, parameters: backend.parameters() }
  }

  // Sums of gradients in another order: 1e-7 of values of size 1; AdamW divides by its small second moments.
  it.each([
    ['in micro-batches of 1', { microBatch: 1 }],
    ['in micro-batches of 4, unequal parts', { microBatch: 4 }],
    ['in micro-batches larger than the minibatch', { microBatch: 64 }],
    ['with recomputation', { recompute: { every: 2 } }],
  ])('%s', async (_, options) => {
    const [expected, actual] = [await run({}), await run(options)]
    expect(difference(actual.parameters, expected.parameters)).toBeLessThan(2e-5)
    actual.results.forEach((result, step) => {
      for (const name of ['loss', 'share', 'gradNorm'])
        expect(result[name], `${name} of step ${step}`).toBeCloseTo(expected.results[step][name], 4)
    })
  })
})

it('averages parameters with the decay, from where they started', async () => {
  const backend = await backendOf({ ema: 0.8 })
  const expected = backend.parameters()
  expect(difference(backend.parameters('average'), expected)).toBe(0)
  for (let step = 0; step < 4; step++) {
    await backend.step(feedsOf(step))
    for (const [name, tensor] of backend.parameters()) {
      const average = floats(expected.get(name))
      floats(tensor).forEach((x, i) => {
        average[i] = 0.8 * average[i] + 0.2 * x
      })
    }
  }
  expect(difference(backend.parameters('average'), expected)).toBeLessThan(1e-6)
  expect(difference(backend.parameters('average'), backend.parameters())).toBeGreaterThan(1e-3)
  const plain = await backendOf()
  expect(() => plain.parameters('average')).toThrow(/no moving average/)
})

it('gives the rounded weights that the model computes with, and saves the master copies', async () => {
  const backend = await backendOf({ weights: 'float16' })
  await backend.step(feedsOf(0))
  const state = backend.state()
  for (const [name, tensor] of backend.parameters()) {
    const master = state.get(name)!
    const expected = tensor.shape.length === 2 ? roundedTo(master, 'float16') : master
    expect(tensor.data, name).toEqual(expected.data)
  }
  expect(difference(backend.parameters(), state)).toBeGreaterThan(0)
})

it('refuses a state without the average that it keeps', async () => {
  const saved = (await backendOf()).state()
  const averaging = await backendOf({ ema: 0.9 })
  expect(() => averaging.loadState(saved)).toThrow(/tensor 'ema\.w0' is missing/)
})

describe('microBatches', () => {
  const feeds = { x: normals([10, 3], 'x'), mask: normals([10], 'mask'), lr: 0.1 }

  it('cuts all rows into nearly equal parts', () => {
    const parts = microBatches(feeds, ['x', 'mask'], 4)
    expect(parts.map((part) => part.weight)).toEqual([0.3, 0.3, 0.4])
    expect(parts.flatMap((part) => Array.from(floats(part.feeds.x as TensorData)))).toEqual(
      Array.from(feeds.x.data),
    )
    expect(parts.map((part) => (part.feeds.mask as TensorData).shape)).toEqual([[3], [3], [4]])
    expect(parts.every((part) => part.feeds.lr === 0.1)).toBe(true)
  })

  it('wants the same number of rows everywhere', () => {
    const bad = { ...feeds, mask: normals([9], 'mask') }
    expect(() => microBatches(bad, ['x', 'mask'], 4)).toThrow(/10 rows has 9 in 'mask'/)
  })
})

it('refuses micro-batches where nothing can be cut', async () => {
  const g = new GraphBuilder('fixed')
  const w = g.parameter('w', [2], Float32Array.of(1, 2))
  g.output('loss', g.reduceMean(g.mul(g.input('x', 'float32', [2]), w)))
  const options = { loss: 'loss', groups: [{ parameters: ['w'], lr: 'lr' }], maxGradNorm: 1 }
  await expect(createOrtBackend(g.build(), { ...options, microBatch: 2 })).rejects.toThrow(
    /no input with a symbolic first size/,
  )
  await expect(backendOf({ microBatch: 0 })).rejects.toThrow(/micro-batches of 0 rows/)
})
