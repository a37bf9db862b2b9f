import { Rng, UserError } from '@vla-gym/gymnasium'
import {
  actionMask,
  checkDevice,
  hiddenTokens,
  loadPolicyData,
  loadTokenizer,
  type PolicyData,
  PolicyRuntime,
  policyModel,
  quantileStats,
  toModelActions,
  toModelStates,
  weightNames,
} from '../../policy/index.js'
import { createOrtBackend } from '../backend/ortBackend.js'
import type { Feeds } from '../backend/trainingBackend.js'
import { resolvePolicyDir } from '../checkpoint.js'
import { checkStatistics, loadDataset } from '../dataset.js'
import { encodeFrames, framesOf, gather, splitHeldOut } from '../frames.js'
import { flowMatchingLoss, jointFlowMatchingLoss } from '../losses/flowMatching.js'
import { flowTimes } from '../losses/flowTimes.js'
import { openRunFolder } from '../runFolder.js'
import { trainableDit } from '../trainableDit.js'
import { backendSettings, type MemorySettings, policyWeights, settingsInUse } from './backendSettings.js'
import { backboneFeeds, minibatchRows, type StageOptions } from './grounding.js'
import { optimiserOptions, trainSupervised } from './supervised.js'

/** Settings of `train sft`. The descriptions are the command's help. */
export const sftOptions = {
  steps: { default: 1500, help: 'optimiser steps' },
  frameStride: { default: 1, help: 'every so many control steps a chunk is learnt from' },
  batchSize: { default: 128, help: 'frames in a minibatch' },
  ...optimiserOptions,
} as const

export type SftConfig = { -readonly [K in keyof typeof sftOptions]: number }

export interface SftStageOptions extends StageOptions, MemorySettings {
  readonly config: SftConfig
  readonly init: string
  readonly backbone: 'frozen' | 'train'
  readonly loraRank?: number
}

/** Rows that are evaluated at once. */
const heldOutBatch = 128

/**
 * Supervised fine-tuning on expert demonstrations by flow matching. With `backbone: 'frozen'` the hidden states
 * of all frames are computed once and only the DiT is trained, or with `loraRank` low-rank adapters of it.
 */
export async function trainSft(options: SftStageOptions): Promise<Record<string, number>> {
  const { config, seed } = options
  const joint = options.backbone === 'train'
  if (joint && options.microBatch !== undefined)
    throw new UserError('micro-batches need a frozen backbone: leave one of --micro-batch and --backbone out')
  await checkDevice(options.device)
  const initDir = resolvePolicyDir(options.init)
  const dataset = await loadDataset(options.data)
  const { embodiment, actionDim } = dataset.info
  const loaded = loadPolicyData(initDir)
  const known = loaded.manifest.embodiments[embodiment]
  if (!known)
    throw new UserError(`${options.init}: the policy does not know the dataset's embodiment '${embodiment}'`)
  checkStatistics(dataset, known, options.init)
  const { training, heldOut } = splitHeldOut(dataset.demonstrations)
  const frames = await framesOf(
    dataset,
    training,
    known.description,
    loaded.manifest.config,
    config.frameStride,
  )
  const heldOutFrames = await framesOf(
    dataset,
    heldOut,
    known.description,
    loaded.manifest.config,
    config.frameStride,
  )
  // The backbone was grounded with its own state statistics: they stay; the actions are this dataset's.
  const entry = { ...known, actionStats: quantileStats(frames.actions, actionDim) }
  const initial: PolicyData = {
    ...loaded,
    manifest: { ...loaded.manifest, embodiments: { ...loaded.manifest.embodiments, [embodiment]: entry } },
  }
  const nano = initial.manifest.config

  const run = openRunFolder(options.out, {
    stage: 'sft',
    init: options.init,
    data: options.data,
    backbone: options.backbone,
    seed,
    ...(options.loraRank !== undefined && { loraRank: options.loraRank }),
    ...settingsInUse(options),
    ...config,
  })
  const expert = trainableDit(initial, options.loraRank ? { rank: options.loraRank, seed } : undefined)
  const backbone = joint ? policyModel(initial, 'backbone') : null
  const forward = backbone
    ? jointFlowMatchingLoss(nano, backbone, expert.model)
    : flowMatchingLoss(nano, expert.model)
  const backboneWeights = backbone ? weightNames(backbone, 'backbone') : []
  const trained = [...backboneWeights, ...expert.trained]
  const backend = await createOrtBackend(forward, {
    loss: 'loss',
    groups: [{ parameters: trained, lr: 'lr' }],
    maxGradNorm: config.maxGradNorm,
    beta2: 0.99,
    threads: options.threads,
    device: options.device,
    ...backendSettings(options),
  })
  // Kept until the next step: merging adapters into large weights takes time and memory.
  let current: PolicyData | null = null
  const policy = (): PolicyData => {
    current ??= trainedPolicy()
    return current
  }
  const trainedPolicy = (): PolicyData => {
    const values = backend.parameters(policyWeights(options))
    const ofBackbone = backboneWeights.map((name) => [name, values.get(name)!] as const)
    for (const name of backboneWeights) values.delete(name)
    return {
      ...initial,
      parameters: new Map([...initial.parameters, ...ofBackbone, ...expert.weights(values)]),
    }
  }

  const hiddenSize = hiddenTokens(nano) * nano.width
  const frozen = joint
    ? null
    : await withRuntime(initial, options, async (runtime) => ({
        training: await encodeFrames(runtime, frames, embodiment),
        heldOut: await encodeFrames(runtime, heldOutFrames, embodiment),
      }))
  const states = toModelStates(frames.states, frames.count, entry, nano)
  const tokens = loadTokenizer(initial.tokenizerJson).encodePrompts(frames.prompts, nano.promptLength)
  const contextFeeds = (rows: ArrayLike<number>): Feeds => {
    if (!frozen) return backboneFeeds(frames, rows, tokens, states, nano)
    const shape = [rows.length, hiddenTokens(nano), nano.width]
    return { hiddenStates: { dtype: 'float32', shape, data: gather(frozen.training, rows, hiddenSize) } }
  }
  const chunk = nano.chunkSize * nano.actionDim
  const mask = actionMask(entry, nano)
  const flowFeeds = (actions: Float32Array, rows: ArrayLike<number>, rng: Rng): Feeds => {
    const tensor = (data: Float32Array) =>
      ({ dtype: 'float32', shape: [rows.length, nano.chunkSize, nano.actionDim], data }) as const
    const masks = new Float32Array(rows.length * chunk)
    for (let i = 0; i < rows.length; i++) masks.set(mask, i * chunk)
    const timestep = flowTimes(rows.length, rng)
    return {
      actions: tensor(gather(actions, rows, chunk)),
      noise: tensor(rng.fillNormal(new Float32Array(rows.length * chunk))),
      mask: tensor(masks),
      timestep: { dtype: 'float32', shape: [rows.length], data: timestep },
    }
  }
  const actions = toModelActions(frames.actions, frames.count, entry, nano)
  const heldOutActions = toModelActions(heldOutFrames.actions, heldOutFrames.count, entry, nano)

  const result = await trainSupervised({
    stage: 'sft',
    run,
    backend,
    steps: config.steps,
    lr: config.lr,
    warmupSteps: config.warmupSteps,
    evaluateEvery: config.evaluateEvery,
    signal: options.signal,
    onProgress: options.onProgress,
    policy,
    batch(step) {
      current = null
      const rows = minibatchRows(seed, step, config.batchSize, frames.count)
      return { ...contextFeeds(rows), ...flowFeeds(actions, rows, Rng.fromSeed(seed, 'flow', step)) }
    },
    async evaluate() {
      return { heldOutFlowLoss: await heldOutLoss() }
    },
  })
  await backend.release()
  run.metrics.close()
  return result

  /** Flow-matching loss on held-out demonstrations, the same noise every time. */
  async function heldOutLoss(): Promise<number> {
    const rows = minibatchRows(seed, -1, Math.min(512, 4 * heldOutFrames.count), heldOutFrames.count)
    const feeds = flowFeeds(heldOutActions, rows, Rng.fromSeed(seed, 'held-out'))
    const [a, noise, t] = [feeds.actions, feeds.noise, feeds.timestep].map(
      (x) => (x as { data: Float32Array }).data,
    )
    const x = a.map(
      (value, i) => (1 - t[Math.floor(i / chunk)]) * value + t[Math.floor(i / chunk)] * noise[i],
    )
    const velocity = new Float32Array(x.length)
    await withRuntime(policy(), options, async (runtime) => {
      const hiddenStates = frozen?.heldOut ?? (await encodeFrames(runtime, heldOutFrames, embodiment))
      for (let start = 0; start < rows.length; start += heldOutBatch) {
        const part = rows.subarray(start, start + heldOutBatch)
        const [from, to] = [start * chunk, (start + part.length) * chunk]
        const context = gather(hiddenStates, part, hiddenSize)
        const times = t.subarray(start, start + part.length)
        velocity.set(await runtime.velocity(part.length, context, x.subarray(from, to), times), from)
      }
    })
    let sum = 0
    let count = 0
    for (let i = 0; i < velocity.length; i++) {
      if (mask[i % chunk] === 0) continue
      sum += (velocity[i] - (noise[i] - a[i])) ** 2
      count += 1
    }
    return sum / count
  }
}

export async function withRuntime<T>(
  data: PolicyData,
  { threads, device }: Pick<StageOptions, 'threads' | 'device'>,
  use: (runtime: PolicyRuntime) => Promise<T>,
): Promise<T> {
  const runtime = await PolicyRuntime.create(data, { threads, device })
  try {
    return await use(runtime)
  } finally {
    await runtime.release()
  }
}
