import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, describe, expect, it } from 'vitest'
import { hiddenTokens, nanoConfig, withPreset } from '../../policy/nano/config.js'
import { type DitSizes, presetNames, presets } from '../../policy/nano/presets.js'
import { withNewExpert } from '../../policy/newPolicy.js'
import { createFeedingSession, createSession } from '../../policy/onnxSession.js'
import { countParameters } from '../../policy/parameters.js'
import {
  loadPolicyData,
  type PolicyData,
  PolicyRuntime,
  policyModel,
  savePolicy,
} from '../../policy/policy.js'
import { differing, policyData } from './fixtures.js'

const root = mkdtempSync(join(tmpdir(), 'presets-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const nano = policyData()
const small = withNewExpert(nano, 'small', 3)
const { chunkSize: H, actionDim: K, width: W } = nanoConfig
const rng = Rng.fromSeed(1)
const normal = (...shape: number[]) =>
  new Tensor('float32', rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b))), shape)
const feeds = {
  hiddenStates: normal(2, hiddenTokens(nanoConfig), W),
  noisyActions: normal(2, H, K),
  timestep: new Tensor('float32', [0.3, 0.8], [2]),
}

/** Weights of a DiT of width d: what the blocks, embeddings and modulations of the formula add up to. */
function weightsOf({ ditLayers: n, ditWidth: d, ditExpansion: e }: DitSizes): number {
  const block = (6 + 4 + 2 * e) * d * d + (6 + 4 + e + 1) * d
  const time = 257 * d + (d + 1) * d
  const actions = (K + 1) * d + (d + 1) * d + H * d
  const output = (d + 1) * 2 * d + (d + 1) * K
  return n * block + time + (W + 1) * d + actions + output
}

describe('presets', () => {
  it('have the sizes that their names promise', () => {
    expect(countParameters(small.parameters, 'dit.')).toBe(weightsOf(presets.small))
    const millions = { small: 7.5, base: 29.6, large: 108.9, 'qwen-vla': 1143 }
    for (const [name, size] of Object.entries(millions))
      expect(weightsOf(presets[name as 'small']) / 1e6, name).toBeCloseTo(size, name === 'qwen-vla' ? 0 : 1)
    const { ditLayers, ditWidth, ditHeads } = presets['qwen-vla']
    expect([ditLayers, ditWidth, ditWidth / ditHeads]).toEqual([16, 1536, 128])
  })

  it('change the action expert and nothing else, back and forth', () => {
    const names = [...nano.parameters.keys()]
    const changed = differing(nano.parameters, small.parameters)
    expect(changed.every((name) => name.startsWith('dit.'))).toBe(true)
    expect(names.filter((name) => !name.startsWith('dit.')).length).toBeGreaterThan(40)
    expect(withPreset(small.manifest.config, 'nano')).toEqual(nanoConfig)
    const back = withNewExpert(small, 'nano', 1)
    expect(back.manifest).toEqual(nano.manifest)
    expect(differing(back.parameters, nano.parameters)).toEqual([])
    expect(() => withPreset(nanoConfig, 'qwen')).toThrow(/unknown preset 'qwen'; nearest known: .*qwen-vla/)
    expect(presetNames[0]).toBe('nano')
  })
})

async function velocity(policy: PolicyData): Promise<Float32Array> {
  const runtime = await PolicyRuntime.create(policy)
  const v = await runtime.velocity(
    2,
    feeds.hiddenStates.data as Float32Array,
    feeds.noisyActions.data as Float32Array,
    Float32Array.of(0.3, 0.8),
  )
  await runtime.release()
  return v
}

describe('weights outside of the graph', () => {
  it('a folder holds them once; it loads to the same policy, and any onnxruntime finds them', async () => {
    const dir = join(root, 'external')
    savePolicy(dir, nano, { externalAbove: 0 })
    expect(readdirSync(dir)).not.toContain('dit.data')
    expect(statSync(join(dir, 'dit.onnx')).size).toBeLessThan(300_000)
    const loaded = loadPolicyData(dir)
    expect(differing(loaded.parameters, nano.parameters)).toEqual([])
    expect(loaded.models).toBeUndefined()
    const session = await InferenceSession.create(join(dir, 'dit.onnx'), { logSeverityLevel: 3 })
    const inside = await createSession(policyModel(nano, 'dit'), 1)
    const [there, here] = [(await session.run(feeds)).velocity, (await inside.run(feeds)).velocity]
    // The number of threads changes the order of sums.
    for (const [i, v] of (here.data as Float32Array).entries())
      expect(Math.abs(v - (there.data as Float32Array)[i])).toBeLessThan(1e-5)
    await Promise.all([session.release(), inside.release()])
  })

  it('an own graph keeps its in a file beside it', async () => {
    const dir = join(root, 'own')
    const models = { dit: policyModel(nano, 'dit') }
    savePolicy(dir, { ...nano, models }, { externalAbove: 0 })
    expect(readdirSync(dir)).toContain('dit.data')
    const loaded = loadPolicyData(dir)
    expect(loaded.models?.dit).toBeDefined()
    expect(differing(loaded.parameters, nano.parameters)).toEqual([])
    expect(await velocity(loaded)).toEqual(await velocity(nano))
  })

  it('a session that is fed them computes what one that holds them does', async () => {
    const model = policyModel(nano, 'dit')
    const [inside, fed] = [await createSession(model, 1), await createFeedingSession(model, 1, 'cpu')]
    const [a, b] = [(await inside.run(feeds)).velocity, (await fed.run(feeds)).velocity]
    // Packed and unpacked weights may be multiplied in another order.
    for (const [i, v] of (a.data as Float32Array).entries())
      expect(Math.abs(v - (b.data as Float32Array)[i])).toBeLessThan(1e-5)
    await Promise.all([inside.release(), fed.release()])
  })
})
