import { setImmediate } from 'node:timers/promises'
import { Piscina } from 'piscina'
import type { ManipulationEnvOptions } from '../../envs/index.js'
import { compiledUrl } from './compiledUrl.js'
import type { EnvBenchmarkTask } from './envBenchmark.js'
import type { EpisodeRecord, EpisodeSpec, RenderedFrame } from './episode.js'
import type { ScriptedResult, ScriptedTask } from './scripted.js'
import { type LearnerPhase, learnerPhases, type SegmentTimes, segmentTimes } from './segmentTimes.js'
import {
  groupRange,
  leaveSignal,
  readInstruction,
  running,
  type SharedSegment,
  sharedSegment,
  timedOut,
} from './sharedSegment.js'
import { Stopwatch } from './stopwatch.js'
import { cpuBetween, processCpuSeconds, threadCpuSeconds } from './threadCpu.js'
import type { SegmentShare, SegmentTask } from './worker.js'

/** The observations of a group's running episodes, copied out of shared memory. */
export interface ObservationBatch {
  readonly batch: number
  /** [batch] index of each row's episode in the segment. */
  readonly episodes: Int32Array
  /** [batch, height, width, 3] */
  readonly images: Uint8Array
  /** [batch, stateDim] robot units. */
  readonly states: Float32Array
  /** [batch] */
  readonly instructions: string[]
}

export interface SegmentPolicy {
  /** Chooses chunks: [batch, executedSteps, actionDim] in robot space. `decision` counts from 0. */
  act(observations: ObservationBatch, decision: number): Promise<Float32Array>
  /** Shown the last observation of episodes that ended without success (for bootstrapping). */
  observeFinal?(observations: ObservationBatch): Promise<void>
}

export interface SegmentOptions {
  readonly episodes: readonly EpisodeSpec[]
  readonly env: ManipulationEnvOptions
  readonly stateDim: number
  readonly actionDim: number
  readonly executedSteps: number
  readonly videoEpisodes?: number
  readonly signal?: AbortSignal
  /** Called after every decision with the number of episodes that have ended. */
  onProgress?(ended: number): void
}

export interface SegmentResult {
  readonly records: EpisodeRecord[]
  readonly videos: { index: number; frames: RenderedFrame[] }[]
  readonly times: SegmentTimes
}

/**
 * While one group waits for the policy, the workers step the others. Two would do if steps took no more and no less time
 * than actions; with four, neither side waits for the other at every difference. Batches of 16 rows take no more
 * time a row than larger ones.
 */
const groupCount = (episodes: number): number => Math.max(2, Math.min(4, Math.floor(episodes / 16)))

/**
 * Parallel environments in worker threads, which start with the first task: ending threads that are still loading, as
 * an error in the settings would, can end the process. One pool task runs a whole segment of every worker's episodes.
 */
export class RolloutPool {
  readonly workers: number
  private threads: Piscina | undefined

  constructor(workers: number) {
    this.workers = workers
  }

  private get pool(): Piscina {
    this.threads ??= new Piscina({
      filename: compiledUrl(import.meta.url, './worker.js').href,
      minThreads: this.workers,
      maxThreads: this.workers,
      idleTimeout: Number.POSITIVE_INFINITY,
    })
    return this.threads
  }

  /**
   * Runs every episode of the segment to its end, with the policy in the loop. Rows of a batch depend on the
   * episodes only, so results are the same for any number of workers.
   */
  async runSegment(policy: SegmentPolicy, options: SegmentOptions): Promise<SegmentResult> {
    const { episodes, env, stateDim, actionDim, executedSteps } = options
    const cpuBefore = processCpuSeconds()
    const learnerBefore = threadCpuSeconds()
    const stopwatch = new Stopwatch(learnerPhases)
    const imageBytes = env.image ? env.image.width * env.image.height * 3 : 0
    const groups = groupCount(episodes.length)
    const layout = {
      episodes: episodes.length,
      groups,
      imageBytes,
      stateDim,
      actionSize: executedSteps * actionDim,
    }
    const shared = sharedSegment(layout)
    let failure: unknown
    const tasks = Array.from({ length: this.workers }, (_, worker) => {
      const task: SegmentTask = {
        buffer: shared.buffer,
        layout,
        worker,
        workers: this.workers,
        episodes,
        executedSteps,
        env,
        videoEpisodes: options.videoEpisodes ?? 0,
        finalImages: policy.observeFinal !== undefined,
      }
      return this.pool.run(task, { name: 'runSegment' }) as Promise<SegmentShare>
    })
    for (const task of tasks) {
      task.catch((error) => {
        failure ??= error
      })
    }

    try {
      await this.serveGroups(
        shared,
        policy,
        options,
        stopwatch,
        () => failure ?? (options.signal?.aborted && options.signal.reason),
      )
    } finally {
      for (let g = 0; g < groups; g++) signal(shared, g, leaveSignal)
    }
    const shares = await Promise.all(tasks)
    stopwatch.lap('waiting')
    const learnerAfter = threadCpuSeconds()
    const times = segmentTimes(shares, {
      cpu: processCpuSeconds() - cpuBefore,
      learner: stopwatch.phases,
      learnerCpu: cpuBetween(learnerBefore, learnerAfter),
    })
    const records: EpisodeRecord[] = new Array(episodes.length)
    for (const share of shares) for (const { index, record } of share.records) records[index] = record
    const videos = shares.flatMap((share) => share.videos).sort((a, b) => a.index - b.index)
    return { records, videos, times }
  }

  private async serveGroups(
    shared: SharedSegment,
    policy: SegmentPolicy,
    options: SegmentOptions,
    stopwatch: Stopwatch<LearnerPhase>,
    failure: () => unknown,
  ): Promise<void> {
    const { groups } = shared.layout
    const active = Array.from({ length: groups }, (_, g) => {
      const [start, end] = groupRange(shared.layout, g)
      return Array.from({ length: end - start }, (_, i) => start + i)
    })
    // A single episode leaves a group empty: nobody will act in it.
    for (const [g, rows] of active.entries()) if (rows.length === 0) signal(shared, g, leaveSignal)
    for (let decision = 0; active.some((rows) => rows.length > 0); decision++) {
      for (let g = 0; g < groups; g++) {
        if (active[g].length === 0) continue
        await waitForWorkers(shared, g, this.workers * (decision + 1), failure)
        stopwatch.lap('waiting')
        const ended = active[g].filter((i) => shared.status[i] === timedOut)
        if (ended.length > 0 && policy.observeFinal) {
          const observations = gatherObservations(shared, ended)
          stopwatch.lap('transfer')
          await policy.observeFinal(observations)
          stopwatch.lap('policy')
        }
        active[g] = active[g].filter((i) => shared.status[i] === running)
        if (active[g].length > 0) {
          const observations = gatherObservations(shared, active[g])
          stopwatch.lap('transfer')
          const actions = await policy.act(observations, decision)
          stopwatch.lap('policy')
          const { actionSize } = shared.layout
          active[g].forEach((i, row) => {
            shared.actions.set(actions.subarray(row * actionSize, (row + 1) * actionSize), i * actionSize)
          })
          signal(shared, g, decision + 1)
        } else signal(shared, g, leaveSignal)
        stopwatch.lap('transfer')
      }
      options.onProgress?.(options.episodes.length - active.reduce((sum, rows) => sum + rows.length, 0))
    }
  }

  /** Runs one scripted task on a free worker. */
  runScripted(task: ScriptedTask): Promise<ScriptedResult> {
    return this.pool.run(task, { name: 'runScripted' })
  }

  /** Control steps per second, one environment in each worker at once, summed. */
  async benchmarkEnvs(task: EnvBenchmarkTask): Promise<number> {
    const runs = Array.from({ length: this.workers }, () => this.pool.run(task, { name: 'runEnvBenchmark' }))
    return (await Promise.all(runs)).reduce((sum: number, rate: number) => sum + rate, 0)
  }

  /** Ends the threads; tasks that are under way are given up, and their promises rejected. */
  async close(): Promise<void> {
    // An answer that arrives while its thread is ended is an error event, and without a listener the end of the process.
    this.threads?.on('error', () => {})
    await this.threads?.destroy()
  }
}

function signal(shared: SharedSegment, group: number, value: number): void {
  Atomics.store(shared.actionsReady, group, value)
  Atomics.notify(shared.actionsReady, group)
}

/** Waits in short slices, so that signals and failed workers are noticed between them. */
async function waitForWorkers(
  shared: SharedSegment,
  group: number,
  target: number,
  failure: () => unknown,
): Promise<void> {
  for (;;) {
    const ready = Atomics.load(shared.observationsReady, group)
    if (ready >= target) return
    Atomics.wait(shared.observationsReady, group, ready, 2)
    await setImmediate()
    if (failure()) throw failure()
  }
}

function gatherObservations(shared: SharedSegment, episodes: readonly number[]): ObservationBatch {
  const { imageBytes, stateDim } = shared.layout
  const images = new Uint8Array(episodes.length * imageBytes)
  const states = new Float32Array(episodes.length * stateDim)
  episodes.forEach((i, row) => {
    images.set(shared.images.subarray(i * imageBytes, (i + 1) * imageBytes), row * imageBytes)
    states.set(shared.states.subarray(i * stateDim, (i + 1) * stateDim), row * stateDim)
  })
  const instructions = episodes.map((i) => readInstruction(shared, i))
  return { batch: episodes.length, episodes: Int32Array.from(episodes), images, states, instructions }
}
