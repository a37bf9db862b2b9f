import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { decodeModel, encodeModel, GraphBuilder } from '@vla-gym/onnx-grad'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FileContent, readFolder, writeFolder } from '../../policy/folder.js'
import { nanoConfigWith } from '../../policy/nano/config.js'
import { ditInputs, initParameters } from '../../policy/nano/graphs.js'
import { loadPolicyData, PolicyRuntime, policyFiles, savePolicy } from '../../policy/policy.js'
import { embodimentPrompt } from '../../policy/prompt.js'
import { sampleOde } from '../../policy/samplers/ode.js'
import { differing, maxDifference, observations, policyData, widowx } from './fixtures.js'

const data = policyData()
const { config } = data.manifest
const root = fs.mkdtempSync(join(tmpdir(), 'policy-'))
const dir = join(root, 'nano')
const prompts = [
  'put carrot on plate',
  'stack the green block on the yellow block',
  'put carrot on plate',
].map((instruction) => embodimentPrompt(widowx, 8, instruction))
const { images, states } = observations(3)
const noise = Rng.fromSeed(2).fillNormal(new Float32Array(3 * 128))

let runtime: PolicyRuntime
beforeAll(async () => {
  savePolicy(dir, data)
  runtime = await PolicyRuntime.create(data)
})
afterAll(async () => {
  await runtime.release()
  fs.rmSync(root, { recursive: true })
})

async function act(policy: PolicyRuntime) {
  const hidden = await policy.encode(3, images, states, prompts, 'widowx')
  const chunk = await sampleOde((x, t) => policy.velocity(3, hidden, x, t), noise, config.denoisingSteps)
  return { hidden, actions: policy.toRobotActions(chunk, 3, 'widowx') }
}

describe('PolicyRuntime', () => {
  it('goes from pictures and words to robot actions within the action box', async () => {
    const { hidden, actions } = await act(runtime)
    expect(hidden.length).toBe(3 * 10 * 96)
    expect(actions.length).toBe(3 * 8 * 7)
    expect(
      actions.every((x, i) => Number.isFinite(x) && Math.abs(x) <= (i % 7 > 2 && i % 7 < 6 ? 1.5708 : 1)),
    ).toBe(true)
    expect((await runtime.value(3, hidden)).length).toBe(3)
    expect((await runtime.grounding(3, hidden)).length).toBe(27)
  })

  it('the prompt matters, the company in the batch does not', async () => {
    const picture = images.slice(0, 80 * 80 * 3)
    const pictures = Uint8Array.from([...picture, ...picture])
    const same = Float32Array.from([...states.slice(0, 14), ...states.slice(0, 14)])
    const both = await runtime.encode(2, pictures, same, prompts.slice(0, 2), 'widowx')
    const half = both.length / 2
    expect(maxDifference(both.slice(0, half), both.slice(half))).toBeGreaterThan(1e-2)
    const alone = await runtime.encode(1, picture, same.slice(0, 14), [prompts[1]], 'widowx')
    expect(maxDifference(alone, both.slice(half))).toBeLessThan(1e-5)
  })

  it('takes one time for all rows or one per row', async () => {
    const hidden = new Float32Array(3 * 10 * 96).fill(0.1)
    const one = await runtime.velocity(3, hidden, noise, 0.5)
    expect(await runtime.velocity(3, hidden, noise, Float32Array.of(0.5, 0.5, 0.5))).toEqual(one)
  })

  it('new weights replace only the parts asked for, and a later release leaves it usable', async () => {
    const policy = await PolicyRuntime.create(data)
    const before = await act(policy)
    const other = initParameters(config, 99)
    await policy.setParameters(other, ['dit', 'value'])
    const after = await act(policy)
    expect(after.hidden).toEqual(before.hidden)
    expect(after.actions).not.toEqual(before.actions)
    const expected = await PolicyRuntime.create({ ...data, parameters: other })
    const velocity = await expected.velocity(3, before.hidden, noise, 1)
    expect(await policy.velocity(3, before.hidden, noise, 1)).toEqual(velocity)
    expect(await policy.value(3, before.hidden)).toEqual(await expected.value(3, before.hidden))
    await Promise.all([policy.release(), expected.release()])
    expect(await policy.velocity(3, before.hidden, noise, 1)).toEqual(velocity)
    await policy.release()
  })

  it('says what does not fit', async () => {
    await expect(runtime.encode(2, images, states, prompts, 'widowx')).rejects.toThrow(
      /images: expected \[2, 80, 80, 3\]/,
    )
    await expect(runtime.encode(3, images, states, prompts.slice(1), 'widowx')).rejects.toThrow(
      /2 prompts for a batch of 3/,
    )
    await expect(runtime.encode(3, images, states, prompts, 'widowy')).rejects.toThrow(
      /nearest known: widowx/,
    )
    await expect(runtime.encode(3, images, states.slice(1), prompts, 'widowx')).rejects.toThrow(
      /states of 3 x 14/,
    )
    await expect(
      runtime.encode(
        3,
        images,
        states,
        ['a ', 'b ', 'c '].map((w) => w.repeat(50)),
        'widowx',
      ),
    ).rejects.toThrow(/50 tokens/)
    await expect(runtime.velocity(3, noise, noise, 1)).rejects.toThrow(
      /hidden states: expected \[3, 10, 96\]/,
    )
  })
})

describe('policy folder', () => {
  it('loads to the same policy, which acts bit for bit the same', async () => {
    const loaded = loadPolicyData(dir)
    expect(differing(loaded.parameters, data.parameters)).toEqual([])
    expect({ ...loaded, parameters: data.parameters }).toEqual(data)
    const policy = await PolicyRuntime.create(loaded)
    expect(await act(policy)).toEqual(await act(runtime))
    await policy.release()
  })

  it('its graphs run in plain onnxruntime', async () => {
    const session = await InferenceSession.create(join(dir, 'dit.onnx'), { logSeverityLevel: 3 })
    const hidden = new Float32Array(3 * 10 * 96).fill(0.1)
    const { velocity } = await session.run({
      hiddenStates: new Tensor('float32', hidden, [3, 10, 96]),
      noisyActions: new Tensor('float32', noise, [3, 8, 16]),
      timestep: new Tensor('float32', new Float32Array(3).fill(0.5), [3]),
    })
    expect(
      maxDifference(velocity.data as Float32Array, await runtime.velocity(3, hidden, noise, 0.5)),
    ).toBeLessThan(1e-6)
  })

  /** A copy of the folder with some files and manifest fields changed, hashes in order. */
  function variant(files: Record<string, FileContent | null>, fields: Record<string, unknown> = {}): string {
    const { manifest, read } = readFolder(dir)
    const all = new Map<string, FileContent>(Object.keys(manifest.files).map((name) => [name, read(name)]))
    for (const [name, bytes] of Object.entries(files)) bytes ? all.set(name, bytes) : all.delete(name)
    const path = join(root, 'variant')
    writeFolder(path, all, { ...manifest, ...fields })
    return path
  }

  it('runs someone else’s action expert with the same inputs', async () => {
    const g = new GraphBuilder('foreign')
    const { hiddenStates, noisyActions, timestep } = ditInputs(g, config)
    const pooled = g.reduceMean(hiddenStates, [1, 2])
    const gain = g.unsqueeze(g.add(g.mul(pooled, 0), timestep), [1, 2])
    g.output('velocity', g.mul(noisyActions, gain))
    const parameters = new Map([...data.parameters].filter(([name]) => !name.startsWith('dit.')))
    const path = variant(Object.fromEntries(policyFiles({ ...data, parameters, models: { dit: g.build() } })))
    const policy = await PolicyRuntime.create(loadPolicyData(path))
    const velocity = await policy.velocity(3, new Float32Array(3 * 10 * 96), noise, 0.5)
    expect(
      maxDifference(
        velocity,
        noise.map((x) => x / 2),
      ),
    ).toBeLessThan(1e-7)
    await policy.release()
  })

  const renamed = () => {
    const model = decodeModel(readFolder(dir).read('dit.onnx'))
    const rename = (name: string) => (name === 'timestep' ? 'time' : name)
    model.inputs = model.inputs.map((input) => ({ ...input, name: rename(input.name) }))
    for (const node of model.nodes) node.inputs = node.inputs.map(rename)
    return encodeModel(model)
  }

  it.each([
    [
      'a graph input by another name',
      () => variant({ 'dit.onnx': renamed() }),
      /dit\.onnx: input 'timestep' is absent, the policy needs float32 \[batch\]/,
    ],
    [
      'a graph of other sizes',
      () => variant({}, { config: nanoConfigWith({ chunkSize: 16 }) }),
      /dit\.onnx: input 'noisyActions' is float32 \[batch, 8, 16\]/,
    ],
    [
      'a file that is no graph',
      () => variant({ 'backbone.onnx': Uint8Array.of(1, 2, 3) }),
      /backbone\.onnx: /,
    ],
    ['a missing file', () => variant({ 'tokenizer.json': null }), /tokenizer\.json is missing/],
    [
      'weights of another config',
      () => variant({}, { config: nanoConfigWith({ ditLayers: 4 }) }),
      /weights: 'dit\.blocks\.2\./,
    ],
    [
      'a smaller vocabulary',
      () => variant({}, { config: nanoConfigWith({ vocabularySize: 100 }) }),
      /tokenizer has 403 tokens, the model knows 100|embedding/,
    ],
    [
      'a config that is not one',
      () => variant({}, { config: { preset: 'nano' } }),
      /config: imageWidth must be a whole number/,
    ],
    ['another format', () => variant({}, { format: 'vla-gym-policy/9' }), /format is vla-gym-policy\/9/],
    [
      'an embodiment without statistics',
      () => variant({}, { embodiments: { widowx: { description: widowx } } }),
      /widowx: actionStats\.q01 must be 7 finite numbers/,
    ],
    [
      'a robot with too many joints',
      () => variant({}, { embodiments: { h1: { description: { ...widowx, actionDim: 19 } } } }),
      /h1: actionDim is 19, the model has room for 16/,
    ],
  ])('%s is a UserError that names it', (_, make, message) => {
    const path = make()
    expect(() => loadPolicyData(path)).toThrow(message)
  })
})
