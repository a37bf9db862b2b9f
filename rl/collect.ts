import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import {
  appearanceSpec,
  type EmbodimentDescription,
  embodiments,
  type ImageSpec,
  type Suite,
} from '../envs/index.js'
import { makeFolder, writeFileAtomic } from './atomicFile.js'
import { cameraKey, groundingKey, imageFeature } from './dataset.js'
import type { EpisodeEntry } from './lerobot/read.js'
import { imageStats } from './lerobot/statistics.js'
import { type DatasetDescription, type EpisodeData, LerobotWriter } from './lerobot/write.js'
import type { RolloutPool } from './rollout/rolloutPool.js'
import {
  type DemonstrationOptions,
  labelDim,
  labelNames,
  type RecordedDemonstration,
  type ScriptedResult,
} from './rollout/scripted.js'
import { trainingSeed } from './seeds.js'

/** Placements to learn from: those that are evaluated, or ranges that are wider. */
export type TrainingPlacement = 'random' | 'wide'

export interface CollectOptions extends DemonstrationOptions {
  readonly suite: Suite
  readonly tasks: readonly string[]
  /** Successful demonstrations wanted of each task. */
  readonly episodes: number
  readonly seed: number
  readonly image: ImageSpec
  readonly distractors: boolean
  /** Default 'random'. */
  readonly placement?: TrainingPlacement
  /** Share of the episodes that look different from all others; the episodes are the same. Default 0. */
  readonly randomize?: number
  readonly out: string
  onProgress?(demonstrations: number, attempts: number): void
}

export interface CollectResult {
  readonly episodes: number
  readonly frames: number
  /** Episodes tried and kept, by task. */
  readonly attempts: Record<string, number>
  readonly demonstrations: Record<string, number>
}

/** Most episodes of one pool task. */
const attemptsPerShard = 16

/**
 * Demonstrations of the scripted expert on random placements, successful ones only, as a LeRobot v3 dataset. The
 * attempts of a task are numbered, and kept ones are stored in that order, so neither the number of workers nor an
 * interruption changes the dataset.
 */
export async function collect(pool: RolloutPool, options: CollectOptions): Promise<CollectResult> {
  const { suite, out } = options
  if (options.lapses && !embodiments.get(suite.embodiment)!.actionNames.includes('dx'))
    throw new UserError(`--lapses drifts an arm moved by dx, dy, dz, not ${suite.embodiment}: leave it out`)
  makeFolder(out)
  const { onProgress, out: _, ...settings } = options
  const config = JSON.stringify({ ...settings, suite: suite.id }, null, 1)
  const configPath = join(out, 'meta/collect.json')
  if (existsSync(configPath) && readFileSync(configPath, 'utf8') !== config) {
    throw new UserError(`${configPath}: the dataset was collected with other settings; choose another --out`)
  }
  writeFileAtomic(configPath, config)

  const writer = await LerobotWriter.open(out, description(embodiments.get(suite.embodiment)!, options))
  const attempts: Record<string, number> = {}
  const demonstrations: Record<string, number> = {}
  const report = () => onProgress?.(sum(demonstrations), sum(attempts))
  for (const task of options.tasks) {
    const stored = writer.episodes.filter(({ extra }) => extra.task_id === task)
    demonstrations[task] = stored.length
    attempts[task] = stored.length > 0 ? attemptOf(stored.at(-1)!) + 1 : 0
    if (stored.length > 0) report()
    const shards = attemptsInOrder(pool, options, task, attempts[task], () => ({
      wanted: options.episodes - demonstrations[task],
      rate: (demonstrations[task] + 1) / (attempts[task] + 1),
    }))
    while (demonstrations[task] < options.episodes) {
      const { first, result } = await shards()
      const kept = result.demonstrations.slice(0, options.episodes - demonstrations[task])
      for (const demonstration of kept) {
        const attempt = first + demonstration.episode
        writer.add(episodeData(demonstration, task, attempt, options.seed))
        demonstrations[task] += 1
        attempts[task] = attempt + 1
      }
      if (demonstrations[task] < options.episodes) attempts[task] = first + result.records.length
      report()
    }
  }
  const { total_episodes, total_frames } = await writer.finish()
  return { episodes: total_episodes, frames: total_frames, attempts, demonstrations }
}

/**
 * Runs attempts ahead on all workers and gives them out in their order. As many are under way as are likely to be
 * needed, and not more than keeps the workers busy.
 */
function attemptsInOrder(
  pool: RolloutPool,
  options: CollectOptions,
  task: string,
  start: number,
  progress: () => { wanted: number; rate: number },
): () => Promise<{ first: number; result: ScriptedResult }> {
  const underWay: { first: number; count: number; result: Promise<ScriptedResult> }[] = []
  let next = start
  const fill = () => {
    const { wanted, rate } = progress()
    for (;;) {
      const running = underWay.reduce((n, { count }) => n + count, 0)
      const missing = Math.ceil(wanted / Math.max(rate, 0.05)) - running
      if (missing <= 0 || underWay.length >= 2 * pool.workers) return
      const count = Math.min(attemptsPerShard, Math.ceil(missing / pool.workers))
      const result = runAttempts(pool, options, task, next, count)
      result.catch(() => {}) // whoever takes it gets the error
      underWay.push({ first: next, count, result })
      next += count
    }
  }
  return async () => {
    fill()
    if (next > 20 * options.episodes + 1000)
      throw new UserError(`${task}: the expert succeeds too rarely to collect ${options.episodes} episodes`)
    const { first, result } = underWay[0]
    const taken = { first, result: await result }
    underWay.shift()
    return taken
  }
}

function runAttempts(pool: RolloutPool, options: CollectOptions, task: string, first: number, count: number) {
  const { maxNoise, stepsAfterSuccess, lapses, image, distractors, placement, randomize, seed } = options
  return pool.runScripted({
    task,
    agent: 'expert',
    episodes: Array.from({ length: count }, (_, i) => ({ task, seed: trainingSeed(seed, first + i) })),
    env: {
      image,
      distractors,
      placement,
      appearance: randomize ? { ...appearanceSpec('random'), share: randomize } : 'plain',
    },
    videoEpisodes: 0,
    demonstrations: { maxNoise, stepsAfterSuccess, lapses },
  })
}

function description(
  embodiment: EmbodimentDescription,
  { image }: Pick<CollectOptions, 'image'>,
): DatasetDescription {
  const { actionDim, stateDim, actionNames, stateNames } = embodiment
  return {
    fps: embodiment.controlFrequency,
    robotType: embodiment.id,
    features: {
      [cameraKey]: imageFeature(image),
      'observation.state': { dtype: 'float32', shape: [stateDim], names: stateNames },
      action: { dtype: 'float32', shape: [actionDim], names: actionNames },
      [groundingKey]: { dtype: 'float32', shape: [labelDim], names: [...labelNames] },
      'next.success': { dtype: 'bool', shape: [1], names: null },
      'next.done': { dtype: 'bool', shape: [1], names: null },
    },
    episodeColumns: { task_id: 'string', attempt: 'int64', seed: 'int64' },
  }
}

function episodeData(d: RecordedDemonstration, task: string, attempt: number, seed: number): EpisodeData {
  const { length, images } = d
  return {
    task: d.instruction,
    length,
    columns: {
      'observation.state': d.states,
      action: d.actions,
      [groundingKey]: d.labels,
      'next.success': d.success,
      'next.done': Uint8Array.from({ length }, (_, i) => (i === length - 1 ? 1 : 0)),
    },
    images: { [cameraKey]: { bytes: images, stats: imageStats(d.imageHistogram, length) } },
    extra: { task_id: task, attempt, seed: trainingSeed(seed, attempt) },
  }
}

const attemptOf = (entry: EpisodeEntry): number => Number(entry.extra.attempt)
const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
