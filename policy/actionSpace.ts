import { UserError } from '@vla-gym/gymnasium'
import { actionBox, type EmbodimentEntry } from './embodiment.js'
import type { NanoConfig } from './nano/config.js'
import { denormalize, normalize } from './normalization.js'

/** Normalised states are clipped here: a channel that was still in the data may move far beyond its range. */
export const stateClip = 3

/** Copies rows [n, from] into zero-padded rows [n, to], or the leading channels when `to` is smaller. */
function resizeRows(rows: Float32Array, from: number, to: number): Float32Array {
  const n = rows.length / from
  const out = new Float32Array(n * to)
  const width = Math.min(from, to)
  for (let row = 0; row < n; row++) out.set(rows.subarray(row * from, row * from + width), row * to)
  return out
}

function checkLength(what: string, rows: Float32Array, expected: number): void {
  if (rows.length !== expected)
    throw new UserError(`${what}: expected ${expected} numbers, got ${rows.length}`)
}

/** Robot-space states [batch, robot stateDim] to the model's [batch, stateDim]: normalised, clipped, padded. */
export function toModelStates(
  states: Float32Array,
  batch: number,
  entry: EmbodimentEntry,
  config: NanoConfig,
): Float32Array {
  const { stateDim } = entry.description
  checkLength(`states of ${batch} x ${stateDim}`, states, batch * stateDim)
  return resizeRows(normalize(states, entry.stateStats, stateClip), stateDim, config.stateDim)
}

/** Robot-space chunks [batch, H, actionDim] to model space [batch, H, K]: normalised, clipped to ±1, padded. */
export function toModelActions(
  actions: Float32Array,
  batch: number,
  entry: EmbodimentEntry,
  config: NanoConfig,
): Float32Array {
  const { actionDim } = entry.description
  checkLength(
    `actions of ${batch} x ${config.chunkSize} x ${actionDim}`,
    actions,
    batch * config.chunkSize * actionDim,
  )
  return resizeRows(normalize(actions, entry.actionStats, 1), actionDim, config.actionDim)
}

/** Model-space chunks [batch, H, K] to robot space [batch, H, actionDim], clipped to the robot's action box. */
export function toRobotActions(
  actions: Float32Array,
  batch: number,
  entry: EmbodimentEntry,
  config: NanoConfig,
): Float32Array {
  const { actionDim } = entry.description
  const size = batch * config.chunkSize * config.actionDim
  checkLength(`model actions of ${batch} x ${config.chunkSize} x ${config.actionDim}`, actions, size)
  const robot = denormalize(resizeRows(actions, config.actionDim, actionDim), entry.actionStats)
  const { low, high } = actionBox(entry.description)
  return robot.map((x, i) => Math.min(high[i % actionDim], Math.max(low[i % actionDim], x)))
}

/** Mask [H, K]: 1 on the robot's own channels of the first `steps` steps, 0 on padding. */
export function actionMask(
  entry: EmbodimentEntry,
  config: NanoConfig,
  steps = config.chunkSize,
): Float32Array {
  const mask = new Float32Array(config.chunkSize * config.actionDim)
  for (let step = 0; step < steps; step++) {
    mask.fill(1, step * config.actionDim, step * config.actionDim + entry.description.actionDim)
  }
  return mask
}
