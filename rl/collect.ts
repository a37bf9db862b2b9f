import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@msgpack/msgpack'
import { UserError } from '@vla-gym/gymnasium'
import { embodiments, type ImageSpec, type Suite } from '../envs/index.js'
import { makeFolder, writeFileAtomic } from './atomicFile.js'
import { type DatasetInfo, datasetFormat, infoFile, type PackedDemonstration, readShard } from './dataset.js'
import type { RolloutPool } from './rollout/rolloutPool.js'
import type { DemonstrationOptions } from './rollout/scripted.js'
import { trainingSeed } from './seeds.js'

export interface CollectOptions extends DemonstrationOptions {
  readonly suite: Suite
  readonly tasks: readonly string[]
  /** Successful demonstrations wanted of each task. */
  readonly episodes: number
  readonly seed: number
  readonly image: ImageSpec
  readonly distractors: boolean
  readonly out: string
  onProgress?(demonstrations: number, attempts: number): void
}

/** Episodes tried by one pool task and stored in one file. */
const shardEpisodes = 16

/**
 * Demonstrations of the scripted expert on random placements, successful ones only. Shard `i` of a task always
 * holds the same attempts, so neither the number of workers nor an interruption changes the dataset.
 */
export async function collect(pool: RolloutPool, options: CollectOptions): Promise<DatasetInfo> {
  const { suite, out } = options
  makeFolder(out)
  const config = JSON.stringify({ ...options, suite: suite.id, out: undefined }, null, 1)
  const configPath = join(out, 'config.json')
  if (existsSync(configPath) && readFileSync(configPath, 'utf8') !== config) {
    throw new UserError(
      `${out}: holds a dataset collected with other settings (config.json); choose another --out`,
    )
  }
  writeFileAtomic(configPath, config)

  const attempts: Record<string, number> = {}
  const demonstrations: Record<string, number> = {}
  let frames = 0
  let done = 0
  let tried = 0
  for (const task of options.tasks) {
    attempts[task] = 0
    demonstrations[task] = 0
    for (let wave = 0; demonstrations[task] < options.episodes; wave++) {
      if (wave * shardEpisodes * pool.workers > 20 * options.episodes + 1000) {
        throw new UserError(`${task}: the expert succeeds too rarely to collect ${options.episodes} episodes`)
      }
      // Whole waves of shards, counted in order, so that the result does not depend on who finishes first.
      const shards = Array.from({ length: pool.workers }, (_, i) => wave * pool.workers + i)
      const results = await Promise.all(shards.map((shard) => collectShard(pool, options, task, shard)))
      for (const [i, result] of results.entries()) {
        if (demonstrations[task] >= options.episodes) break
        const keep = Math.min(result.length, options.episodes - demonstrations[task])
        const path = join(out, `${task}-${String(shards[i]).padStart(5, '0')}.msgpack`)
        writeFileAtomic(path, encode(result.slice(0, keep)))
        attempts[task] += shardEpisodes
        demonstrations[task] += keep
        for (const record of result.slice(0, keep)) frames += (record.frameSteps as Uint8Array).byteLength / 4
        done += keep
        tried += shardEpisodes
        options.onProgress?.(done, tried)
      }
    }
  }
  const embodiment = embodiments.get(suite.embodiment)!
  const info: DatasetInfo = {
    format: datasetFormat,
    suite: suite.id,
    embodiment: suite.embodiment,
    tasks: [...options.tasks],
    seed: options.seed,
    image: options.image,
    actionDim: embodiment.actionDim,
    stateDim: embodiment.stateDim,
    attempts,
    demonstrations,
    frames,
  }
  writeFileAtomic(join(out, infoFile), JSON.stringify(info, null, 1))
  return info
}

async function collectShard(
  pool: RolloutPool,
  options: CollectOptions,
  task: string,
  shard: number,
): Promise<PackedDemonstration[]> {
  const path = join(options.out, `${task}-${String(shard).padStart(5, '0')}.msgpack`)
  if (existsSync(path)) return readShard(path)
  const { maxNoise, frameStride, stepsAfterSuccess } = options
  const { demonstrations } = await pool.runScripted({
    task,
    agent: 'expert',
    episodes: Array.from({ length: shardEpisodes }, (_, i) => ({
      task,
      seed: trainingSeed(options.seed, shard * shardEpisodes + i),
    })),
    env: { image: options.image, distractors: options.distractors },
    videoEpisodes: 0,
    demonstrations: { maxNoise, frameStride, stepsAfterSuccess },
  })
  return demonstrations.map((d) => ({
    task: d.task,
    instruction: d.instruction,
    seed: d.seed,
    success: d.success,
    actions: bytesOf(d.actions),
    frameSteps: bytesOf(d.frameSteps),
    images: d.images,
    states: bytesOf(d.states),
    labels: bytesOf(d.labels),
  }))
}

function bytesOf(array: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
