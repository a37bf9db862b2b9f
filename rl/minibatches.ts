import type { Rng } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import { hiddenTokens, type NanoConfig } from '../policy/index.js'
import type { DecisionRecord } from './rollout/explorationPolicy.js'

/** Shuffled index lists that together cover every row once. */
export function* minibatches(size: number, minibatchSize: number, rng: Rng): Generator<Uint32Array> {
  const order = rng.shuffle(Uint32Array.from({ length: size }, (_, i) => i))
  const count = size === 0 ? 0 : Math.max(1, Math.round(size / minibatchSize))
  for (let i = 0; i < count; i++) {
    yield order.subarray(Math.floor((i * size) / count), Math.floor(((i + 1) * size) / count))
  }
}

/** One number for every row of a minibatch. */
export const floats = (rows: Uint32Array, value: (row: number) => number): TensorData => ({
  dtype: 'float32',
  shape: [rows.length],
  data: Float32Array.from(rows, value),
})

/** Hidden states of a minibatch, [rows, L, width]. */
export function stackHiddenStates(
  decisions: readonly DecisionRecord[],
  rows: Uint32Array,
  config: NanoConfig,
): TensorData {
  const tokens = hiddenTokens(config)
  const data = new Float32Array(rows.length * tokens * config.width)
  rows.forEach((row, i) => {
    data.set(decisions[row].hiddenStates, i * tokens * config.width)
  })
  return { dtype: 'float32', shape: [rows.length, tokens, config.width], data }
}
