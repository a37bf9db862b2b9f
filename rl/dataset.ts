import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '@msgpack/msgpack'
import { UserError } from '@vla-gym/gymnasium'
import type { Demonstration } from './rollout/scripted.js'
import { labelDim } from './rollout/scripted.js'

/** What `collect` writes beside the shards. */
export interface DatasetInfo {
  readonly format: typeof datasetFormat
  readonly suite: string
  readonly embodiment: string
  readonly tasks: readonly string[]
  readonly seed: number
  readonly image: { readonly width: number; readonly height: number; readonly crop?: readonly number[] }
  readonly actionDim: number
  readonly stateDim: number
  /** Episodes tried and kept, by task. */
  readonly attempts: Record<string, number>
  readonly demonstrations: Record<string, number>
  readonly frames: number
}

export interface Dataset {
  readonly info: DatasetInfo
  readonly demonstrations: readonly Demonstration[]
}

export const infoFile = 'dataset.json'
export const datasetFormat = 'vla-gym-demonstrations/1'

/** Reads and checks a folder written by `collect`. @throws UserError naming file and field */
export function loadDataset(dir: string): Dataset {
  const infoPath = join(dir, infoFile)
  if (!existsSync(infoPath))
    throw new UserError(`${dir}: no ${infoFile} here; make a dataset with 'vla-gym collect'`)
  const info = parseJson(infoPath) as DatasetInfo
  if (info?.format !== datasetFormat)
    throw new UserError(
      `${infoPath}: field 'format' is '${info?.format}', this version reads ${datasetFormat}`,
    )
  checkInfo(info, infoPath)
  const shards = readdirSync(dir)
    .filter((name) => name.endsWith('.msgpack'))
    .sort()
  const demonstrations = shards.flatMap((name) => loadShard(join(dir, name), info))
  const expected = Object.values(info.demonstrations).reduce((a, b) => a + b, 0)
  if (demonstrations.length !== expected) {
    throw new UserError(`${dir}: ${demonstrations.length} demonstrations found, ${infoFile} says ${expected}`)
  }
  if (demonstrations.length === 0) throw new UserError(`${dir}: the dataset holds no demonstration`)
  return { info, demonstrations }
}

function checkInfo(
  { image, actionDim, stateDim, demonstrations }: Partial<DatasetInfo>,
  where: string,
): void {
  for (const [field, size] of Object.entries({
    'image.width': image?.width,
    'image.height': image?.height,
    actionDim,
    stateDim,
  })) {
    if (!Number.isInteger(size) || size! < 1)
      throw new UserError(`${where}: field '${field}' is ${JSON.stringify(size)}, not a size`)
  }
  if (typeof demonstrations !== 'object' || demonstrations === null)
    throw new UserError(`${where}: field 'demonstrations' is missing`)
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: not readable as JSON (${(error as Error).message})`)
  }
}

/** A demonstration as it is stored: arrays are bytes. */
export type PackedDemonstration = Record<string, unknown>

/** Records of a shard, unchecked. @throws UserError when the file is not one */
export function readShard(path: string): PackedDemonstration[] {
  let records: unknown
  try {
    records = decode(readFileSync(path))
  } catch (error) {
    throw brokenShard(path, (error as Error).message)
  }
  if (!Array.isArray(records) || records.some((record) => typeof record !== 'object' || record === null))
    throw brokenShard(path, 'not a list of records')
  return records
}

const brokenShard = (path: string, why: string) =>
  new UserError(`${path}: broken shard (${why}); delete it and run the same 'vla-gym collect' again`)

function loadShard(path: string, info: DatasetInfo): Demonstration[] {
  return readShard(path).map((record, i) => toDemonstration(record, info, `${path}, record ${i}`))
}

/** MessagePack holds arrays as bytes; this gives them back their types and checks their sizes. */
function toDemonstration(record: PackedDemonstration, info: DatasetInfo, where: string): Demonstration {
  const bytes = (field: string): Uint8Array => {
    const value = record[field]
    if (!(value instanceof Uint8Array)) throw new UserError(`${where}: field '${field}' is missing`)
    return value
  }
  const words = (field: string): ArrayBuffer => {
    const raw = Uint8Array.from(bytes(field))
    if (raw.length % 4 !== 0) throw new UserError(`${where}: field '${field}' is cut off`)
    return raw.buffer
  }
  const floats = (field: string, length: number): Float32Array => {
    const raw = words(field)
    if (raw.byteLength !== 4 * length) {
      throw new UserError(`${where}: field '${field}' has ${raw.byteLength / 4} numbers, expected ${length}`)
    }
    const values = new Float32Array(raw)
    if (!values.every(Number.isFinite))
      throw new UserError(`${where}: field '${field}' holds a non-finite number`)
    return values
  }
  const frameSteps = new Int32Array(words('frameSteps'))
  const frames = frameSteps.length
  const images = bytes('images')
  const imageBytes = info.image.width * info.image.height * 3
  if (images.length !== frames * imageBytes) {
    throw new UserError(
      `${where}: field 'images' has ${images.length} bytes, expected ${frames} x ${imageBytes}`,
    )
  }
  const steps = Math.ceil(words('actions').byteLength / 4 / info.actionDim)
  if (frameSteps.some((step) => step < 0 || step >= steps))
    throw new UserError(`${where}: field 'frameSteps' names steps beyond the ${steps} of 'actions'`)
  return {
    task: String(record.task),
    instruction: String(record.instruction),
    seed: Number(record.seed),
    success: record.success === true,
    actions: floats('actions', steps * info.actionDim),
    frameSteps,
    images,
    states: floats('states', frames * info.stateDim),
    labels: floats('labels', frames * labelDim),
  }
}
