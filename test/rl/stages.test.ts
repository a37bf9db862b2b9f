import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadPolicyData, nanoConfig } from '../../policy/index.js'
import { lastCheckpoint, loadTrainingState } from '../../rl/checkpoint.js'
import { collect } from '../../rl/collect.js'
import { loadDataset } from '../../rl/dataset.js'
import { findSuite } from '../../rl/evaluate.js'
import { framesOf, splitHeldOut } from '../../rl/frames.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import {
  type GroundingConfig,
  groundingError,
  groundingOptions,
  policyFor,
  trainGrounding,
} from '../../rl/stages/grounding.js'
import { type SftConfig, sftOptions, trainSft } from '../../rl/stages/sft.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-stages-'))
const at = (name: string) => join(root, name)
const data = at('data')
const pool = new RolloutPool(1)
afterAll(async () => {
  await pool.close()
  rmSync(root, { recursive: true, force: true })
})

const defaults = <T>(options: Record<string, { default: number }>) =>
  Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.default])) as T
const groundingConfig: GroundingConfig = {
  ...defaults<GroundingConfig>(groundingOptions),
  steps: 30,
  batchSize: 32,
  frameStride: 2,
  warmupSteps: 5,
}
const sftConfig: SftConfig = {
  ...defaults<SftConfig>(sftOptions),
  frameStride: 2,
  batchSize: 16,
  warmupSteps: 2,
}
// One thread: sums over several threads need not come in the same order.
const stage = { data, seed: 0, threads: 1 }

beforeAll(async () => {
  const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
  await collect(pool, {
    suite: findSuite('simpler-widowx'),
    tasks: ['widowx_stack_cube'],
    episodes: 12,
    seed: 0,
    image: { width, height, crop },
    distractors: false,
    maxNoise: 0.25,
    stepsAfterSuccess: 4,
    out: data,
  })
})

/** Bytes of the trained weights, by name. */
function weightsOf(run: string): Record<string, string> {
  const { parameters } = loadPolicyData(lastCheckpoint(run)!)
  return Object.fromEntries(
    [...parameters].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('base64')]),
  )
}

/** Bytes of everything in the training state, by name. */
function stateOf(run: string): Record<string, string> {
  const { tensors } = loadTrainingState(lastCheckpoint(run)!)
  return Object.fromEntries(
    [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('base64')]),
  )
}

/** Runs a stage that is stopped at its first held-out evaluation, then the same stage again to its end. */
async function interrupted(run: (signal?: AbortSignal, onProgress?: () => void) => Promise<unknown>) {
  const controller = new AbortController()
  const stop = () => controller.abort(new Error('stopped'))
  await expect(run(controller.signal, stop)).rejects.toThrow('stopped')
  await run()
}

const steps = (run: string) =>
  new Set(
    readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).step as number),
  )

describe('grounding', () => {
  it('lowers the held-out error in 30 steps', async () => {
    const dataset = await loadDataset(data)
    const policy = policyFor(dataset, nanoConfig, stage.seed)
    const { heldOut } = splitHeldOut(dataset.demonstrations)
    const { description } = policy.manifest.embodiments.widowx
    const frames = await framesOf(dataset, heldOut, description, nanoConfig, 2)
    const before = await groundingError(policy, frames, 'widowx', 1)
    const after = await trainGrounding({ ...stage, out: at('grounding'), config: groundingConfig })
    expect(after.heldOutSourceRmseMm).toBeLessThan(0.8 * before.heldOutSourceRmseMm)
    expect(after.heldOutTargetRmseMm).toBeLessThan(0.9 * before.heldOutTargetRmseMm)
    expect(after.heldOutSourceMedianMm).toBeGreaterThan(0)
  })

  it('stopped and resumed, ends with the very same weights', async () => {
    const config = { ...groundingConfig, steps: 6, evaluateEvery: 3, batchSize: 8 }
    await trainGrounding({ ...stage, out: at('straight'), config })
    await interrupted((signal, onProgress) =>
      trainGrounding({ ...stage, out: at('resumed'), config, signal, onProgress }),
    )
    expect(weightsOf(at('resumed'))).toEqual(weightsOf(at('straight')))
    expect(steps(at('resumed'))).toEqual(steps(at('straight')))
    await expect(
      trainGrounding({ ...stage, out: at('resumed'), config: { ...config, lr: 1 } }),
    ).rejects.toThrow(/config.json: 'lr' was 0.001, now 1/)
    rmSync(join(at('resumed'), 'config.json'))
    await expect(trainGrounding({ ...stage, out: at('resumed'), config })).rejects.toThrow(
      /resumed: has checkpoints but no config.json/,
    )
  })

  it('goes on from the backbone of a policy, and leaves its action expert as it is', async () => {
    const config = { ...groundingConfig, steps: 2, lr: 1e-12, warmupSteps: 0, batchSize: 8 }
    const init = at('grounding')
    const result = await trainGrounding({ ...stage, out: at('onward'), init, config })
    const dataset = await loadDataset(data)
    const policy = loadPolicyData(lastCheckpoint(init)!)
    const { heldOut } = splitHeldOut(dataset.demonstrations)
    const frames = await framesOf(
      dataset,
      heldOut,
      policy.manifest.embodiments.widowx.description,
      nanoConfig,
      2,
    )
    const before = await groundingError(policy, frames, 'widowx', 1)
    expect(result.heldOutSourceRmseMm).toBeCloseTo(before.heldOutSourceRmseMm, 3)
    const [of, then] = [weightsOf(init), weightsOf(at('onward'))]
    for (const name of Object.keys(of)) if (name.startsWith('dit.')) expect(then[name]).toBe(of[name])
  })
})

describe('supervised fine-tuning', () => {
  const init = at('grounding')
  const isDit = (name: string) => name.startsWith('dit.')

  it('with a frozen backbone lowers the held-out loss and changes the DiT only', async () => {
    const config = { ...sftConfig, steps: 20, evaluateEvery: 10 }
    const losses: number[] = []
    const onProgress = (_: number, fields: Record<string, number>) => {
      if (fields.heldOutFlowLoss) losses.push(fields.heldOutFlowLoss)
    }
    await trainSft({ ...stage, out: at('sft'), init, backbone: 'frozen', config, onProgress })
    expect(losses.at(-1)).toBeLessThan(losses[0])
    const [before, after] = [weightsOf(init), weightsOf(at('sft'))]
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const name of Object.keys(after)) if (!isDit(name)) expect(after[name], name).toBe(before[name])
    expect(Object.keys(after).filter((name) => isDit(name) && after[name] === before[name])).toEqual([])
  })

  it('stopped and resumed, ends with the very same weights', async () => {
    const config = { ...sftConfig, steps: 8, evaluateEvery: 4 }
    const run = { ...stage, init, backbone: 'frozen', config } as const
    await trainSft({ ...run, out: at('sft-straight') })
    await interrupted((signal, onProgress) =>
      trainSft({ ...run, out: at('sft-resumed'), signal, onProgress }),
    )
    expect(weightsOf(at('sft-resumed'))).toEqual(weightsOf(at('sft-straight')))
  })

  it('with a moving average saves that, and stopped and resumed, ends with the very same bytes', async () => {
    const config = { ...sftConfig, steps: 8, evaluateEvery: 4 }
    const run = { ...stage, init, backbone: 'frozen', config, ema: 0.8 } as const
    await trainSft({ ...run, out: at('ema-straight') })
    await interrupted((signal, onProgress) =>
      trainSft({ ...run, out: at('ema-resumed'), signal, onProgress }),
    )
    expect(weightsOf(at('ema-resumed'))).toEqual(weightsOf(at('ema-straight')))
    const [straight, resumed] = ['ema-straight', 'ema-resumed'].map((name) => stateOf(at(name)))
    expect(resumed).toEqual(straight)
    const saved = weightsOf(at('ema-straight'))
    const trained = Object.keys(saved).filter(isDit)
    for (const name of trained) expect(saved[name], name).toBe(straight[`ema.${name}`])
    // The same steps as without an average: it only watches.
    const plain = weightsOf(at('sft-straight'))
    for (const name of trained) expect(straight[name], name).toBe(plain[name])
    for (const name of trained) expect(saved[name], name).not.toBe(plain[name])
    await expect(trainSft({ ...run, out: at('ema-resumed'), ema: 0.9 })).rejects.toThrow(
      /'ema' was 0.8, now 0.9/,
    )
  })

  it('in micro-batches, activations computed again, takes the same steps', async () => {
    const config = { ...sftConfig, steps: 8, evaluateEvery: 4 }
    const run = { ...stage, init, backbone: 'frozen', config } as const
    const plain = await trainSft({ ...run, out: at('whole') })
    const lean = await trainSft({ ...run, out: at('lean'), microBatch: 5, recompute: 1 })
    // Sums in another order: float32 rounding, grown over eight steps of AdamW.
    expect(Math.abs(lean.heldOutFlowLoss / plain.heldOutFlowLoss - 1)).toBeLessThan(1e-3)
    await expect(trainSft({ ...run, out: at('joint'), backbone: 'train', microBatch: 5 })).rejects.toThrow(
      /--micro-batch and --backbone/,
    )
  })

  it('trains the backbone too when asked', async () => {
    const config = { ...sftConfig, steps: 4 }
    await trainSft({ ...stage, out: at('joint'), init, backbone: 'train', config })
    const [before, after] = [weightsOf(init), weightsOf(at('joint'))]
    const changed = Object.keys(after).filter((name) => after[name] !== before[name])
    for (const prefix of ['backbone.', 'dit.'])
      expect(changed.some((name) => name.startsWith(prefix))).toBe(true)
    for (const name of changed) expect(name).toMatch(/^(backbone|dit)\./)
    await expect(trainSft({ ...stage, out: at('joint'), init, backbone: 'frozen', config })).rejects.toThrow(
      /'backbone' was "train", now "frozen"/,
    )
  })
})
