import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { ParquetFile, readNumbers } from './parquetRead.js'
import { fillPath, type LerobotInfo, readInfo, readJson, statsFile, tasksFile } from './schema.js'
import type { DatasetStats } from './statistics.js'

/** A row of meta/episodes, without the statistics. */
export interface EpisodeEntry {
  readonly episode: number
  readonly length: number
  readonly tasks: readonly string[]
  /** Rows of the dataset: `from` ... `to` - 1. */
  readonly from: number
  readonly to: number
  /** Position of the data file. */
  readonly chunkIndex: number
  readonly fileIndex: number
  /** All other columns: where videos are, and what the writer added. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** A data file, and which rows of the dataset it holds. */
export interface DataFile {
  readonly path: string
  readonly from: number
  readonly to: number
}

/** The metadata of a LeRobot v3 dataset. */
export interface LerobotDataset {
  readonly dir: string
  readonly info: LerobotInfo
  readonly episodes: readonly EpisodeEntry[]
  readonly files: readonly DataFile[]
}

/** Reads the metadata of a dataset and checks that it belongs together. @throws UserError naming file and field */
export async function openLerobot(dir: string): Promise<LerobotDataset> {
  const info = readInfo(dir)
  const paths = parquetFiles(join(dir, 'meta/episodes'))
  if (paths.length === 0) throw new UserError(`${dir}: no parquet file in meta/episodes`)
  const lists = await Promise.all(paths.map(readEpisodes))
  const episodes = lists.flat().sort((a, b) => a.episode - b.episode)
  const where = join(dir, 'meta/episodes')
  if (episodes.length !== info.total_episodes) {
    throw new UserError(
      `${where}: ${episodes.length} episodes, meta/info.json says total_episodes ${info.total_episodes}`,
    )
  }
  let rows = 0
  const files: DataFile[] = []
  for (const [i, { episode, length, from, to, chunkIndex, fileIndex }] of episodes.entries()) {
    if (episode !== i) throw new UserError(`${where}: episode ${i} is missing or there twice`)
    if (from !== rows || to !== from + length) {
      throw new UserError(
        `${where}, episode ${i}: rows ${from} to ${to} with length ${length}, expected to begin at ${rows}`,
      )
    }
    rows = to
    const fields = { chunk_index: chunkIndex, file_index: fileIndex }
    const path = join(dir, fillPath(info.data_path, fields))
    if (files.at(-1)?.path === path) files.push({ path, from: files.pop()!.from, to })
    else files.push({ path, from, to })
  }
  if (rows !== info.total_frames)
    throw new UserError(`${where}: ${rows} frames, meta/info.json says total_frames ${info.total_frames}`)
  return { dir, info, episodes, files }
}

/** Tasks by their index. @throws UserError */
export async function readTasks(dir: string): Promise<string[]> {
  const path = join(dir, tasksFile)
  const file = await ParquetFile.open(path)
  try {
    const textColumn = ['task', '__index_level_0__'].find((name) => file.columns.includes(name)) ?? 'task'
    const [texts, indices] = [await file.column(textColumn), await file.column('task_index')]
    const tasks: string[] = []
    for (const [row, text] of texts.entries()) tasks[Number(indices[row])] = String(text)
    if (!tasks.every((text) => text !== undefined) || tasks.length !== texts.length)
      throw new UserError(`${path}: field 'task_index' is not 0 ... ${texts.length - 1}`)
    return tasks
  } finally {
    file.close()
  }
}

/** meta/stats.json. @throws UserError when it is missing */
export function readStats(dir: string): DatasetStats {
  const path = join(dir, statsFile)
  if (!existsSync(path)) throw new UserError(`${path}: missing; 'vla-gym dataset convert' computes it`)
  return readJson(path) as DatasetStats
}

/** Parquet files of a folder in the order of chunks and files. */
export function parquetFiles(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.parquet'))
    .sort()
    .map((name) => join(dir, name))
}

/** Rows of one file of meta/episodes. */
export async function readEpisodes(path: string): Promise<EpisodeEntry[]> {
  const file = await ParquetFile.open(path)
  try {
    const names = file.columns.filter((name) => !name.startsWith('stats/'))
    const known = ['episode_index', 'length', 'dataset_from_index', 'dataset_to_index'] as const
    const places = ['data/chunk_index', 'data/file_index'] as const
    const integers = [...known, ...places]
    const numbers = await readNumbers(file, Object.fromEntries(integers.map((name) => [name, 1])))
    const others = names.filter((name) => !(integers as readonly string[]).includes(name))
    const values = new Map<string, unknown[]>()
    for (const name of others) values.set(name, await file.column(name))
    const tasks = values.get('tasks')
    if (!tasks) throw new UserError(`${path}: column 'tasks' is missing`)
    values.delete('tasks')
    return Array.from({ length: file.rows }, (_, row) => ({
      episode: numbers.episode_index[row],
      length: numbers.length[row],
      tasks: [tasks[row]].flat().map(String),
      from: numbers.dataset_from_index[row],
      to: numbers.dataset_to_index[row],
      chunkIndex: numbers['data/chunk_index'][row],
      fileIndex: numbers['data/file_index'][row],
      extra: Object.fromEntries([...values].map(([name, column]) => [name, column[row]])),
    }))
  } finally {
    file.close()
  }
}

/**
 * Opens the data files that hold wanted rows, one after the other.
 * @param wanted whether any of the rows `from` ... `to` - 1 is
 * @throws UserError when a file's rows are not those that the episodes name
 */
export async function* openFiles(
  dataset: LerobotDataset,
  wanted: (from: number, to: number) => boolean = () => true,
): AsyncGenerator<{ file: ParquetFile; from: number }> {
  for (const { path, from, to } of dataset.files) {
    if (!wanted(from, to)) continue
    const file = await ParquetFile.open(path)
    try {
      if (file.rows !== to - from) {
        throw new UserError(`${path}: ${file.rows} rows, meta/episodes says ${to - from}`)
      }
      yield { file, from }
    } finally {
      file.close()
    }
  }
}

/** Numbers of some features over the whole dataset, [total_frames, size] each. @throws UserError */
export async function readFeatures(
  dataset: LerobotDataset,
  sizes: Readonly<Record<string, number>>,
): Promise<Record<string, Float64Array>> {
  const { total_frames } = dataset.info
  const out = Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, new Float64Array(total_frames * size)]),
  )
  for await (const { file, from } of openFiles(dataset)) {
    const part = await readNumbers(file, sizes)
    for (const [name, size] of Object.entries(sizes)) out[name].set(part[name], from * size)
  }
  return out
}

/** The encoded picture of a row. @throws UserError naming file, row and field */
export function imageBytes(value: unknown, file: ParquetFile, row: number, name: string): Uint8Array {
  const bytes = (value as { bytes?: unknown } | null)?.bytes
  if (bytes instanceof Uint8Array && bytes.length > 0) return bytes
  throw new UserError(`${file.path}, row ${row}: field '${name}' holds no picture's bytes`)
}

/**
 * Visits the encoded pictures of wanted rows in their order, reading one row group at a time.
 * @param rowOf what to call a wanted row of the dataset; -1: it is not wanted
 * @throws UserError naming file, row and field
 */
export async function visitImages(
  dataset: LerobotDataset,
  name: string,
  rowOf: Int32Array,
  visit: (row: number, bytes: Uint8Array, where: string) => void,
): Promise<void> {
  const anyWanted = (from: number, to: number) => {
    for (let row = from; row < to; row++) if (rowOf[row] >= 0) return true
    return false
  }
  for await (const { file, from } of openFiles(dataset, anyWanted)) {
    for (let group = 0; group + 1 < file.groupStarts.length; group++) {
      const [start, end] = [file.groupStarts[group], file.groupStarts[group + 1]]
      if (!anyWanted(from + start, from + end)) continue
      await file.read(
        [name],
        (_, first, values) => {
          for (let i = 0; i < values.length; i++) {
            const row = rowOf[from + first + i]
            if (row < 0) continue
            const where = `${file.path}, row ${first + i}: field '${name}'`
            visit(row, imageBytes(values[i], file, first + i, name), where)
          }
        },
        start,
        end,
      )
    }
  }
}
