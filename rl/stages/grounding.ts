import { Rng, UserError } from '@vla-gym/gymnasium'
import { embodiments } from '../../envs/index.js'
import {
  checkDevice,
  type Device,
  decodeGrounding,
  encodeGrounding,
  groundingSize,
  loadPolicyData,
  loadTokenizer,
  type NanoConfig,
  nanoConfig,
  newPolicy,
  ParameterStore,
  type PolicyData,
  PolicyRuntime,
  toModelStates,
} from '../../policy/index.js'
import { createOrtBackend } from '../backend/ortBackend.js'
import { resolvePolicyDir } from '../checkpoint.js'
import { checkStatistics, type Dataset, groundingKey, loadDataset } from '../dataset.js'
import { encodeFrames, type Frames, framesOf, gather, splitHeldOut } from '../frames.js'
import { groundingLoss } from '../losses/grounding.js'
import { labelDim } from '../rollout/scripted.js'
import { openRunFolder } from '../runFolder.js'
import { type AverageSettings, backendSettings, policyWeights, settingsInUse } from './backendSettings.js'
import { optimiserOptions, trainSupervised } from './supervised.js'

/** Settings of `train grounding`. The descriptions are the command's help. */
export const groundingOptions = {
  steps: { default: 2000, help: 'optimiser steps' },
  frameStride: { default: 1, help: 'every so many control steps a frame is learnt from' },
  batchSize: { default: 128, help: 'images in a minibatch' },
  ...optimiserOptions,
} as const

export type GroundingConfig = { -readonly [K in keyof typeof groundingOptions]: number }

export interface StageOptions extends AverageSettings {
  readonly data: string
  readonly out: string
  readonly seed: number
  readonly threads: number
  readonly device?: Device
  readonly signal?: AbortSignal
  onProgress?(step: number, fields: Record<string, number>): void
}

/** A new policy with random weights and the statistics of a dataset. */
export function policyFor(dataset: Dataset, config: NanoConfig, seed: number): PolicyData {
  const { embodiment, actionStats, stateStats } = dataset.info
  const entry = { description: embodiments.get(embodiment)!, actionStats, stateStats }
  return newPolicy(config, { [embodiment]: entry }, seed)
}

/** Inputs of the backbone for some rows of the frames, each of their prompts once. */
export function backboneFeeds(
  frames: Frames,
  rows: ArrayLike<number>,
  tokens: BigInt64Array,
  states: Float32Array,
  config: NanoConfig,
) {
  const { imageHeight, imageWidth, promptLength, stateDim } = config
  const batch = rows.length
  const prompts = [...new Set(Array.from(rows, (row) => frames.promptIndex[row]))]
  const placeOf = new Map(prompts.map((prompt, place) => [prompt, BigInt(place)]))
  return {
    image: {
      dtype: 'uint8',
      shape: [batch, imageHeight, imageWidth, 3],
      data: gather(frames.images, rows, imageHeight * imageWidth * 3),
    },
    state: { dtype: 'float32', shape: [batch, stateDim], data: gather(states, rows, stateDim) },
    promptTokens: {
      dtype: 'int64',
      shape: [prompts.length, promptLength],
      data: BigInt64Array.from(
        prompts.flatMap((row) => [...tokens.subarray(row * promptLength, (row + 1) * promptLength)]),
      ),
    },
    promptIndex: {
      dtype: 'int64',
      shape: [batch],
      data: BigInt64Array.from(rows, (row) => placeOf.get(frames.promptIndex[row])!),
    },
  } as const
}

/** The rows of a step's minibatch, from the seed and the step alone. */
export function minibatchRows(seed: number, step: number, batchSize: number, count: number): Uint32Array {
  const rng = Rng.fromSeed(seed, 'minibatch', step)
  return Uint32Array.from({ length: batchSize }, () => rng.integers(0, count))
}

export interface GroundingStageOptions extends StageOptions {
  readonly config: GroundingConfig
  /** Policy whose backbone is trained on, with the statistics that it has; absent: a new one. */
  readonly init?: string
}

/** Trains the backbone to say where the things named by the instruction are. */
export async function trainGrounding(options: GroundingStageOptions): Promise<Record<string, number>> {
  const { config, seed } = options
  await checkDevice(options.device)
  const dataset = await loadDataset(options.data)
  const initial = options.init
    ? loadPolicyData(resolvePolicyDir(options.init))
    : policyFor(dataset, nanoConfig, seed)
  const nano = initial.manifest.config
  const entry = initial.manifest.embodiments[dataset.info.embodiment]
  if (!entry)
    throw new UserError(
      `${options.init}: the policy does not know the dataset's embodiment '${dataset.info.embodiment}'`,
    )
  if (options.init) checkStatistics(dataset, entry, options.init)
  const { training, heldOut } = splitHeldOut(dataset.demonstrations)
  const frames = await framesOf(dataset, training, entry.description, nano, config.frameStride)
  const heldOutFrames = await framesOf(dataset, heldOut, entry.description, nano, config.frameStride)
  if (frames.labels.length === 0)
    throw new UserError(`${options.data}: no feature '${groundingKey}', which grounding learns`)
  const states = toModelStates(frames.states, frames.count, entry, nano)
  const tokens = loadTokenizer(initial.tokenizerJson).encodePrompts(frames.prompts, nano.promptLength)
  const labels = encodedLabels(frames)

  const run = openRunFolder(options.out, {
    stage: 'grounding',
    ...(options.init !== undefined && { init: options.init }),
    data: options.data,
    seed,
    ...settingsInUse(options),
    ...config,
  })
  const store = new ParameterStore(initial.parameters, null)
  const forward = groundingLoss(nano, store)
  const backend = await createOrtBackend(forward, {
    loss: 'loss',
    groups: [
      {
        parameters: [...forward.initializers.keys()].filter((name) => initial.parameters.has(name)),
        lr: 'lr',
      },
    ],
    maxGradNorm: config.maxGradNorm,
    beta2: 0.99,
    threads: options.threads,
    device: options.device,
    ...backendSettings({ ema: options.ema }),
  })
  const policy = (): PolicyData => ({
    ...initial,
    parameters: new Map([...initial.parameters, ...backend.parameters(policyWeights(options))]),
  })
  const result = await trainSupervised({
    stage: 'grounding',
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
      const rows = minibatchRows(seed, step, config.batchSize, frames.count)
      return {
        ...backboneFeeds(frames, rows, tokens, states, nano),
        labels: {
          dtype: 'float32',
          shape: [rows.length, groundingSize],
          data: gather(labels, rows, groundingSize),
        },
      }
    },
    evaluate: () =>
      groundingError(policy(), heldOutFrames, dataset.info.embodiment, options.threads, options.device),
  })
  await backend.release()
  run.metrics.close()
  return result
}

function encodedLabels(frames: Frames): Float32Array {
  const out = new Float32Array(frames.count * groundingSize)
  for (let row = 0; row < frames.count; row++) {
    const label = frames.labels.subarray(row * labelDim, (row + 1) * labelDim)
    const [source, target] = [label.subarray(0, 3), label.subarray(3, 6)].map((xyz) => [...xyz])
    out.set(encodeGrounding({ source, target, sourceYaw: label[6], grasped: label[7] }), row * groundingSize)
  }
  return out
}

/** Held-out localisation error in millimetres: per axis and thing root mean square, and median distance. */
export async function groundingError(
  data: PolicyData,
  frames: Frames,
  embodiment: string,
  threads: number,
  device?: Device,
): Promise<Record<string, number>> {
  const runtime = await PolicyRuntime.create(data, { threads, device })
  const squares = { source: 0, target: 0 }
  const distances: number[] = []
  const predictions = await runtime.grounding(frames.count, await encodeFrames(runtime, frames, embodiment))
  for (let row = 0; row < frames.count; row++) {
    const predicted = decodeGrounding(predictions.subarray(row * groundingSize, (row + 1) * groundingSize))
    const label = frames.labels.subarray(row * labelDim, (row + 1) * labelDim)
    for (const [thing, offset] of [
      ['source', 0],
      ['target', 3],
    ] as const) {
      const squared = predicted[thing].reduce((sum, p, axis) => sum + (p - label[offset + axis]) ** 2, 0)
      squares[thing] += squared
      if (thing === 'source') distances.push(1000 * Math.sqrt(squared))
    }
  }
  await runtime.release()
  distances.sort((a, b) => a - b)
  const rmse = (sum: number) => 1000 * Math.sqrt(sum / (3 * frames.count))
  return {
    heldOutSourceRmseMm: rmse(squares.source),
    heldOutTargetRmseMm: rmse(squares.target),
    heldOutSourceMedianMm: distances[Math.floor(distances.length / 2)],
  }
}
