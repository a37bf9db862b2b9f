import { existsSync } from 'node:fs'
import { UserError, unknownId } from '@vla-gym/gymnasium'
import { type Suite, suites } from '../envs/index.js'
import { type Device, loadPolicyData, PolicyRuntime, readFolder } from '../policy/index.js'
import { resolvePolicyDir } from './checkpoint.js'
import { describeMachine, type Machine } from './machine.js'
import type { EpisodeRecord, EpisodeSpec, RenderedFrame } from './rollout/episode.js'
import { evaluationPolicy } from './rollout/evaluationPolicy.js'
import type { RolloutPool } from './rollout/rolloutPool.js'
import { evaluationSeed } from './seeds.js'
import { meanOfRates, wilson } from './statistics.js'

/** Who acts: the scripted expert, uniform random actions, or a checkpoint. */
export type Agent =
  | { readonly kind: 'expert' | 'random' }
  | { readonly kind: 'checkpoint'; readonly runtime: PolicyRuntime; readonly contentHash: string }

/** `name` is 'expert', 'random' or a folder. @throws UserError */
export async function loadAgent(name: string, threads: number, device?: Device): Promise<Agent> {
  if (name === 'expert' || name === 'random') return { kind: name }
  if (!existsSync(name)) {
    const { message } = unknownId('policy', name, ['expert', 'random'])
    throw new UserError(`${message}, or a policy or run folder`)
  }
  const dir = resolvePolicyDir(name)
  const runtime = await PolicyRuntime.create(loadPolicyData(dir), { threads, device })
  return { kind: 'checkpoint', runtime, contentHash: readFolder(dir).manifest.contentHash }
}

export interface EvaluationOptions {
  readonly suite: Suite
  readonly tasks: readonly string[]
  /** Episodes of each task. */
  readonly episodes: number
  readonly placement: 'official' | 'random'
  readonly seed: number
  /** Every control step is rendered for so many episodes of the first task. */
  readonly videoEpisodes?: number
  readonly signal?: AbortSignal
  /** Called first with zeros. */
  onProgress?(done: number, successes: number): void
}

export interface TaskResult {
  readonly task: string
  readonly episodes: number
  /** Success at the last step of the episode, as SimplerEnv counts it. */
  readonly successes: number
  readonly rate: number
  readonly ci95: [lo: number, hi: number]
  /** Success at any step, and any grasp of the right object: reported beside it, never mixed with it. */
  readonly successesOnce: number
  readonly grasps: number
}

export interface EvaluationReport {
  readonly suite: string
  readonly protocol: string
  readonly policy: string
  readonly checkpoint?: string
  readonly seed: number
  readonly tasks: TaskResult[]
  readonly mean: { readonly rate: number; readonly ci95: [lo: number, hi: number] }
  readonly wallSeconds: number
  readonly machine: Machine
}

export interface Evaluation {
  readonly report: EvaluationReport
  readonly records: EpisodeRecord[]
  readonly videos: { frames: RenderedFrame[]; success: boolean }[]
}

const segmentEpisodes = 128

/** Episodes of an evaluation: fixed by suite, task, number and seed. */
export function evaluationEpisodes(options: EvaluationOptions): EpisodeSpec[] {
  const { suite, tasks, episodes, placement, seed } = options
  return tasks.flatMap((task, t) =>
    Array.from({ length: episodes }, (_, i) => {
      const episodeId = placement === 'official' ? { episodeId: i % suite.officialEpisodes } : {}
      return { task, seed: evaluationSeed(seed, t, i), ...episodeId }
    }),
  )
}

/** Runs fixed-length episodes and counts success at their last step, with 95 % Wilson intervals. */
export async function evaluate(
  pool: RolloutPool,
  agent: Agent,
  name: string,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const start = performance.now()
  const episodes = evaluationEpisodes(options)
  const records: EpisodeRecord[] = []
  const videos: Evaluation['videos'] = []
  options.onProgress?.(0, 0)
  const onBatch: BatchDone = (batch, frames) => {
    for (const { index, frames: video } of frames)
      videos.push({ frames: video, success: batch[index].success })
    records.push(...batch)
    options.onProgress?.(records.length, records.filter((r) => r.success).length)
  }
  if (agent.kind === 'checkpoint') await runCheckpoint(pool, agent, episodes, options, onBatch)
  else await runScripted(pool, agent, episodes, options, onBatch)
  const tasks = options.tasks.map((task) => taskResult(task, records))
  const report: EvaluationReport = {
    suite: options.suite.id,
    protocol: `${options.placement} placement, fixed-length episodes, success at the last step`,
    policy: name,
    ...(agent.kind === 'checkpoint' ? { checkpoint: agent.contentHash } : {}),
    seed: options.seed,
    tasks,
    mean: meanOfRates(tasks.map(({ successes, episodes }) => ({ successes, n: episodes }))),
    wallSeconds: (performance.now() - start) / 1000,
    machine: describeMachine(),
  }
  return { report, records, videos }
}

type BatchDone = (records: EpisodeRecord[], videos: { index: number; frames: RenderedFrame[] }[]) => void

async function runCheckpoint(
  pool: RolloutPool,
  agent: Extract<Agent, { kind: 'checkpoint' }>,
  episodes: readonly EpisodeSpec[],
  options: EvaluationOptions,
  onBatch: BatchDone,
): Promise<void> {
  const { runtime } = agent
  const { config } = runtime
  const { embodiment } = options.suite
  const { actionDim, stateDim } = runtime.embodiment(embodiment).description
  for (let start = 0; start < episodes.length; start += segmentEpisodes) {
    const segment = episodes.slice(start, start + segmentEpisodes)
    const { records, videos } = await pool.runSegment(evaluationPolicy(runtime, embodiment, segment), {
      episodes: segment,
      env: { image: { width: config.imageWidth, height: config.imageHeight, crop: config.imageCrop } },
      stateDim,
      actionDim,
      executedSteps: config.executedSteps,
      videoEpisodes: start === 0 ? (options.videoEpisodes ?? 0) : 0,
      signal: options.signal,
    })
    onBatch(records, videos)
  }
}

async function runScripted(
  pool: RolloutPool,
  agent: Extract<Agent, { kind: 'expert' | 'random' }>,
  episodes: readonly EpisodeSpec[],
  options: EvaluationOptions,
  onBatch: BatchDone,
): Promise<void> {
  const size = 8
  const batches: EpisodeSpec[][] = []
  for (const task of options.tasks) {
    const own = episodes.filter((e) => e.task === task)
    for (let i = 0; i < own.length; i += size) batches.push(own.slice(i, i + size))
  }
  const wave = pool.workers
  for (let i = 0; i < batches.length; i += wave) {
    options.signal?.throwIfAborted()
    const results = await Promise.all(
      batches.slice(i, i + wave).map((batch, k) =>
        pool.runScripted({
          task: batch[0].task,
          agent: agent.kind,
          episodes: batch,
          env: { image: null },
          videoEpisodes: i + k === 0 ? (options.videoEpisodes ?? 0) : 0,
        }),
      ),
    )
    for (const { records, videos } of results) onBatch(records, videos)
  }
}

function taskResult(task: string, all: readonly EpisodeRecord[]): TaskResult {
  const records = all.filter((r) => r.task === task)
  const count = (test: (r: EpisodeRecord) => boolean) => records.filter(test).length
  const successes = count((r) => r.success)
  return {
    task,
    episodes: records.length,
    successes,
    rate: successes / records.length,
    ci95: wilson(successes, records.length),
    successesOnce: count((r) => r.successOnce),
    grasps: count((r) => r.graspedOnce),
  }
}

/** @throws UserError naming the nearest known ids */
export function findSuite(id: string): Suite {
  const suite = suites.get(id)
  if (!suite) throw unknownId('suite', id, suites.keys())
  return suite
}
