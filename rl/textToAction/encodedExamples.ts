import {
  actionMask,
  hiddenTokens,
  loadTokenizer,
  type NanoConfig,
  type PolicyData,
  type PolicyRuntime,
  toModelActions,
  toModelStates,
} from '../../policy/index.js'
import type { TextExamples } from './corpus.js'

/** Examples of any embodiments as the model takes them. */
export interface EncodedExamples {
  readonly count: number
  /** [count, promptLength] */
  readonly tokens: BigInt64Array
  /** [count, stateDim] normalised. */
  readonly states: Float32Array
  /** [count, length, K] model space. */
  readonly actions: Float32Array
  /** [count, length, K] 1 where the robot has an action. */
  readonly mask: Float32Array
}

/**
 * Groups of examples as flat arrays.
 * @param config sizes of the action expert that learns from them: `chunkSize` is the examples' length
 */
export function encodeExamples(
  policy: PolicyData,
  groups: readonly TextExamples[],
  config: NanoConfig,
): EncodedExamples {
  const { promptLength, stateDim } = config
  const count = groups.reduce((sum, group) => sum + group.count, 0)
  const chunk = config.chunkSize * config.actionDim
  const out = {
    count,
    tokens: new BigInt64Array(count * promptLength),
    states: new Float32Array(count * stateDim),
    actions: new Float32Array(count * chunk),
    mask: new Float32Array(count * chunk),
  }
  const tokenizer = loadTokenizer(policy.tokenizerJson)
  const tokensOf = new Map<string, BigInt64Array>()
  let row = 0
  for (const group of groups) {
    const entry = policy.manifest.embodiments[group.embodiment]
    out.states.set(toModelStates(group.states, group.count, entry, config), row * stateDim)
    out.actions.set(toModelActions(group.actions, group.count, entry, config), row * chunk)
    const mask = actionMask(entry, config)
    for (const prompt of group.prompts) {
      let tokens = tokensOf.get(prompt)
      if (!tokens) tokensOf.set(prompt, (tokens = tokenizer.encodePrompts([prompt], promptLength)))
      out.tokens.set(tokens, row * promptLength)
      out.mask.set(mask, row * chunk)
      row += 1
    }
  }
  return out
}

/** Every pixel in the middle of its range, so that neither an edge nor a colour is seen. */
const grey = 128

/** Pictures [batch, height, width, 3] of nothing. */
export const noPictures = (batch: number, { imageHeight, imageWidth }: NanoConfig): Uint8Array =>
  new Uint8Array(batch * imageHeight * imageWidth * 3).fill(grey)

/** Rows that the backbone reads at once. */
const encodeBatch = 64

/** Hidden states [count, L, width] of the backbone when it sees nothing. */
export async function encodeWithoutVision(
  runtime: PolicyRuntime,
  { count, states, prompts, embodiment }: TextExamples,
): Promise<Float32Array> {
  const { config } = runtime
  const size = hiddenTokens(config) * config.width
  const { stateDim } = runtime.embodiment(embodiment).description
  const out = new Float32Array(count * size)
  for (let start = 0; start < count; start += encodeBatch) {
    const end = Math.min(start + encodeBatch, count)
    const hiddenStates = await runtime.encode(
      end - start,
      noPictures(end - start, config),
      states.subarray(start * stateDim, end * stateDim),
      prompts.slice(start, end),
      embodiment,
    )
    out.set(hiddenStates, start * size)
  }
  return out
}
