import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createSampler,
  importPolicy,
  localExplorer,
  nanoConfig,
  type PolicyData,
  PolicyRuntime,
  type Sampler,
  savePolicy,
} from '../../policy/index.js'
import { actorFeeds } from '../../rl/actorUpdate.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import { ppoLoss } from '../../rl/losses/ppo.js'
import { explorationPolicy } from '../../rl/rollout/explorationPolicy.js'
import { type LoraSettings, trainableDit } from '../../rl/trainableDit.js'
import { randomPolicy } from './testPolicy.js'

const root = mkdtempSync(join(tmpdir(), 'trainable-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const { imageWidth, imageHeight } = nanoConfig
const policies: Record<string, PolicyData> = {}

beforeAll(async () => {
  policies.nano = randomPolicy(1)
  savePolicy(join(root, 'base'), policies.nano)
  copyFileSync(
    join(import.meta.dirname, '..', 'policy', 'fixtures', 'expert.onnx'),
    join(root, 'expert.onnx'),
  )
  const action_expert = { file: 'expert.onnx', trainable: ['*', '!frequencies'] }
  const manifest = { format: 'vla-gym-expert/1', base: 'base', action_expert }
  writeFileSync(join(root, 'expert.json'), JSON.stringify(manifest))
  policies.imported = await importPolicy(join(root, 'expert.json'))
})

/** Decisions of a policy on noise pictures. */
async function decide(runtime: PolicyRuntime, sampler: Sampler) {
  const episodes = Array.from({ length: 16 }, (_, seed) => ({ task: 'widowx_stack_cube', seed }))
  const { policy, experience } = explorationPolicy(localExplorer(runtime, 'widowx', sampler), episodes)
  const rng = Rng.fromSeed(2)
  const observations = {
    batch: episodes.length,
    episodes: Int32Array.from(episodes, (_, i) => i),
    images: Uint8Array.from({ length: 16 * imageWidth * imageHeight * 3 }, () => rng.integers(0, 256)),
    states: rng.fillNormal(new Float32Array(16 * 14)),
    instructions: episodes.map(() => 'put carrot on plate'),
  }
  for (let decision = 0; decision < 2; decision++) await policy.act(observations, decision)
  return experience.decisions.flat()
}

describe.each<[string, LoraSettings | undefined]>([
  ['nano', undefined],
  ['nano', { rank: 4, seed: 1 }],
  ['imported', undefined],
  ['imported', { rank: 4, seed: 1 }],
])('the action expert %s with adapters %j', (name, lora) => {
  it('has ratio 1 on fresh rollouts, before its first optimiser step and after more of them', async () => {
    const data = policies[name]
    const runtime = await PolicyRuntime.create(data)
    const expert = trainableDit(data, lora)
    const { config } = data.manifest
    const sampler = await createSampler('flow-sde', { config, activeChannels: 7, seed: 1 })
    const actor = await createOrtBackend(ppoLoss(config, expert.model, sampler), {
      loss: 'loss',
      groups: [{ parameters: expert.trained, lr: 'actorLr' }],
      maxGradNorm: 1,
    })
    const step = async (actorLr: number) => {
      const decisions = await decide(runtime, sampler)
      const rows = Uint32Array.from(decisions, (_, i) => i)
      const advantage = Float32Array.from(rows, (row) => Math.sin(row))
      return actor.step({
        ...actorFeeds(decisions, rows, { runtime, embodiment: 'widowx', sampler }),
        advantage: { dtype: 'float32', shape: [rows.length], data: advantage },
        clipRange: 0.2,
        actorLr,
      })
    }
    // Rollouts and updates sum in another order; merged adapters round once more.
    expect((await step(1e-3)).maxLogRatio).toBeLessThan(1e-4)
    await step(1e-3)
    const before = runtime.parameters
    await runtime.setParameters(expert.weights(actor.parameters()), ['dit'])
    const changed = [...before].filter(([weight, tensor]) => runtime.parameters.get(weight) !== tensor)
    expect(changed.length).toBeGreaterThan(0)
    expect((await step(0)).maxLogRatio).toBeLessThan(1e-4)
    await Promise.all([actor.release(), runtime.release()])
  })
})

it('an own graph without weights of the right name says so', () => {
  const model = { name: 'mine', opset: 21, inputs: [], outputs: [], nodes: [], initializers: new Map() }
  expect(() => trainableDit({ ...policies.nano, models: { dit: model } })).toThrow(/no weights to train/)
})
