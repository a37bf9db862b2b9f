import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { type EmbodimentDescription, embodiments, type ImageSpec } from '../envs/index.js'
import type { EmbodimentEntry, QuantileStats } from '../policy/index.js'
import { type LerobotDataset, openLerobot, readFeatures, readStats } from './lerobot/read.js'
import { type Feature, imageSize, infoFile, statsFile } from './lerobot/schema.js'
import { labelDim } from './rollout/scripted.js'

/** Features of the datasets that training reads, beside LeRobot's `observation.state` and `action`. */
export const cameraKey = 'observation.images.third_person'
/**
 * Privileged labels. Not named `observation.…`, so that no policy that trains on the dataset takes it for an input.
 */
export const groundingKey = 'grounding'

export interface DatasetInfo {
  readonly dir: string
  readonly embodiment: string
  readonly actionDim: number
  readonly stateDim: number
  /** The camera's feature, and what it shows. */
  readonly camera: string
  readonly image: ImageSpec
  readonly frames: number
  /** Quantiles of every frame's action and state, from meta/stats.json. */
  readonly actionStats: QuantileStats
  readonly stateStats: QuantileStats
}

/** An episode without its pictures, which are read when frames are made of it. */
export interface Demonstration {
  readonly instruction: string
  /** Control steps; every one of them is a frame. */
  readonly length: number
  /** Row of the dataset of its first frame. */
  readonly from: number
  /** [length, actionDim] what the expert would have done in every frame, robot space. */
  readonly actions: Float32Array
  /** [length, stateDim] */
  readonly states: Float32Array
  /** [length, labelDim], or empty where the dataset has no grounding labels. */
  readonly labels: Float32Array
}

export interface Dataset {
  readonly info: DatasetInfo
  readonly demonstrations: readonly Demonstration[]
  readonly source: LerobotDataset
}

/** The feature of a camera picture; `info.crop` tells the part of the published frame it shows. */
export function imageFeature({ width, height, crop }: ImageSpec): Feature {
  return {
    dtype: 'image',
    shape: [height, width, 3],
    names: ['height', 'width', 'channels'],
    ...(crop && { info: { crop: [...crop] } }),
  }
}

/**
 * Opens a dataset of `vla-gym collect` or `vla-gym dataset convert`. Pictures are not read yet.
 * @throws UserError naming file and field: a missing column, a wrong dimension, a number that is not finite, another
 * embodiment or rate
 */
export async function loadDataset(dir: string): Promise<Dataset> {
  const source = await openLerobot(dir)
  const embodiment = embodimentOf(source)
  const { camera, image } = cameraOf(source)
  const { actionDim, stateDim } = embodiment
  if (source.episodes.length === 0) throw new UserError(`${dir}: the dataset holds no demonstration`)
  const sizes: Record<string, number> = { action: actionDim, 'observation.state': stateDim }
  if (source.info.features[groundingKey]) sizes[groundingKey] = labelDim
  const values = await readFeatures(source, sizes)
  const part = (name: string, from: number, to: number) =>
    Float32Array.from((values[name] ?? []).subarray(from * sizes[name], to * sizes[name]))
  const demonstrations = source.episodes.map(({ episode, from, to, length, tasks }): Demonstration => {
    if (tasks.length !== 1)
      throw new UserError(`${dir}/meta/episodes, episode ${episode}: ${tasks.length} tasks, expected one`)
    return {
      instruction: tasks[0],
      length,
      from,
      actions: part('action', from, to),
      states: part('observation.state', from, to),
      labels: sizes[groundingKey] ? part(groundingKey, from, to) : new Float32Array(0),
    }
  })
  const stats = readStats(dir)
  const quantiles = (name: string): QuantileStats => {
    const { q01, q99 } = (stats[name] ?? {}) as { q01?: number[]; q99?: number[] }
    for (const [field, value] of Object.entries({ q01, q99 })) {
      if (!Array.isArray(value) || value.length !== sizes[name] || !value.every(Number.isFinite)) {
        throw new UserError(
          `${join(dir, statsFile)}: field '${name}.${field}' is not a list of ${sizes[name]} numbers`,
        )
      }
    }
    return { q01: q01!, q99: q99! }
  }
  const info: DatasetInfo = {
    dir,
    embodiment: embodiment.id,
    actionDim,
    stateDim,
    camera,
    image,
    frames: source.info.total_frames,
    actionStats: quantiles('action'),
    stateStats: quantiles('observation.state'),
  }
  return { info, demonstrations, source }
}

/** The robot of a dataset, its features checked against it. @throws UserError */
function embodimentOf({ dir, info }: LerobotDataset): EmbodimentDescription {
  const path = join(dir, infoFile)
  const embodiment = embodiments.get(String(info.robot_type))
  if (!embodiment) {
    throw new UserError(
      `${path}: field 'robot_type' is '${info.robot_type}', not one of ${[...embodiments.keys()].join(', ')}; ` +
        "'vla-gym dataset convert' maps another robot's channels",
    )
  }
  if (info.fps !== embodiment.controlFrequency) {
    throw new UserError(
      `${path}: field 'fps' is ${info.fps}, ${embodiment.id} is controlled at ${embodiment.controlFrequency} Hz`,
    )
  }
  const { actionDim, stateDim, actionNames, stateNames } = embodiment
  for (const [name, size, names] of [
    ['action', actionDim, actionNames],
    ['observation.state', stateDim, stateNames],
    [groundingKey, labelDim, null],
  ] as const) {
    const feature = info.features[name]
    if (!feature && name === groundingKey) continue
    if (!feature) throw new UserError(`${path}: field 'features.${name}' is missing`)
    if (feature.shape.length !== 1 || feature.shape[0] !== size) {
      throw new UserError(
        `${path}: field 'features.${name}.shape' is [${feature.shape.join(', ')}], ${embodiment.id} has [${size}]`,
      )
    }
    if (names && Array.isArray(feature.names) && String(feature.names) !== String(names)) {
      throw new UserError(
        `${path}: field 'features.${name}.names' is ${feature.names.join(', ')}; ${embodiment.id} has ${names.join(', ')}`,
      )
    }
  }
  return embodiment
}

/** The one camera of a dataset. @throws UserError */
function cameraOf({ dir, info }: LerobotDataset): { camera: string; image: ImageSpec } {
  const path = join(dir, infoFile)
  const cameras = Object.entries(info.features).filter(([, { dtype }]) => /^(image|video)$/.test(dtype))
  if (cameras.length !== 1) {
    const found = cameras.length === 0 ? 'no camera' : `cameras ${cameras.map(([name]) => name).join(', ')}`
    throw new UserError(`${path}: field 'features' has ${found}; 'vla-gym dataset convert' chooses one`)
  }
  const [camera, feature] = cameras[0]
  if (feature.dtype !== 'image')
    throw new UserError(
      `${path}: field 'features.${camera}' is a video; 'vla-gym dataset convert' makes images`,
    )
  const crop = feature.info?.crop as ImageSpec['crop']
  return { camera, image: { ...imageSize(feature), ...(crop && { crop }) } }
}

/** In units of a policy's own range of a channel: a dataset beyond it is of something else, as mm are for m. */
const widestRange = 5

/**
 * Compares a dataset's states with those that a policy was trained on.
 * @throws UserError naming the channel that is far outside: other units, another frame, another robot
 */
export function checkStatistics({ info }: Dataset, entry: EmbodimentEntry, policy: string): void {
  const { q01, q99 } = entry.stateStats
  for (let channel = 0; channel < q01.length; channel++) {
    const centre = (q01[channel] + q99[channel]) / 2
    // A channel that hardly moved in training says nothing about what is usual: a tenth of a unit is.
    const half = Math.max((q99[channel] - q01[channel]) / 2, 0.1)
    const range = [info.stateStats.q01[channel], info.stateStats.q99[channel]]
    if (range.every((x) => Math.abs(x - centre) <= widestRange * half)) continue
    const show = (lo: number, hi: number) => `[${lo.toPrecision(3)}, ${hi.toPrecision(3)}]`
    throw new UserError(
      `${join(info.dir, statsFile)}: field 'observation.state', channel ${channel} ` +
        `(${entry.description.stateNames?.[channel] ?? 'unnamed'}) lies in ${show(range[0], range[1])}; ` +
        `${policy} was trained on ${show(q01[channel], q99[channel])}`,
    )
  }
}
