import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'

/**
 * LeRobotDataset v3.0: folder layout and meta/info.json, as huggingface/lerobot writes and reads them
 * (src/lerobot/datasets/{utils,dataset_metadata,feature_utils}.py).
 */
export const codebaseVersion = 'v3.0'
export const infoFile = 'meta/info.json'
export const statsFile = 'meta/stats.json'
export const tasksFile = 'meta/tasks.parquet'
export const dataPath = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
export const episodesPath = 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
export const chunksSize = 1000

/** One column of a dataset: `dtype` is numpy's name, or image, video, string. */
export interface Feature {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly names?: unknown
  readonly info?: Readonly<Record<string, unknown>> | null
}

export interface LerobotInfo {
  readonly codebase_version: string
  readonly robot_type: string | null
  readonly total_episodes: number
  readonly total_frames: number
  readonly total_tasks: number
  readonly chunks_size: number
  readonly data_files_size_in_mb: number
  readonly video_files_size_in_mb: number
  readonly fps: number
  readonly splits: Readonly<Record<string, string>>
  readonly data_path: string
  readonly video_path: string | null
  readonly features: Readonly<Record<string, Feature>>
}

/** Columns that every dataset has. */
export const defaultFeatures: Readonly<Record<string, Feature>> = {
  timestamp: { dtype: 'float32', shape: [1], names: null },
  frame_index: { dtype: 'int64', shape: [1], names: null },
  episode_index: { dtype: 'int64', shape: [1], names: null },
  index: { dtype: 'int64', shape: [1], names: null },
  task_index: { dtype: 'int64', shape: [1], names: null },
}

/** Numbers in a frame's value. */
export const sizeOf = (feature: Feature): number => feature.shape.reduce((size, n) => size * n, 1)

/** Height and width of pictures; their shape is [height, width, 3] or, in older datasets, [3, height, width]. */
export function imageSize({ shape }: Feature): { height: number; width: number } {
  const [height, width] = shape[2] === 3 ? shape : shape.slice(1)
  return { height, width }
}

/** A path of info.json with its {field} and {field:03d} filled in. */
export function fillPath(template: string, fields: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)(?::0(\d)d)?\}/g, (whole, name: string, digits?: string) => {
    const value = fields[name]
    return value === undefined ? whole : String(value).padStart(Number(digits ?? 0), '0')
  })
}

/** Chunk and file of the n-th file of a dataset. */
export const filePosition = (n: number) => ({
  chunk_index: Math.floor(n / chunksSize),
  file_index: n % chunksSize,
})

/** Reads and checks meta/info.json. @throws UserError naming file and field */
export function readInfo(dir: string): LerobotInfo {
  const path = join(dir, infoFile)
  if (!existsSync(path)) throw missingInfo(dir)
  const info = readJson(path) as Partial<LerobotInfo>
  const wrong = (field: string, value: unknown, wanted: string) =>
    new UserError(`${path}: field '${field}' is ${JSON.stringify(value)}, ${wanted}`)
  const { codebase_version: version } = info
  if (typeof version !== 'string' || !version.startsWith('v3.')) {
    const advice = String(version).startsWith('v2.')
      ? "; LeRobot's own convert_dataset_v21_to_v30 script brings it to v3.0"
      : ''
    throw wrong('codebase_version', version, `this reads v3 datasets${advice}`)
  }
  if (!(Number(info.fps) > 0)) throw wrong('fps', info.fps, 'expected frames a second')
  for (const field of ['total_episodes', 'total_frames'] as const) {
    if (!Number.isInteger(info[field]) || info[field]! < 0)
      throw wrong(field, info[field], 'expected a count')
  }
  if (typeof info.data_path !== 'string') throw wrong('data_path', info.data_path, 'expected a path')
  if (typeof info.features !== 'object' || info.features === null)
    throw wrong('features', info.features, 'expected the columns')
  for (const [name, feature] of Object.entries(info.features)) {
    const { dtype, shape } = feature ?? {}
    if (typeof dtype !== 'string') throw wrong(`features.${name}.dtype`, dtype, 'expected a type')
    if (!Array.isArray(shape) || shape.some((n) => !Number.isInteger(n) || n < 0))
      throw wrong(`features.${name}.shape`, shape, 'expected a list of sizes')
  }
  return info as LerobotInfo
}

function missingInfo(dir: string): UserError {
  return existsSync(join(dir, 'meta'))
    ? new UserError(
        `${dir}: no ${infoFile} here: the dataset is not finished; run the command that makes it again`,
      )
    : new UserError(`${dir}: no ${infoFile} here; make a dataset with 'vla-gym collect'`)
}

/** @throws UserError when the file is not JSON */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: not readable as JSON (${(error as Error).message})`)
  }
}
