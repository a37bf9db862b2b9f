import { createHash } from 'node:crypto'
import type { Explored } from '../exploration.js'
import { hiddenTokens, type NanoConfig } from '../nano/config.js'
import { decisionField } from './decisionKey.js'
import { type DType, isMap, NdArray, printable, toFloats, type WireMap, type WireValue } from './ndarray.js'
import { WireError } from './wireError.js'

/**
 * The extension of both protocols by which a learner has a server sample for it, under the key of `decisionField`:
 * `{weights: {version, setup, bytes, offset, data}}` brings weights, in parts; `{episode_seeds, decision, explore:
 * {version, final}}` in an observation asks for decisions made with them. Every answer holds the version that the server
 * has, null for none; one to `explore` the decisions' record too, if that is the version asked for. `actions` are
 * there because the protocols want them.
 */

/** Decisions asked for with weights of a version. */
export interface ExploreMessage {
  readonly kind: 'explore'
  readonly version: string
  /** Nothing is decided on these observations: their hidden states are all that is wanted. */
  readonly final: boolean
}

/** Part of a version's weights. */
export interface WeightsMessage {
  readonly kind: 'weights'
  readonly version: string
  /** JSON of what they are sampled with, in every part. */
  readonly setup: string
  /** Of the whole safetensors file, and the place of this part in it. */
  readonly bytes: number
  readonly offset: number
  readonly data: Uint8Array
}

/** Characters of a setup. */
const maxSetup = 10_000
const isVersion = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The name of weights and of how they are sampled from: SHA-256 of the setup, a line break and a safetensors file. */
export function versionOf(setup: string, pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(`${setup}\n`)
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

/** A version as a part of a message. */
export const shortVersion = (version: string | null): string =>
  version === null ? 'none' : version.slice(0, 12)

/** What a request gets under `decisionField`, beside a decision's key where it explores. */
export function packTraining(message: ExploreMessage | WeightsMessage): WireMap {
  const { kind, ...fields } = message
  return { [kind]: fields }
}

/** @throws WireError where the field is about training, and not as described */
export function readTraining(value: WireValue | undefined): ExploreMessage | WeightsMessage | undefined {
  if (!isMap(value)) return undefined
  if (value.explore !== undefined) return readExplore(value.explore)
  return value.weights === undefined ? undefined : readWeights(value.weights)
}

function readExplore(value: WireValue): ExploreMessage {
  if (isMap(value) && isVersion(value.version) && typeof value.final === 'boolean')
    return { kind: 'explore', version: value.version, final: value.final }
  throw new WireError(`${decisionField}.explore: expected {version: a SHA-256, final: true or false}`)
}

function readWeights(value: WireValue): WeightsMessage {
  if (isMap(value)) {
    const { version, setup, bytes, offset, data } = value
    const isPart = isCount(bytes) && isCount(offset) && data instanceof Uint8Array && data.length > 0
    if (isVersion(version) && typeof setup === 'string' && setup.length <= maxSetup && isPart)
      return { kind: 'weights', version, setup, bytes, offset, data }
  }
  throw new WireError(
    `${decisionField}.weights: expected {version: a SHA-256, setup: JSON, bytes, offset, data: bytes of a safetensors file}`,
  )
}

/** An answer's field: the version that the server has, and the record of decisions made with it. */
export function packRecord(version: string | null, config: NanoConfig, explored?: Explored): WireMap {
  if (!explored) return { version }
  const { steps, hiddenStates } = explored
  const { chunkSize, actionDim } = config
  const rows = steps.length
  const chain = (of: (row: number) => Float32Array): NdArray => {
    const size = of(0).length
    const data = new Float32Array(rows * size)
    for (let row = 0; row < rows; row++) data.set(of(row), row * size)
    return new NdArray('f4', [rows, size / (chunkSize * actionDim), chunkSize, actionDim], data)
  }
  return {
    version,
    hidden_states: packHiddenStates(rows, config, hiddenStates),
    x: chain((row) => steps[row].x),
    x_next: chain((row) => steps[row].xNext),
    denoise_index: new NdArray(
      'i4',
      [rows],
      Int32Array.from(steps, (step) => step.denoiseIndex),
    ),
    log_prob: new NdArray(
      'f8',
      [rows],
      Float64Array.from(steps, (step) => step.logProb),
    ),
  }
}

export const packHiddenStates = (rows: number, config: NanoConfig, data: Float32Array): NdArray =>
  new NdArray('f4', [rows, hiddenTokens(config), config.width], data)

/** @throws WireError when an answer does not say */
export function readVersion(answer: WireMap): string | null {
  const { version } = answer
  if (version === null || isVersion(version)) return version
  throw new WireError(`the answer names no version of weights: ${printable(version)}`)
}

/** [rows, L, width] @throws WireError */
export function readHiddenStates(answer: WireMap, rows: number, config: NanoConfig): Float32Array {
  return readArray(answer, 'hidden_states', 'f4', [rows, hiddenTokens(config), config.width]) as Float32Array
}

/**
 * The record of decisions, without their actions.
 * @param chain numbers in the states of a decision's stochastic steps: steps x H x K
 * @throws WireError for one that is not whole
 */
export function readRecord(
  answer: WireMap,
  rows: number,
  config: NanoConfig,
  chain: number,
): Omit<Explored, 'actions'> {
  const { chunkSize, actionDim, denoisingSteps } = config
  const shape = [rows, chain / (chunkSize * actionDim), chunkSize, actionDim]
  const x = readArray(answer, 'x', 'f4', shape) as Float32Array
  const xNext = readArray(answer, 'x_next', 'f4', shape) as Float32Array
  const index = readArray(answer, 'denoise_index', 'i4', [rows])
  const logProb = readArray(answer, 'log_prob', 'f8', [rows])
  const steps = Array.from({ length: rows }, (_, row) => {
    const denoiseIndex = index[row]
    if (denoiseIndex < 0 || denoiseIndex >= denoisingSteps)
      throw new WireError(`the record's denoise_index is ${denoiseIndex} of ${denoisingSteps} steps`)
    const [begin, end] = [row * chain, (row + 1) * chain]
    return {
      x: x.slice(begin, end),
      xNext: xNext.slice(begin, end),
      denoiseIndex,
      logProb: logProb[row],
    }
  })
  return { hiddenStates: readHiddenStates(answer, rows, config), steps }
}

/** @throws WireError unless it is an array of that type and shape, of finite numbers */
function readArray(answer: WireMap, name: string, dtype: DType, shape: readonly number[]) {
  const value = answer[name]
  const expected = `${dtype} [${shape.join(', ')}]`
  if (!(value instanceof NdArray)) throw new WireError(`the record has no ${name} ${expected}`)
  if (value.dtype !== dtype || value.shape.join() !== shape.join())
    throw new WireError(`the record's ${name} is ${value.dtype} [${value.shape.join(', ')}], not ${expected}`)
  if (dtype === 'f4') return toFloats(value, `the record's ${name}`).data
  const numbers = Float64Array.from(value.data as ArrayLike<number | bigint>, Number)
  const bad = numbers.findIndex((number) => !Number.isFinite(number))
  if (bad >= 0) throw new WireError(`the record's ${name}: number ${bad} is ${numbers[bad]}`)
  return numbers
}
