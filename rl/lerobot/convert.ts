import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import type { ImageSpec } from '../../envs/index.js'
import { decodePng, encodePng } from '../../policy/images/png.js'
import { cropAndResize } from '../../policy/images/resize.js'
import { makeFolder, writeFileAtomic } from '../atomicFile.js'
import { cameraKey, imageFeature } from '../dataset.js'
import { type ChannelSource, type Mapping, readMapping } from './mapping.js'
import { type EpisodeEntry, type LerobotDataset, openLerobot, readFeatures, visitImages } from './read.js'
import { infoFile, type LerobotInfo, sizeOf } from './schema.js'
import { addToHistogram, imageStats, newHistogram } from './statistics.js'
import { visitVideoFrames } from './videoFrames.js'
import { LerobotWriter } from './write.js'

export interface ConvertOptions {
  /** A LeRobot v3 dataset. */
  readonly input: string
  readonly out: string
  /** File that says which of its features are ours. */
  readonly mapping: string
  /** What the policy looks at. */
  readonly image: ImageSpec
  onProgress?(episodes: number, total: number): void
}

/**
 * Turns a LeRobot v3 dataset that others made into one that training reads: one camera in the policy's size, states and
 * actions in the embodiment's channels and units, at its control frequency. Goes on where it was interrupted.
 * @throws UserError naming file and field
 */
export async function convert(options: ConvertOptions): Promise<LerobotInfo> {
  const { input, image } = options
  const source = await openLerobot(input)
  const mapping = readMapping(options.mapping, source.info, join(input, infoFile))
  for (const { episode, tasks } of source.episodes) {
    if (tasks.length !== 1)
      throw new UserError(`${input}/meta/episodes, episode ${episode}: ${tasks.length} tasks, expected one`)
  }
  const values = await readFeatures(source, sourceSizes(mapping, source.info))
  const writer = await openWriter(options, mapping)

  const { episodes } = source
  const first = writer.episodes.length
  const rowOf = new Int32Array(source.info.total_frames).fill(-1)
  for (const { from, to } of episodes.slice(first))
    for (let row = from; row < to; row += mapping.every) rowOf[row] = row
  let current = first
  let pngs: Uint8Array[] = []
  let histogram = newHistogram()
  const visit = (_: number, bytes: Uint8Array, where: string): void => {
    const data = resized(bytes, mapping, image, where)
    addToHistogram(histogram, data)
    pngs.push(encodePng({ ...image, data }))
    const episode = episodes[current]
    const length = Math.ceil(episode.length / mapping.every)
    if (pngs.length < length) return
    writer.add({
      task: episode.tasks[0],
      length,
      columns: {
        'observation.state': mapChannels(mapping.state, values, source, episode, mapping.every),
        action: mapChannels(mapping.action, values, source, episode, mapping.every),
      },
      images: { [cameraKey]: { bytes: pngs, stats: imageStats(histogram, length) } },
      extra: { source_episode: episode.episode },
    })
    pngs = []
    histogram = newHistogram()
    current += 1
    options.onProgress?.(current, episodes.length)
  }
  if (source.info.features[mapping.camera].dtype === 'video')
    visitVideoFrames(source, mapping.camera, rowOf, visit)
  else await visitImages(source, mapping.camera, rowOf, visit)
  return writer.finish()
}

async function openWriter({ out, mapping: path, image, input }: ConvertOptions, mapping: Mapping) {
  makeFolder(out)
  const settings = JSON.stringify({ input, mapping: JSON.parse(readFileSync(path, 'utf8')), image }, null, 1)
  const settingsPath = join(out, 'meta/convert.json')
  const isOther = existsSync(settingsPath)
    ? readFileSync(settingsPath, 'utf8') !== settings
    : existsSync(join(out, 'meta'))
  if (isOther) throw new UserError(`${out}: holds another dataset (${settingsPath}); choose another --out`)
  writeFileAtomic(settingsPath, settings)
  const { embodiment } = mapping
  return LerobotWriter.open(out, {
    fps: embodiment.controlFrequency,
    robotType: embodiment.id,
    features: {
      [cameraKey]: imageFeature(image),
      'observation.state': { dtype: 'float32', shape: [embodiment.stateDim], names: embodiment.stateNames },
      action: { dtype: 'float32', shape: [embodiment.actionDim], names: embodiment.actionNames },
    },
    episodeColumns: { source_episode: 'int64' },
  })
}

/** Sizes of the source features that the mapping reads. */
function sourceSizes(mapping: Mapping, info: LerobotInfo): Record<string, number> {
  const sizes: Record<string, number> = {}
  for (const channel of [...mapping.state, ...mapping.action])
    if ('feature' in channel) sizes[channel.feature] = sizeOf(info.features[channel.feature])
  return sizes
}

function resized(bytes: Uint8Array, mapping: Mapping, image: ImageSpec, where: string): Uint8Array {
  try {
    return cropAndResize(decodePng(bytes), mapping.crop, image.width, image.height)
  } catch (error) {
    throw new UserError(`${where}: ${(error as Error).message}`)
  }
}

/** Our channels over an episode, [frames, channels]. */
function mapChannels(
  channels: Mapping['state'],
  values: Readonly<Record<string, Float64Array>>,
  { info }: LerobotDataset,
  { from, to }: EpisodeEntry,
  every: number,
): Float32Array {
  const frames = Math.ceil((to - from) / every)
  const out = new Float32Array(frames * channels.length)
  for (const [c, channel] of channels.entries()) {
    for (let frame = 0; frame < frames; frame++) {
      const start = from + frame * every
      const end = Math.min(start + every, to)
      out[frame * channels.length + c] =
        'feature' in channel
          ? combined(channel, values[channel.feature], sizeOf(info.features[channel.feature]), start, end)
          : channel.value
    }
  }
  return out
}

function combined(
  { channel, scale, offset, combine }: ChannelSource,
  values: Float64Array,
  size: number,
  start: number,
  end: number,
): number {
  if (combine !== 'sum')
    return scale * values[(combine === 'first' ? start : end - 1) * size + channel] + offset
  let sum = 0
  for (let row = start; row < end; row++) sum += values[row * size + channel]
  return scale * sum + offset
}
