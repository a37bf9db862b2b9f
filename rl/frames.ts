import { UserError } from '@vla-gym/gymnasium'
import { decodePng } from '../policy/images/png.js'
import {
  type Embodiment,
  embodimentPrompt,
  hiddenTokens,
  type NanoConfig,
  type PolicyRuntime,
} from '../policy/index.js'
import type { Dataset, DatasetInfo, Demonstration } from './dataset.js'
import { visitImages } from './lerobot/read.js'
import { infoFile } from './lerobot/schema.js'
import { labelDim } from './rollout/scripted.js'

/** Every kept frame of a dataset as flat arrays, one row a frame. */
export interface Frames {
  readonly count: number
  /** [count, height, width, 3] */
  readonly images: Uint8Array
  /** [count, stateDim] robot units. */
  readonly states: Float32Array
  /** [count, labelDim], or empty where the dataset has no grounding labels. */
  readonly labels: Float32Array
  /** Distinct embodiment prompts, and which of them each row has. */
  readonly prompts: readonly string[]
  readonly promptIndex: Int32Array
  /** [count, H, actionDim] the expert's actions from each frame on; after the last one the arm holds still. */
  readonly actions: Float32Array
}

/**
 * Every `stride`-th frame of some demonstrations. Only their pictures are decoded.
 * @throws UserError when the pictures do not fit the policy, or one of them is broken
 */
export async function framesOf(
  dataset: Dataset,
  demonstrations: readonly Demonstration[],
  embodiment: Embodiment,
  config: NanoConfig,
  stride = 1,
): Promise<Frames> {
  const { actionDim, stateDim } = dataset.info
  checkImages(dataset.info, config)
  const imageBytes = config.imageWidth * config.imageHeight * 3
  const hasLabels = demonstrations.every((d) => d.labels.length > 0)
  const count = demonstrations.reduce((sum, d) => sum + Math.ceil(d.length / stride), 0)
  const frames = {
    count,
    images: new Uint8Array(count * imageBytes),
    states: new Float32Array(count * stateDim),
    labels: new Float32Array(hasLabels ? count * labelDim : 0),
    prompts: [] as string[],
    promptIndex: new Int32Array(count),
    actions: new Float32Array(count * config.chunkSize * actionDim),
  }
  const rowOf = new Int32Array(dataset.info.frames).fill(-1)
  let row = 0
  for (const d of demonstrations) {
    const prompt = embodimentPrompt(embodiment, config.chunkSize, d.instruction)
    let prompted = frames.prompts.indexOf(prompt)
    if (prompted < 0) prompted = frames.prompts.push(prompt) - 1
    for (let step = 0; step < d.length; step += stride) {
      rowOf[d.from + step] = row
      frames.promptIndex[row] = prompted
      frames.states.set(d.states.subarray(step * stateDim, (step + 1) * stateDim), row * stateDim)
      if (hasLabels)
        frames.labels.set(d.labels.subarray(step * labelDim, (step + 1) * labelDim), row * labelDim)
      const chunk = frames.actions.subarray(row * config.chunkSize * actionDim)
      writeChunk(d.actions, step, actionDim, chunk, config.chunkSize)
      row += 1
    }
  }
  await visitImages(dataset.source, dataset.info.camera, rowOf, (frame, bytes, where) => {
    frames.images.set(decodeImage(bytes, config, where), frame * imageBytes)
  })
  return frames
}

function decodeImage(bytes: Uint8Array, config: NanoConfig, where: string): Uint8Array {
  try {
    const { width, height, data } = decodePng(bytes)
    if (width !== config.imageWidth || height !== config.imageHeight)
      throw new Error(`${width} x ${height} pixels, expected ${config.imageWidth} x ${config.imageHeight}`)
    return data
  } catch (error) {
    throw new UserError(`${where}: ${(error as Error).message}`)
  }
}

/** Chunk of H actions from `step`; beyond the episode zero motion with the last gripper command. */
export function writeChunk(
  actions: Float32Array,
  step: number,
  actionDim: number,
  out: Float32Array,
  horizon: number,
): void {
  const steps = actions.length / actionDim
  for (let h = 0; h < horizon; h++) {
    const from = Math.min(step + h, steps - 1) * actionDim
    out.set(actions.subarray(from, from + actionDim), h * actionDim)
    if (step + h >= steps) out.fill(0, h * actionDim, h * actionDim + actionDim - 1)
  }
}

function checkImages({ dir, camera, image }: DatasetInfo, config: NanoConfig): void {
  const wanted = { width: config.imageWidth, height: config.imageHeight, crop: config.imageCrop }
  const found = { width: image.width, height: image.height, crop: image.crop }
  if (JSON.stringify(wanted) !== JSON.stringify(found)) {
    throw new UserError(
      `${dir}/${infoFile}: field 'features.${camera}' shows ${JSON.stringify(found)}, the policy looks at ${JSON.stringify(wanted)}; collect or convert again`,
    )
  }
}

/** Every `n`-th demonstration is held out, or the last one where there are fewer. @throws UserError for one alone */
export function splitHeldOut(demonstrations: readonly Demonstration[], n = 20) {
  const every = Math.min(n, demonstrations.length)
  if (every < 2) throw new UserError('the dataset holds one demonstration; training takes two or more')
  return {
    training: demonstrations.filter((_, i) => i % every !== every - 1),
    heldOut: demonstrations.filter((_, i) => i % every === every - 1),
  }
}

/** Rows of a flat array, in the order of `rows`. */
export function gather<T extends Float32Array | Uint8Array>(
  source: T,
  rows: ArrayLike<number>,
  width: number,
): T {
  const out = new (source.constructor as new (length: number) => T)(rows.length * width)
  for (let i = 0; i < rows.length; i++)
    out.set(source.subarray(rows[i] * width, (rows[i] + 1) * width), i * width)
  return out
}

/** Hidden states of every frame, [count, L, width]. */
export async function encodeFrames(
  runtime: PolicyRuntime,
  frames: Frames,
  embodiment: string,
): Promise<Float32Array> {
  const { config } = runtime
  const size = hiddenTokens(config) * config.width
  const imageBytes = config.imageWidth * config.imageHeight * 3
  const stateDim = frames.states.length / frames.count
  const out = new Float32Array(frames.count * size)
  for (let start = 0; start < frames.count; start += 64) {
    const end = Math.min(start + 64, frames.count)
    const hiddenStates = await runtime.encode(
      end - start,
      frames.images.subarray(start * imageBytes, end * imageBytes),
      frames.states.subarray(start * stateDim, end * stateDim),
      Array.from(frames.promptIndex.subarray(start, end), (prompt) => frames.prompts[prompt]),
      embodiment,
    )
    out.set(hiddenStates, start * size)
  }
  return out
}
