import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../atomicFile.js'
import {
  type ColumnType,
  huggingfaceMetadata,
  type ParquetColumn,
  pandasIndexMetadata,
  parquetBytes,
} from './parquetWrite.js'
import { type EpisodeEntry, type LerobotDataset, readEpisodes, readFeatures } from './read.js'
import {
  chunksSize,
  codebaseVersion,
  dataPath,
  defaultFeatures,
  episodesPath,
  type Feature,
  filePosition,
  fillPath,
  infoFile,
  type LerobotInfo,
  sizeOf,
  statsFile,
  tasksFile,
} from './schema.js'
import { aggregateImageStats, columnStats, type FeatureStats, statNames } from './statistics.js'
import { readImageStats } from './statsColumns.js'

export interface DatasetDescription {
  readonly fps: number
  readonly robotType: string
  /** The features beside those that every dataset has. */
  readonly features: Readonly<Record<string, Feature>>
  /** Columns of meta/episodes beside LeRobot's. */
  readonly episodeColumns: Readonly<Record<string, 'int64' | 'string'>>
}

/** One episode to store. */
export interface EpisodeData {
  readonly task: string
  readonly length: number
  /** [length, size] of every feature that is not a picture. */
  readonly columns: Readonly<Record<string, ArrayLike<number>>>
  /** Encoded pictures and their statistics. */
  readonly images: Readonly<
    Record<string, { readonly bytes: readonly Uint8Array[]; readonly stats: FeatureStats }>
  >
  readonly extra: Readonly<Record<string, number | string>>
}

/** A file is finished when it holds so many episodes, or so many bytes of pictures. */
const episodesPerFile = 64
const imageBytesPerFile = 50e6

/**
 * Writes a LeRobot v3 dataset. Files are written whole, one of meta/episodes for each of data, and meta/info.json last:
 * a writer that was killed at any point goes on after the last file that has both.
 */
export class LerobotWriter {
  /** Episodes in finished files. */
  readonly episodes: EpisodeEntry[] = []
  private readonly dir: string
  private readonly description: DatasetDescription
  private readonly features: Readonly<Record<string, Feature>>
  private readonly tasks: string[] = []
  private pending: EpisodeData[] = []
  private pendingBytes = 0
  private rows = 0
  private files = 0

  private constructor(dir: string, description: DatasetDescription) {
    this.dir = dir
    this.description = description
    this.features = { ...description.features, ...defaultFeatures }
  }

  /** Opens a new dataset, or one whose writer was stopped. */
  static async open(dir: string, description: DatasetDescription): Promise<LerobotWriter> {
    const writer = new LerobotWriter(dir, description)
    for (;;) {
      const paths = [dataPath, episodesPath].map((path) => writer.pathOf(path, writer.files))
      if (!paths.every((path) => existsSync(path))) return writer
      for (const entry of await readEpisodes(paths[1])) {
        writer.episodes.push(entry)
        writer.taskIndex(entry.tasks[0])
        writer.rows = entry.to
      }
      writer.files += 1
    }
  }

  add(episode: EpisodeData): void {
    this.pending.push(episode)
    for (const { bytes } of Object.values(episode.images))
      for (const png of bytes) this.pendingBytes += png.length
    if (this.pending.length >= episodesPerFile || this.pendingBytes >= imageBytesPerFile) this.writeFile()
  }

  /** Writes what is left and the metadata. */
  async finish(): Promise<LerobotInfo> {
    if (this.pending.length > 0) this.writeFile()
    const { dir, description, tasks, episodes } = this
    const taskColumns: ParquetColumn[] = [
      { name: 'task_index', type: { value: 'int64' }, data: tasks.map((_, i) => BigInt(i)) },
      { name: 'task', type: { value: 'string' }, data: tasks },
    ]
    const asIndex = pandasIndexMetadata('task', { task_index: 'int64', task: 'object' })
    writeFileAtomic(join(dir, tasksFile), parquetBytes([taskColumns], [asIndex]))
    const info: LerobotInfo = {
      codebase_version: codebaseVersion,
      robot_type: description.robotType,
      total_episodes: episodes.length,
      total_frames: this.rows,
      total_tasks: tasks.length,
      chunks_size: chunksSize,
      data_files_size_in_mb: 100,
      video_files_size_in_mb: 200,
      fps: description.fps,
      splits: { train: `0:${episodes.length}` },
      data_path: dataPath,
      video_path: null,
      features: this.features,
    }
    writeFileAtomic(join(dir, statsFile), JSON.stringify(await this.statistics(info), null, 1))
    writeFileAtomic(join(dir, infoFile), JSON.stringify(info, null, 1))
    return info
  }

  private async statistics(info: LerobotInfo): Promise<Record<string, FeatureStats>> {
    const files = this.dataFiles()
    const dataset: LerobotDataset = { dir: this.dir, info, episodes: this.episodes, files }
    const numeric = Object.entries(this.features).filter(([, { dtype }]) => dtype !== 'image')
    const sizes = Object.fromEntries(numeric.map(([name, feature]) => [name, sizeOf(feature)]))
    const values = await readFeatures(dataset, sizes)
    const stats: Record<string, FeatureStats> = {}
    for (const [name, { dtype }] of Object.entries(this.features)) {
      if (dtype !== 'image') stats[name] = columnStats(values[name], sizes[name])
      else {
        const paths = Array.from({ length: this.files }, (_, file) => this.pathOf(episodesPath, file))
        stats[name] = aggregateImageStats(
          (await Promise.all(paths.map((p) => readImageStats(p, name)))).flat(),
        )
      }
    }
    return stats
  }

  private dataFiles() {
    return Array.from({ length: this.files }, (_, file) => {
      const { chunk_index, file_index } = filePosition(file)
      const inFile = this.episodes.filter((e) => e.chunkIndex === chunk_index && e.fileIndex === file_index)
      return { path: this.pathOf(dataPath, file), from: inFile[0].from, to: inFile.at(-1)!.to }
    })
  }

  private pathOf(template: string, file: number): string {
    return join(this.dir, fillPath(template, filePosition(file)))
  }

  private taskIndex(task: string): number {
    const index = this.tasks.indexOf(task)
    return index >= 0 ? index : this.tasks.push(task) - 1
  }

  private writeFile(): void {
    const { chunk_index, file_index } = filePosition(this.files)
    const groups: ParquetColumn[][] = []
    const stats: Record<string, FeatureStats>[] = []
    const first = this.episodes.length
    for (const episode of this.pending) {
      const { columns, ...rest } = this.tableOf(episode)
      groups.push(columns)
      stats.push(rest.stats)
      this.episodes.push({
        episode: this.episodes.length,
        length: episode.length,
        tasks: [episode.task],
        from: this.rows,
        to: this.rows + episode.length,
        chunkIndex: chunk_index,
        fileIndex: file_index,
        extra: episode.extra,
      })
      this.rows += episode.length
    }
    const table = this.episodesTable(this.episodes.slice(first), stats)
    writeFileAtomic(
      this.pathOf(dataPath, this.files),
      parquetBytes(groups, [huggingfaceMetadata(this.features)]),
    )
    writeFileAtomic(this.pathOf(episodesPath, this.files), parquetBytes([table]))
    this.files += 1
    this.pending = []
    this.pendingBytes = 0
  }

  /** The rows of an episode that comes next, and its statistics. */
  private tableOf(episode: EpisodeData): { columns: ParquetColumn[]; stats: Record<string, FeatureStats> } {
    const { length } = episode
    const count = (value: (i: number) => number) => Float64Array.from({ length }, (_, i) => value(i))
    const task = this.taskIndex(episode.task)
    const values: Record<string, ArrayLike<number>> = {
      ...episode.columns,
      timestamp: Float32Array.from({ length }, (_, i) => i / this.description.fps),
      frame_index: count((i) => i),
      episode_index: count(() => this.episodes.length),
      index: count((i) => this.rows + i),
      task_index: count(() => task),
    }
    const stats: Record<string, FeatureStats> = {}
    const columns = Object.entries(this.features).map(([name, feature]): ParquetColumn => {
      if (feature.dtype === 'image') {
        stats[name] = episode.images[name].stats
        const data = episode.images[name].bytes.map((bytes, i) => ({
          bytes,
          path: `frame-${String(i).padStart(6, '0')}.png`,
        }))
        return { name, type: { value: 'image' }, data }
      }
      stats[name] = columnStats(values[name], sizeOf(feature))
      return { name, ...tableColumn(values[name], feature, length) }
    })
    return { columns, stats }
  }

  private episodesTable(
    entries: readonly EpisodeEntry[],
    stats: readonly Record<string, FeatureStats>[],
  ): ParquetColumn[] {
    const integers = (name: string, of: (entry: EpisodeEntry) => number): ParquetColumn => ({
      name,
      type: { value: 'int64' },
      data: entries.map((entry) => BigInt(of(entry))),
    })
    const { chunk_index, file_index } = filePosition(this.files)
    const extra = Object.entries(this.description.episodeColumns).map(
      ([name, value]): ParquetColumn =>
        value === 'int64'
          ? integers(name, (entry) => Number(entry.extra[name]))
          : { name, type: { value }, data: entries.map((entry) => entry.extra[name]) },
    )
    return [
      integers('episode_index', (entry) => entry.episode),
      { name: 'tasks', type: { value: 'string', depth: 1 }, data: entries.map(({ tasks }) => [...tasks]) },
      integers('length', (entry) => entry.length),
      integers('data/chunk_index', (entry) => entry.chunkIndex),
      integers('data/file_index', (entry) => entry.fileIndex),
      integers('dataset_from_index', (entry) => entry.from),
      integers('dataset_to_index', (entry) => entry.to),
      integers('meta/episodes/chunk_index', () => chunk_index),
      integers('meta/episodes/file_index', () => file_index),
      ...extra,
      ...Object.entries(this.features).flatMap(([name, { dtype }]) =>
        statNames.map((stat): ParquetColumn => {
          const values = stats.map((episode) => episode[name][stat])
          const isCount = stat === 'count'
          return {
            name: `stats/${name}/${stat}`,
            type: {
              value: isCount ? 'int64' : 'float64',
              depth: dtype === 'image' && !isCount ? 3 : 1,
            },
            data: isCount ? values.map((count) => (count as number[]).map(BigInt)) : values,
          }
        }),
      ),
    ]
  }
}

/** Values of a feature as parquet holds them. */
function tableColumn(
  values: ArrayLike<number>,
  feature: Feature,
  length: number,
): { type: ColumnType; data: unknown[] } {
  const value = feature.dtype as 'float32' | 'int64' | 'bool'
  const size = sizeOf(feature)
  const cell = (x: number) => (value === 'int64' ? BigInt(x) : value === 'bool' ? x !== 0 : x)
  if (feature.shape.length === 1 && size === 1)
    return { type: { value }, data: Array.from({ length }, (_, i) => cell(values[i])) }
  return {
    type: { value, depth: 1 },
    data: Array.from({ length }, (_, i) =>
      Array.from({ length: size }, (_, k) => cell(values[i * size + k])),
    ),
  }
}
