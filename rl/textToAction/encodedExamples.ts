import {
  actionMask,
  hiddenTokens,
  type NanoConfig,
  type PolicyRuntime,
  toModelActions,
} from '../../policy/index.js'
import type { TextExamples } from './corpus.js'

/** Examples of any embodiments as the action expert takes them. */
export interface EncodedExamples {
  readonly count: number
  /** [count, L, width] */
  readonly hiddenStates: Float32Array
  /** [count, length, K] model space. */
  readonly actions: Float32Array
  /** [count, length, K] 1 where the robot has an action. */
  readonly mask: Float32Array
}

/** No picture: every pixel in the middle of its range, so that neither an edge nor a colour is seen. */
const grey = 128
const encodeBatch = 64

/** Hidden states [count, L, width] of the backbone when it sees nothing. */
export async function encodeWithoutVision(
  runtime: PolicyRuntime,
  { count, states, prompts, embodiment }: TextExamples,
): Promise<Float32Array> {
  const { config } = runtime
  const size = hiddenTokens(config) * config.width
  const { stateDim } = runtime.embodiment(embodiment).description
  const pictures = new Uint8Array(encodeBatch * config.imageWidth * config.imageHeight * 3).fill(grey)
  const out = new Float32Array(count * size)
  for (let start = 0; start < count; start += encodeBatch) {
    const end = Math.min(start + encodeBatch, count)
    const rows = end - start
    const hiddenStates = await runtime.encode(
      rows,
      pictures.subarray(0, (rows * pictures.length) / encodeBatch),
      states.subarray(start * stateDim, end * stateDim),
      prompts.slice(start, end),
      embodiment,
    )
    out.set(hiddenStates, start * size)
  }
  return out
}

/**
 * Encodes examples group by group into flat arrays.
 * @param config the sizes of the action expert that learns from them: `chunkSize` is the examples' length
 */
export async function encodeExamples(
  runtime: PolicyRuntime,
  groups: readonly TextExamples[],
  config: NanoConfig,
): Promise<EncodedExamples> {
  const count = groups.reduce((sum, group) => sum + group.count, 0)
  const size = hiddenTokens(config) * config.width
  const chunk = config.chunkSize * config.actionDim
  const out = {
    count,
    hiddenStates: new Float32Array(count * size),
    actions: new Float32Array(count * chunk),
    mask: new Float32Array(count * chunk),
  }
  let row = 0
  for (const group of groups) {
    const entry = runtime.embodiment(group.embodiment)
    out.hiddenStates.set(await encodeWithoutVision(runtime, group), row * size)
    out.actions.set(toModelActions(group.actions, group.count, entry, config), row * chunk)
    const mask = actionMask(entry, config)
    for (const end = row + group.count; row < end; row++) out.mask.set(mask, row * chunk)
  }
  return out
}
