import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { encodeModel, GraphBuilder, inline, type Model, readModel, type Value } from '@vla-gym/onnx-grad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importPolicy } from '../../policy/foreign/importPolicy.js'
import { nanoConfig } from '../../policy/nano/config.js'
import { loadPolicyData, type PolicyData, PolicyRuntime, savePolicy } from '../../policy/policy.js'
import { differing, maxDifference, observations, policyData } from './fixtures.js'

const root = mkdtempSync(join(tmpdir(), 'import-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const at = (name: string) => join(root, name)
const base = policyData()
const { chunkSize: H, actionDim: K, width: W } = nanoConfig

beforeAll(() => {
  savePolicy(at('base'), base)
  for (const name of ['expert.onnx', 'expert-classic.onnx']) copyFileSync(fixture(name), at(name))
})

let written = 0
type Fields = Record<string, unknown>
/** A manifest with some fields changed; those that are undefined are left out. */
function manifest(expert: Fields = {}, fields: Fields = {}): string {
  const path = at(`manifest-${written++}.json`)
  const action_expert = { file: 'expert.onnx', trainable: ['*', '!frequencies'], ...expert }
  writeFileSync(path, JSON.stringify({ format: 'vla-gym-expert/1', base: 'base', action_expert, ...fields }))
  return path
}

/** Writes a graph under a fresh name and returns the name. */
function graph(model: Model): string {
  const name = `graph-${written++}.onnx`
  writeFileSync(at(name), encodeModel(model))
  return name
}

const rows = 3
const wave = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i))
const hidden = wave(rows * 10 * W)
const noisy = wave(rows * H * K)
const times = Float32Array.of(0, 0.25, 1)

async function velocity(policy: PolicyData, t = times): Promise<Float32Array> {
  const runtime = await PolicyRuntime.create(policy)
  const v = await runtime.velocity(rows, hidden, noisy, t)
  await runtime.release()
  return v
}

const expected = Float32Array.from(JSON.parse(readFileSync(fixture('velocity.json'), 'utf8')) as number[])
// Against PyTorch in float64; velocities are of order 1 and sums of float32.
const tolerance = 2e-5

describe('an action expert from PyTorch', () => {
  it.each(['expert.onnx', 'expert-classic.onnx'])('%s computes what it did there', async (file) => {
    const policy = await importPolicy(manifest({ file }))
    expect(maxDifference(await velocity(policy), expected)).toBeLessThan(tolerance)
    const trained = [...policy.parameters].filter(([name]) => name.startsWith('dit.'))
    // 13,232 parameters by torch's count; the frequencies are a buffer.
    expect(trained.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(13232)
    expect(policy.manifest.config).toEqual({ ...nanoConfig, initialNoise: 1 })
  })

  it('makes a folder that loads to the same policy', async () => {
    const policy = await importPolicy(manifest())
    savePolicy(at('saved'), policy)
    const loaded = loadPolicyData(at('saved'))
    expect(differing(loaded.parameters, policy.parameters)).toEqual([])
    expect(await velocity(loaded)).toEqual(await velocity(policy))
    // New weights reach the graph, fixed ones stay.
    const bias = loaded.parameters.get('dit.velocity.bias')!
    const changed = { ...bias, data: (bias.data as Float32Array).map((x) => x + 1) }
    const moved = { ...loaded, parameters: new Map(loaded.parameters).set('dit.velocity.bias', changed) }
    const up = await velocity(moved)
    expect(
      maxDifference(
        up.map((v) => v - 1),
        await velocity(policy),
      ),
    ).toBeLessThan(1e-5)
  })
})

/** The fixture behind other names, shapes and conventions. */
function wrapped(
  wrap: (g: GraphBuilder) => Record<string, Value>,
  result = (_: GraphBuilder, v: Value) => v,
): string {
  const g = new GraphBuilder('wrapped')
  const values = wrap(g)
  const hole = g.input('inner', 'float32', ['batch', H, K])
  g.output('v', result(g, hole))
  const inputs = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.name]))
  const { model } = readModel(fixture('expert.onnx'))
  return graph(inline(g.build(), model, { inputs, outputs: { velocity: 'inner' } }))
}
const chunk = ['batch', H, K]
const context = (g: GraphBuilder) => g.input('ctx', 'float32', ['batch', 10, W])
const all = (g: GraphBuilder) =>
  g.expand(g.constant(Uint8Array.of(...Array(10).fill(1)), [1, 10], 'bool'), ['batch', 10])
const mapping = { hidden_states: 'ctx', noisy_actions: 'x', timestep: 't' }
const wrappedExpert = (file: string, fields: Fields = {}) => ({
  file,
  inputs: mapping,
  output: 'v',
  trainable: ['*'],
  ...fields,
})

describe('a graph with conventions of its own', () => {
  it('other names, no mask, a column of times that counts to 1000 and has its noise at 0', async () => {
    const file = wrapped(
      (g) => ({
        hidden_states: context(g),
        noisy_actions: g.input('x', 'float32', chunk),
        mask: all(g),
        timestep: g.sub(1, g.squeeze(g.div(g.input('t', 'float32', ['batch', 1]), 1000), [1])),
      }),
      (g, v) => g.neg(v),
    )
    const policy = await importPolicy(manifest(wrappedExpert(file, { noise_at: 0, timestep_scale: 1000 })))
    // The detour over 1000 (1 - t) rounds the time.
    expect(maxDifference(await velocity(policy), expected)).toBeLessThan(1e-4)
  })

  it('a mask over action channels is that of the robot', async () => {
    const file = wrapped((g) => ({
      hidden_states: context(g),
      noisy_actions: g.mul(g.input('x', 'float32', chunk), g.input('mask', 'float32', chunk)),
      mask: all(g),
      timestep: g.input('t', 'float32', ['batch']),
    }))
    const policy = await importPolicy(manifest(wrappedExpert(file)))
    const plain = await importPolicy(manifest())
    const masked = noisy.map((x, i) => (i % K < 7 ? x : 0))
    const runtime = await PolicyRuntime.create(plain)
    const wanted = await runtime.velocity(rows, hidden, masked, times)
    await runtime.release()
    expect(maxDifference(await velocity(policy), wanted)).toBeLessThan(tolerance)
  })

  it('a chunk of another size changes the policy’s', async () => {
    const g = new GraphBuilder('short')
    const x = g.input('noisy_actions', 'float32', ['batch', 4, 7])
    const t = g.unsqueeze(g.input('timestep', 'float32', ['batch']), [1, 2])
    const pooled = g.reduceMean(g.input('hidden_states', 'float32', ['batch', 'tokens', W]), [1, 2], true)
    g.output('velocity', g.add(g.mul(x, g.parameter('gain', [7], wave(7))), g.add(pooled, t)))
    const policy = await importPolicy(
      manifest({ file: graph(g.build()), trainable: ['gain'] }, { denoising_steps: 2, initial_noise: 0.5 }),
    )
    expect(policy.manifest.config).toMatchObject({
      chunkSize: 4,
      actionDim: 7,
      executedSteps: Math.min(nanoConfig.executedSteps, 4),
      denoisingSteps: 2,
      initialNoise: 0.5,
    })
  })
})

describe('a backbone from elsewhere', () => {
  it('brings its sizes and a new value head', async () => {
    const g = new GraphBuilder('backbone')
    const image = g.cast(g.input('image', 'uint8', ['batch', 32, 48, 3]), 'float32')
    const words = g.cast(g.input('tokens', 'int64', ['batch', 48]), 'float32')
    const seen = g.matmul(g.reduceMean(image, [1, 2]), g.parameter('see', [3, 6 * 20], wave(360)))
    const read = g.matmul(words, g.parameter('read', [48, 6 * 20], wave(48 * 120)))
    g.output('states', g.reshape(g.add(seen, read), ['batch', 6, 20]))
    const backbone = { file: graph(g.build()), inputs: { prompt_tokens: 'tokens' }, output: 'states' }
    const e = new GraphBuilder('expert')
    const pooled = e.reduceMean(e.input('hidden_states', 'float32', ['batch', 6, 20]), [1])
    const time = e.unsqueeze(e.input('timestep', 'float32', ['batch']), [1, 2])
    const bias = e.unsqueeze(e.matmul(pooled, e.parameter('w', [20, K], wave(20 * K))), [1])
    e.output('velocity', e.add(e.mul(e.input('noisy_actions', 'float32', ['batch', H, K]), time), bias))
    const path = manifest(
      { file: graph(e.build()), trainable: ['w'] },
      { backbone, image_crop: [0, 0, 640, 480] },
    )
    const policy = await importPolicy(path)
    expect(policy.manifest.config).toMatchObject({
      imageHeight: 32,
      imageWidth: 48,
      hiddenTokens: 6,
      width: 20,
      promptLength: 48,
      imageCrop: [0, 0, 640, 480],
    })
    expect([...policy.parameters.keys()].filter((name) => name.startsWith('backbone.'))).toEqual([
      'backbone.see',
      'backbone.read',
    ])
    savePolicy(at('both'), policy)
    const runtime = await PolicyRuntime.create(loadPolicyData(at('both')))
    const { images, states } = observations(2, 7, policy.manifest.config)
    const hiddenStates = await runtime.encode(2, images, states, ['put carrot on plate', 'stack'], 'widowx')
    expect(hiddenStates.length).toBe(2 * 6 * 20)
    expect((await runtime.value(2, hiddenStates)).length).toBe(2)
    expect(
      (await runtime.velocity(2, hiddenStates, noisy.slice(0, 2 * H * K), 0.5)).every(Number.isFinite),
    ).toBe(true)
    await runtime.release()
  })
})

/** A graph that fits, apart from what `change` does to its inputs. */
function plain(change: {
  input?: string
  dtype?: 'float64' | 'float16' | 'int64'
  shape?: (number | string)[]
  extra?: boolean
  op?: (g: GraphBuilder, x: Value) => Value
}): string {
  const g = new GraphBuilder('plain')
  const input = (name: string, shape: (number | string)[]) => {
    const isIt = change.input === name
    return g.input(name, (isIt && change.dtype) || 'float32', (isIt && change.shape) || shape)
  }
  const context = input('hidden_states', ['batch', 10, W])
  const x = input('noisy_actions', ['batch', H, K])
  const t = input('timestep', ['batch'])
  if (change.extra) g.input('proprioception', 'float32', ['batch', 7])
  const sum = [context, t]
    .map((v) => g.cast(g.reduceMean(g.cast(v, 'float32')), 'float32'))
    .reduce((a, b) => g.add(a, b))
  const own = g.mul(
    g.cast(x, 'float32'),
    g.parameter(
      'gain',
      [K],
      wave(K).map((v) => v + 2),
    ),
  )
  g.output('velocity', g.add(change.op ? change.op(g, own) : own, g.mul(sum, 0)))
  return graph(g.build())
}

describe('what does not fit is named, with file and field', () => {
  const expertWith =
    (change: Parameters<typeof plain>[0], fields: Fields = {}) =>
    () =>
      manifest({ file: plain(change), trainable: ['gain'], ...fields })
  it.each<[string, () => string, RegExp]>([
    ['no such manifest', () => at('none.json'), /none\.json: cannot be read \(ENOENT\)/],
    ['a manifest that is not JSON', () => fixture('make.py'), /make\.py: not JSON/],
    ['another format', () => manifest({}, { format: 'x' }), /'format' must be "vla-gym-expert\/1", got "x"/],
    [
      'a field with a typing error',
      () => manifest({}, { denoising_step: 4 }),
      /unknown field 'denoising_step'; nearest known: denoising_steps/,
    ],
    [
      'an input with a typing error',
      () => manifest({ inputs: { hidden_state: 'x' } }),
      /unknown field 'action_expert\.inputs\.hidden_state'; nearest known: action_expert\.inputs\.hidden_states/,
    ],
    [
      'an unknown convention',
      () => manifest({ noise_at: 2 }),
      /'action_expert\.noise_at' must be 0 or 1, got 2/,
    ],
    [
      'a list that is none',
      () => manifest({ trainable: '*' }),
      /'action_expert\.trainable' must be a list of strings/,
    ],
    ['no base', () => manifest({}, { base: 'nothing' }), /nothing: manifest\.json cannot be read/],
    ['no graph file', () => manifest({ file: 'gone.onnx' }), /gone\.onnx: no such file/],
    ['a file that is no graph', () => manifest({ file: 'base/tokenizer.json' }), /tokenizer\.json: not a/],
    [
      'an absent input',
      () => manifest({ inputs: { timestep: 'time' } }),
      /expert\.onnx: no input 'time' for 'inputs\.timestep'; the graph has: hidden_states, mask, noisy_actions, timestep/,
    ],
    [
      'an absent output',
      () => manifest({ output: 'v' }),
      /expert\.onnx: no output 'v' for 'output'; the graph has: velocity/,
    ],
    ['an input that nothing feeds', expertWith({ extra: true }), /nothing feeds the input 'proprioception'/],
    [
      'a pattern that fits nothing',
      () => manifest({ trainable: ['*', '!freq'] }),
      /no weight fits '!freq' of 'trainable'; there are: position/,
    ],
    [
      'hidden states of another width',
      expertWith({ input: 'hidden_states', shape: ['batch', 10, 64] }),
      /'hidden_states' is float32 \[batch, 10, 64\], not float32 \[batch, 10, 96\]/,
    ],
    [
      'another number of tokens',
      expertWith({ input: 'hidden_states', shape: ['batch', 12, W] }),
      /'hidden_states' is float32 \[batch, 12, 96\]/,
    ],
    [
      'a fixed batch',
      expertWith({ input: 'timestep', shape: [1] }),
      /'timestep' is float32 \[1\], not float32 \[batch\]: export it with a free size for 'batch'/,
    ],
    [
      'a free chunk',
      expertWith({ input: 'noisy_actions', shape: ['batch', 'steps', K] }),
      /'noisy_actions' is float32 \[batch, steps, 16\].*: give it a fixed size/,
    ],
    [
      'whole-number times',
      expertWith({ input: 'timestep', dtype: 'int64' }),
      /'timestep' is int64 \[batch\], not float32 \[batch\]/,
    ],
    [
      'double precision',
      expertWith({ input: 'noisy_actions', dtype: 'float64' }),
      /'noisy_actions' is float64/,
    ],
    [
      'half precision',
      expertWith({ input: 'noisy_actions', dtype: 'float16' }),
      /'noisy_actions' is float16 .*: export the model in float32 \(model\.float\(\)\)/,
    ],
    [
      'too few channels',
      () => {
        const g = new GraphBuilder('narrow')
        const x = g.input('noisy_actions', 'float32', ['batch', H, 4])
        const rest = g.add(
          g.reduceMean(g.input('hidden_states', 'float32', ['batch', 10, W])),
          g.reduceMean(g.input('timestep', 'float32', ['batch'])),
        )
        g.output('velocity', g.add(g.mul(x, g.parameter('gain', [4], wave(4))), rest))
        return manifest({ file: graph(g.build()), trainable: ['gain'] })
      },
      /'noisy_actions' has 4 channels, the robot 'widowx' needs 7/,
    ],
    [
      'executing more than a chunk',
      () => manifest({}, { executed_steps: 9 }),
      /executedSteps 9 exceeds chunkSize 8/,
    ],
    [
      'an operator without gradient',
      expertWith({
        op: (g, x) => g.op('LRN', [x], { size: 3 }, [{ dtype: 'float32', shape: x.shape }])[0],
      }),
      /cannot be trained: node '.*' \(LRN\): this operator has no gradient/,
    ],
    [
      'rows that depend on each other',
      expertWith({ op: (g, x) => g.sub(x, g.reduceMean(x, [0], true)) }),
      /a row's velocity depends on the other rows/,
    ],
    [
      'numbers that are not finite',
      expertWith({ op: (g, x) => g.log(g.mul(g.abs(x), -1)) }),
      /its velocity is not finite/,
    ],
  ])('%s', async (_, make, message) => {
    const path = make()
    const problem = await importPolicy(path).then(
      () => null,
      (error: Error) => error,
    )
    expect(problem?.message).toMatch(message)
    expect(problem).toBeInstanceOf(UserError)
    expect(problem?.message).not.toContain('\n')
  })
})
