import type { Rng } from '@vla-gym/gymnasium'
import type { NanoConfig } from '../../policy/index.js'
import type { Feeds } from '../backend/trainingBackend.js'
import { flowTimes } from '../losses/flowTimes.js'
import { type EncodedExamples, noPictures } from './encodedExamples.js'

/** Rows of one kind of examples that go into a minibatch. */
export interface Draw {
  readonly examples: EncodedExamples
  readonly rows: Uint32Array
}

/** `count` rows drawn from some examples. */
export const draw = (examples: EncodedExamples, count: number, rng: Rng): Draw => ({
  examples,
  rows: Uint32Array.from({ length: count }, () => rng.integers(0, examples.count)),
})

/**
 * Inputs of the flow-matching loss from pixels: those of the backbone, with pictures of nothing, then actions, noise
 * and mask [batch, length, K] and timestep [batch].
 * @param config sizes of the action expert that learns: `chunkSize` is the examples' length
 */
export function flowFeeds(draws: readonly Draw[], config: NanoConfig, rng: Rng): Feeds {
  const { chunkSize, actionDim, promptLength, stateDim, imageHeight, imageWidth } = config
  const chunk = chunkSize * actionDim
  const batch = draws.reduce((sum, { rows }) => sum + rows.length, 0)
  const tokens = new BigInt64Array(batch * promptLength)
  const states = new Float32Array(batch * stateDim)
  const actions = new Float32Array(batch * chunk)
  const mask = new Float32Array(batch * chunk)
  let to = 0
  for (const { examples, rows } of draws) {
    for (const from of rows) {
      tokens.set(examples.tokens.subarray(from * promptLength, (from + 1) * promptLength), to * promptLength)
      states.set(examples.states.subarray(from * stateDim, (from + 1) * stateDim), to * stateDim)
      actions.set(examples.actions.subarray(from * chunk, (from + 1) * chunk), to * chunk)
      mask.set(examples.mask.subarray(from * chunk, (from + 1) * chunk), to * chunk)
      to += 1
    }
  }
  const floats = (shape: readonly number[], data: Float32Array) =>
    ({ dtype: 'float32', shape: [batch, ...shape], data }) as const
  const pictures = noPictures(batch, config)
  return {
    image: { dtype: 'uint8', shape: [batch, imageHeight, imageWidth, 3], data: pictures },
    state: floats([stateDim], states),
    promptTokens: { dtype: 'int64', shape: [batch, promptLength], data: tokens },
    promptIndex: {
      dtype: 'int64',
      shape: [batch],
      data: BigInt64Array.from({ length: batch }, (_, row) => BigInt(row)),
    },
    actions: floats([chunkSize, actionDim], actions),
    mask: floats([chunkSize, actionDim], mask),
    noise: floats([chunkSize, actionDim], rng.fillNormal(new Float32Array(batch * chunk))),
    timestep: floats([], flowTimes(batch, rng)),
  }
}
