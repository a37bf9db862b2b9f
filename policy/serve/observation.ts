import { UserError } from '@vla-gym/gymnasium'
import type { Picture } from '../images/png.js'
import { cropAndResize } from '../images/resize.js'
import type { NanoConfig } from '../nano/config.js'
import { readDecisionKey } from '../wire/decisionKey.js'
import { readImage } from '../wire/images.js'
import { isMap, NdArray, toFloats, type WireMap, type WireValue } from '../wire/ndarray.js'
import { WireError } from '../wire/wireError.js'
import type { DecisionRequest, ServedPolicy } from './servedPolicy.js'

/** Where an observation's parts lie: a key, or keys joined by dots for maps in maps. The first that is there counts. */
export interface ObservationKeys {
  readonly image: readonly string[]
  readonly state: readonly string[]
  readonly instruction: readonly string[]
}

/** As the LIBERO, DROID and ALOHA examples of openpi name them; StarVLA's and our own clients may use the same. */
export const openpiKeys: ObservationKeys = {
  image: ['observation/image', 'observation/exterior_image_1_left', 'image', 'images.*'],
  state: ['observation/state', 'state'],
  instruction: ['prompt'],
}

/** As vla-eval's benchmarks name them; `*` is the first of a map. */
export const vlaEvalKeys: ObservationKeys = {
  image: ['images.primary', 'images.*'],
  state: ['states', 'state'],
  instruction: ['task_description'],
}

/** Rows of one request. */
const maxRows = 256
/** Characters of an instruction. */
const maxInstruction = 1000
/** Frame that `imageCrop` of a policy refers to. */
const frame = { width: 640, height: 480 } as const

interface Found {
  readonly key: string
  readonly value: WireValue
}

/** @throws WireError naming the keys */
function find(map: WireMap, keys: readonly string[]): Found {
  for (const key of keys) {
    const value = map[key] ?? follow(map, key.split('.'))
    if (value !== undefined && value !== null) return { key, value }
  }
  throw new WireError(`the observation has no ${keys.map((key) => `'${key}'`).join(' or ')}`)
}

function follow(map: WireMap, steps: readonly string[]): WireValue | undefined {
  let value: WireValue | undefined = map
  for (const step of steps) {
    if (!isMap(value)) return undefined
    value = step === '*' ? Object.values(value)[0] : value[step]
  }
  return value
}

/**
 * An observation map as the policy takes it. One observation has a picture [H, W, 3], a state [stateDim] and one
 * instruction; a batch of them has one more axis in front and a list of instructions. A picture of the policy's size is
 * taken as it is; of a 640x480 camera frame, the policy's crop; any other shows that crop and is resized.
 * @param stateOf makes the robot's state of what the client calls so
 * @throws WireError for anything missing or of the wrong shape
 */
export async function readObservation(
  map: WireMap,
  keys: ObservationKeys,
  policy: ServedPolicy,
  stateOf: (state: Float32Array) => Float32Array = (state) => state,
): Promise<DecisionRequest> {
  const { config } = policy
  const key = readDecisionKey(map.vla_gym)
  const prompts = find(map, keys.instruction)
  const isBatch = Array.isArray(prompts.value)
  const texts = (isBatch ? prompts.value : [prompts.value]) as readonly WireValue[]
  const instructions = texts.map((text) => checkInstruction(text, prompts.key, policy))
  const rows = instructions.length
  if (rows < 1 || rows > maxRows) throw new WireError(`${rows} observations in a request, at most ${maxRows}`)
  if (key && key.episodeSeeds.length !== rows)
    throw new WireError(`${key.episodeSeeds.length} episode seeds for ${rows} observations`)

  const states = readStates(map, keys, policy, rows, stateOf)
  const image = find(map, keys.image)
  const images = await readImages(image, isBatch ? rows : 0, config)
  return { rows, images, states, instructions, ...(key && { key }) }
}

/**
 * States [rows, stateDim] of an observation.
 * @throws WireError
 */
export function readStates(
  map: WireMap,
  keys: ObservationKeys,
  { embodiment }: ServedPolicy,
  rows: number,
  stateOf: (state: Float32Array) => Float32Array,
): Float32Array {
  const { key, value } = find(map, keys.state)
  const { data, shape } = toFloats(value, `'${key}'`)
  const { stateDim, id, stateNames = [] } = embodiment.description
  const states = rows === 1 ? stateOf(data) : data
  if (states.length !== rows * stateDim) {
    throw new WireError(
      `'${key}' has shape [${shape.join(', ')}], the policy's ${id} takes ${stateDim} numbers` +
        (stateNames.length > 0 ? `: ${stateNames.join(', ')}` : ''),
    )
  }
  return states
}

function checkInstruction(value: WireValue, key: string, policy: ServedPolicy): string {
  if (typeof value !== 'string') throw new WireError(`'${key}' must be text`)
  if (value.length > maxInstruction)
    throw new WireError(`'${key}' has ${value.length} characters, at most ${maxInstruction}`)
  try {
    policy.prompt(value)
  } catch (error) {
    if (error instanceof UserError) throw new WireError(`'${key}': ${error.message}`)
    throw error
  }
  return value
}

/** Pictures [max(rows, 1), imageHeight, imageWidth, 3]; `rows` is 0 for one that is not in a batch. */
async function readImages({ key, value }: Found, rows: number, config: NanoConfig): Promise<Uint8Array> {
  const what = `'${key}'`
  if (rows === 0) return toPolicySize(await readImage(value, what), config, what)
  const size = config.imageHeight * config.imageWidth * 3
  const list = Array.isArray(value) ? (value as readonly WireValue[]) : rowsOf(value, rows, what)
  if (list.length !== rows) throw new WireError(`${what}: ${list.length} pictures for ${rows} observations`)
  const first = list[0]
  if (value instanceof NdArray && value.data.length === rows * size && first instanceof NdArray) {
    const [height, width] = first.shape
    if (value.dtype === 'u1' && height === config.imageHeight && width === config.imageWidth)
      return value.data as Uint8Array
  }
  const out = new Uint8Array(rows * size)
  for (const [row, item] of list.entries())
    out.set(toPolicySize(await readImage(item, what), config, what), row * size)
  return out
}

/** The pictures of an array [rows, …]. */
function rowsOf(value: WireValue, rows: number, what: string): NdArray[] {
  if (!(value instanceof NdArray) || value.shape.length !== 4 || value.shape[0] !== rows)
    throw new WireError(`${what}: expected pictures [${rows}, height, width, 3]`)
  const { dtype, shape, data } = value
  const size = data.length / rows
  return Array.from(
    { length: rows },
    (_, row) => new NdArray(dtype, shape.slice(1), data.subarray(row * size, (row + 1) * size)),
  )
}

/** A picture in the policy's size. */
function toPolicySize(picture: Picture, config: NanoConfig, what: string): Uint8Array {
  const { imageWidth, imageHeight, imageCrop } = config
  const { width, height, data } = picture
  if (width === imageWidth && height === imageHeight) return data
  const isFrame = width === frame.width && height === frame.height
  try {
    return cropAndResize(picture, isFrame ? imageCrop : undefined, imageWidth, imageHeight)
  } catch (error) {
    throw new WireError(`${what}: ${(error as Error).message}`)
  }
}
