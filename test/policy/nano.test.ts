import { Rng } from '@vla-gym/gymnasium'
import { GraphBuilder, type Model } from '@vla-gym/onnx-grad'
import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { hiddenTokens, keypointTokenRow, nanoConfig, nanoConfigWith } from '../../policy/nano/config.js'
import {
  backboneInputs,
  backboneModel,
  ditModel,
  groundingModel,
  initParameters,
  valueModel,
} from '../../policy/nano/graphs.js'
import { keypoints } from '../../policy/nano/keypoints.js'
import { languageTokens } from '../../policy/nano/language.js'
import { stem } from '../../policy/nano/stem.js'
import { createSession } from '../../policy/onnxSession.js'
import { countParameters, ParameterStore, type Parameters } from '../../policy/parameters.js'
import { differing, maxDifference } from './fixtures.js'

const config = nanoConfig
const parameters = initParameters(config, 1)
const rng = Rng.fromSeed(5)
const normal = (n: number) => rng.fillNormal(new Float32Array(n))
const L = hiddenTokens(config)

async function run(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(model, 1)
  const results = await session.run(feeds)
  await session.release()
  return results as Record<string, Tensor>
}

function backboneFeeds(batch: number, prompts: number[][], index: number[]) {
  const promptTokens = new BigInt64Array(prompts.length * config.promptLength)
  prompts.forEach((ids, row) => {
    ids.forEach((id, i) => {
      promptTokens[row * config.promptLength + i] = BigInt(id)
    })
  })
  return {
    image: new Tensor(
      'uint8',
      new Uint8Array(batch * 80 * 80 * 3).map(() => rng.integers(0, 256)),
      [batch, 80, 80, 3],
    ),
    state: new Tensor('float32', normal(batch * 16), [batch, 16]),
    promptTokens: new Tensor('int64', promptTokens, [prompts.length, config.promptLength]),
    promptIndex: new Tensor('int64', BigInt64Array.from(index, BigInt), [batch]),
  }
}

/** One row of every feed that has a batch axis. */
function row(feeds: Record<string, Tensor>, i: number, shared: string[] = []): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => {
      const size = data.length / dims[0]
      const part = (data as Float32Array).slice(i * size, (i + 1) * size)
      return [
        name,
        shared.includes(name) ? feeds[name] : new Tensor(type as 'float32', part, [1, ...dims.slice(1)]),
      ]
    }),
  )
}

describe('initParameters', () => {
  it('has about a million weights, the same for the same seed and independent of the block order', () => {
    const total = countParameters(parameters, 'backbone.') + countParameters(parameters, 'dit.')
    expect(total).toBeGreaterThan(0.9e6)
    expect(total).toBeLessThan(1.6e6)
    expect(differing(initParameters(config, 1), parameters)).toEqual([])
    const name = 'dit.blocks.1.attention.qkv.weight'
    expect(initParameters(config, 2).get(name)!.data).not.toEqual(parameters.get(name)!.data)
    const alone = new ParameterStore(null, Rng.fromSeed(1, 'parameters'))
    expect(alone.get(name, [96, 288], { normal: 1 / Math.sqrt(96) })).toEqual(parameters.get(name))
  })

  it('every weight is read from the given parameters, and shapes are checked', () => {
    const missing = new Map(parameters)
    missing.delete('dit.output.bias')
    expect(() => ditModel(config, missing)).toThrow(/'dit.output.bias' \[16\] is missing/)
    expect(() => backboneModel(nanoConfigWith({ vocabularySize: 600 }), parameters)).toThrow(
      /'backbone.text.embedding' has shape \[512, 96\], the config asks for \[600, 96\]/,
    )
    const used = [backboneModel, ditModel, valueModel, groundingModel].flatMap((build) => [
      ...build(config, parameters).initializers.keys(),
    ])
    expect([...parameters.keys()].filter((name) => !used.includes(name))).toEqual([])
  })
})

describe('backbone', () => {
  const feeds = backboneFeeds(4, [[2, 3, 4], [9, 8, 7, 6, 5], []], [1, 0, 1, 2])

  it('gives normalised hidden states of the documented shape, each row as if it were alone', async () => {
    const model = backboneModel(config, parameters)
    const { hiddenStates } = await run(model, feeds)
    expect(hiddenStates.dims).toEqual([4, L, 96])
    const data = hiddenStates.data as Float32Array
    const meanSquare = data.reduce((sum, x) => sum + x * x, 0) / data.length
    expect(meanSquare).toBeCloseTo(1, 1)
    for (const i of [0, 1, 3]) {
      const alone = await run(model, row(feeds, i, ['promptTokens']))
      expect(
        maxDifference(alone.hiddenStates.data as Float32Array, data.slice(i * L * 96, (i + 1) * L * 96)),
      ).toBeLessThan(1e-5)
    }
  })

  it('takes each row’s own prompt: gathering equals giving every row its prompt', async () => {
    const model = backboneModel(config, parameters)
    const { hiddenStates } = await run(model, feeds)
    const tokens = feeds.promptTokens.data as BigInt64Array
    const n = config.promptLength
    const perRow = BigInt64Array.from([1, 0, 1, 2].flatMap((p) => [...tokens.slice(p * n, (p + 1) * n)]))
    const spread = {
      ...feeds,
      promptTokens: new Tensor('int64', perRow, [4, n]),
      promptIndex: new Tensor('int64', BigInt64Array.of(0n, 1n, 2n, 3n), [4]),
    }
    const direct = await run(model, spread)
    expect(
      maxDifference(direct.hiddenStates.data as Float32Array, hiddenStates.data as Float32Array),
    ).toBeLessThan(1e-5)
  })

  it('masks padding: the embedding of the padding token changes nothing', async () => {
    const changed: Parameters = new Map(parameters)
    const embedding = parameters.get('backbone.text.embedding')!
    const data = (embedding.data as Float32Array).slice()
    data.fill(5, 0, 96)
    changed.set('backbone.text.embedding', { ...embedding, data })
    const some = { ...feeds, promptIndex: new Tensor('int64', BigInt64Array.of(1n, 0n, 1n, 0n), [4]) }
    const before = await run(backboneModel(config, parameters), some)
    const after = await run(backboneModel(config, changed), some)
    expect(after.hiddenStates.data).toEqual(before.hiddenStates.data)
    data.fill(5, 96 * 9, 96 * 10)
    const real = await run(backboneModel(config, changed), some)
    expect(
      maxDifference(real.hiddenStates.data as Float32Array, before.hiddenStates.data as Float32Array),
    ).toBeGreaterThan(1e-3)
  })

  it('keypoints are points of the image, and the prompt decides where they lie', async () => {
    const g = new GraphBuilder('keypoints')
    const store = new ParameterStore(parameters, null)
    const inputs = backboneInputs(g, config)
    const { grid } = stem({ g, store }, config, inputs.image)
    const language = languageTokens({ g, store }, config, inputs.promptTokens)
    const found = keypoints({ g, store }, config, grid, language, inputs.promptIndex)
    g.output('coordinates', found.coordinates)
    g.output('features', found.features)
    // The same picture twice, with two prompts.
    const twice = { ...feeds }
    const picture = (feeds.image.data as Uint8Array).slice(0, 80 * 80 * 3)
    twice.image = new Tensor('uint8', Uint8Array.from([...picture, ...picture]), [2, 80, 80, 3])
    twice.promptIndex = new Tensor('int64', BigInt64Array.of(0n, 1n), [2])
    twice.state = new Tensor('float32', new Float32Array(32), [2, 16])
    const { coordinates, features } = await run(g.build(), twice)
    expect(coordinates.dims).toEqual([2, 32])
    expect(features.dims).toEqual([2, 128])
    const xy = coordinates.data as Float32Array
    expect(xy.every((x) => Math.abs(x) <= 1)).toBe(true)
    expect(maxDifference(xy.slice(0, 32), xy.slice(32))).toBeGreaterThan(1e-3)
  })

  it('the stem’s grid holds overlapping 8x8 patches at stride 4, in image order', async () => {
    const g = new GraphBuilder('stem')
    const store = new ParameterStore(parameters, null)
    const image = g.input('image', 'uint8', ['batch', 80, 80, 3])
    g.output('grid', stem({ g, store }, config, image).grid)
    const picture = new Uint8Array(80 * 80 * 3)
    // An 8x8 square whose top left corner is at row 40, column 24: the patch at grid row 10, column 6.
    for (let y = 40; y < 48; y++) picture.fill(255, (y * 80 + 24) * 3, (y * 80 + 32) * 3)
    const { grid } = await run(g.build(), { image: new Tensor('uint8', picture, [1, 80, 80, 3]) })
    expect(grid.dims).toEqual([1, 20, 20, 48])
    const features = grid.data as Float32Array
    const weight = parameters.get('backbone.stem.patch.weight')!.data as Float32Array
    for (let channel = 0; channel < 48; channel++) {
      let whole = 0
      for (let k = 0; k < 192; k++) whole += weight[k * 48 + channel] * (127.5 / 64)
      expect(features[(10 * 20 + 6) * 48 + channel]).toBeCloseTo(Math.max(0, whole), 4)
      expect(features[(2 * 20 + 2) * 48 + channel]).toBeCloseTo(Math.max(0, -whole), 4)
    }
  })
})

describe('dit and heads', () => {
  const batch = 3
  const feeds = {
    hiddenStates: new Tensor('float32', normal(batch * L * 96), [batch, L, 96]),
    noisyActions: new Tensor('float32', normal(batch * 8 * 16), [batch, 8, 16]),
    timestep: new Tensor('float32', Float32Array.of(1, 0.5, 0.25), [batch]),
  }
  /** Weights as after some training: modulation is not zero any more. */
  const trained: Parameters = new Map(
    [...parameters].map(([name, tensor]) => {
      const isModulation = name.includes('modulation')
      const data = isModulation ? normal(tensor.data.length).map((x) => 0.1 * x) : tensor.data
      return [name, { ...tensor, data }]
    }),
  )

  it('velocity has the chunk’s shape, each row as if it were alone', async () => {
    const model = ditModel(config, trained)
    const { velocity } = await run(model, feeds)
    expect(velocity.dims).toEqual([batch, 8, 16])
    for (let i = 0; i < batch; i++) {
      const alone = await run(model, row(feeds, i))
      const part = (velocity.data as Float32Array).slice(i * 128, (i + 1) * 128)
      expect(maxDifference(alone.velocity.data as Float32Array, part)).toBeLessThan(1e-5)
    }
  })

  it('depends on time, on hidden states and across chunk steps; blocks start as the identity', async () => {
    const changes = {
      timestep: new Tensor('float32', Float32Array.of(0.9, 0.4, 0.1), [batch]),
      hiddenStates: new Tensor('float32', normal(batch * L * 96), [batch, L, 96]),
    }
    const after = await run(ditModel(config, trained), feeds)
    const fresh = await run(ditModel(config, parameters), feeds)
    for (const change of Object.keys(changes) as (keyof typeof changes)[]) {
      const other = { ...feeds, [change]: changes[change] }
      const moved = await run(ditModel(config, trained), other)
      expect(
        maxDifference(moved.velocity.data as Float32Array, after.velocity.data as Float32Array),
      ).toBeGreaterThan(1e-3)
      const still = await run(ditModel(config, parameters), other)
      expect(still.velocity.data).toEqual(fresh.velocity.data)
    }
    const shifted = (feeds.noisyActions.data as Float32Array).slice()
    shifted.fill(2, 7 * 16, 8 * 16)
    const moved = await run(ditModel(config, trained), {
      ...feeds,
      noisyActions: new Tensor('float32', shifted, [batch, 8, 16]),
    })
    expect(
      maxDifference(
        (moved.velocity.data as Float32Array).slice(0, 16),
        (after.velocity.data as Float32Array).slice(0, 16),
      ),
    ).toBeGreaterThan(1e-4)
  })

  it('value and grounding heads give [batch] and [batch, 9]; grounding reads only its two tokens', async () => {
    const { hiddenStates } = feeds
    const { value } = await run(valueModel(config, parameters), { hiddenStates })
    expect(value.dims).toEqual([batch])
    const { grounding } = await run(groundingModel(config, parameters), { hiddenStates })
    expect(grounding.dims).toEqual([batch, 9])
    const firstRowWithout = async (tokens: number) => {
      const data = (hiddenStates.data as Float32Array).slice()
      data.fill(0, 0, tokens * config.width)
      const changed = { hiddenStates: new Tensor('float32', data, hiddenStates.dims) }
      return (await run(groundingModel(config, parameters), changed)).grounding.data[0]
    }
    expect(await firstRowWithout(keypointTokenRow(config))).toBe(grounding.data[0])
    expect(await firstRowWithout(keypointTokenRow(config) + 1)).not.toBe(grounding.data[0])
  })
})
