import { Rng } from '@vla-gym/gymnasium'
import type { Model, TensorData } from '@vla-gym/onnx-grad'
import {
  countParameters,
  ditModel,
  hiddenTokens,
  initParameters,
  type NanoConfig,
  nanoConfig,
  nanoConfigWith,
  type Parameters,
  presets,
} from '../../policy/index.js'
import type { Feeds } from '../../rl/backend/trainingBackend.js'
import { flowMatchingLoss } from '../../rl/losses/flowMatching.js'

interface Size {
  readonly config: NanoConfig
  readonly batch: number
}

/** 80 tokens a sample: 64 hidden states and a chunk of 16 actions. */
const longer = { hiddenTokens: 64, chunkSize: 16 }
const nanoTokens = hiddenTokens(nanoConfig) + nanoConfig.chunkSize

/** What `bench train` times, by the name of the result: the action expert that policies have, in several sizes. */
export const trainingSizes: Readonly<Record<string, Size>> = {
  [`train/nano-dit/batch-32x${nanoTokens}`]: { config: nanoConfig, batch: 32 },
  [`train/nano-dit/batch-256x${nanoTokens}`]: { config: nanoConfig, batch: 256 },
  'train/1M': { config: nanoConfigWith({ ...longer, ditLayers: 3, ditWidth: 128, ditHeads: 4 }), batch: 32 },
  'train/7M': { config: nanoConfigWith({ ...longer, ...presets.small }), batch: 32 },
  'train/28M': { config: nanoConfigWith({ ...longer, ...presets.base }), batch: 32 },
}

export const learningRate = 1e-4
export const maxGradNorm = 1

/** One step's work: flow-matching loss, backward, clipping by norm, AdamW. */
export interface TrainingProblem {
  readonly config: NanoConfig
  readonly forward: Model
  readonly parameters: Parameters
  readonly parameterCount: number
  readonly feeds: Feeds & Record<string, TensorData>
}

export function trainingProblem(name: string, seed: number): TrainingProblem {
  const { config, batch } = trainingSizes[name]
  const parameters = initParameters(config, seed, ['dit'])
  const rng = Rng.fromSeed(seed, 'bench')
  const tensor = (shape: readonly number[], fill: (data: Float32Array) => Float32Array): TensorData => ({
    dtype: 'float32',
    shape,
    data: fill(new Float32Array(shape.reduce((a, b) => a * b))),
  })
  const normal = (data: Float32Array) => rng.fillNormal(data)
  const chunk = [batch, config.chunkSize, config.actionDim]
  return {
    config,
    parameters,
    forward: flowMatchingLoss(config, ditModel(config, parameters)),
    parameterCount: countParameters(parameters),
    feeds: {
      hiddenStates: tensor([batch, hiddenTokens(config), config.width], normal),
      actions: tensor(chunk, normal),
      noise: tensor(chunk, normal),
      mask: tensor(chunk, (data) => data.fill(1)),
      timestep: tensor([batch], (data) => data.map(() => rng.uniform())),
    },
  }
}
