import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '@msgpack/msgpack'
import { UserError } from '@vla-gym/gymnasium'
import type { Demonstration } from './rollout/scripted.js'
import { labelDim } from './rollout/scripted.js'

/** What `collect` writes beside the shards. */
export interface DatasetInfo {
  readonly format: 'vla-gym-demonstrations/1'
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

/** Reads and checks a folder written by `collect`. @throws UserError naming file and field */
export function loadDataset(dir: string): Dataset {
  const infoPath = join(dir, infoFile)
  if (!existsSync(infoPath))
    throw new UserError(`${dir}: no ${infoFile} here; make a dataset with 'vla-gym collect'`)
  const info = parseJson(infoPath) as DatasetInfo
  if (info.format !== 'vla-gym-demonstrations/1')
    throw new UserError(`${infoPath}: field 'format' is '${info.format}'`)
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

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: not readable as JSON (${(error as Error).message})`)
  }
}

function loadShard(path: string, info: DatasetInfo): Demonstration[] {
  let records: Record<string, unknown>[]
  try {
    records = decode(readFileSync(path)) as Record<string, unknown>[]
  } catch (error) {
    throw new UserError(`${path}: broken shard (${(error as Error).message}); collect it again`)
  }
  return records.map((record, i) => toDemonstration(record, info, `${path}, record ${i}`))
}

/** MessagePack holds arrays as bytes; this gives them back their types and checks their sizes. */
function toDemonstration(record: Record<string, unknown>, info: DatasetInfo, where: string): Demonstration {
  const bytes = (field: string): Uint8Array => {
    const value = record[field]
    if (!(value instanceof Uint8Array)) throw new UserError(`${where}: field '${field}' is missing`)
    return value
  }
  const floats = (field: string, length: number): Float32Array => {
    const raw = Uint8Array.from(bytes(field))
    if (raw.length !== 4 * length) {
      throw new UserError(`${where}: field '${field}' has ${raw.length / 4} numbers, expected ${length}`)
    }
    const values = new Float32Array(raw.buffer)
    if (!values.every(Number.isFinite))
      throw new UserError(`${where}: field '${field}' holds a non-finite number`)
    return values
  }
  const frameSteps = new Int32Array(Uint8Array.from(bytes('frameSteps')).buffer)
  const frames = frameSteps.length
  const images = bytes('images')
  const imageBytes = info.image.width * info.image.height * 3
  if (images.length !== frames * imageBytes) {
    throw new UserError(
      `${where}: field 'images' has ${images.length} bytes, expected ${frames} x ${imageBytes}`,
    )
  }
  const steps = bytes('actions').length / 4 / info.actionDim
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
