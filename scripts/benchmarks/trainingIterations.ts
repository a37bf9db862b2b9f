import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Suite } from '../../envs/index.js'
import { ppoDefaults } from '../../rl/ppo.js'
import type { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { trainRl } from '../../rl/stages/rl.js'
import { otherPrograms } from './otherPrograms.js'

/** What `train rl` logs of an iteration, and the share of the cores that other programs used meanwhile. */
export type Iteration = Readonly<Record<string, number>>

export interface TrainingIterations {
  readonly policy: string
  readonly suite: Suite
  readonly iterations: number
  /** Of an iteration; rounded up to equal numbers of every task. */
  readonly episodes: number
  readonly seed: number
  readonly threads: number
  readonly signal?: AbortSignal
  onProgress?(iteration: number, total: number): void
}

/** Iterations before those that are measured: new environments, and a compiler that has not seen them yet. */
const warmUp = 3

/** Iterations of PPO as `train rl` runs them, in a temporary folder; the first few, in which all is new, are left out. */
export async function trainingIterations(
  pool: RolloutPool,
  options: TrainingIterations,
): Promise<Iteration[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vla-gym-bench-'))
  const { suite, seed, threads, signal } = options
  const episodes = Math.ceil(options.episodes / suite.tasks.length) * suite.tasks.length
  const iterations: Iteration[] = []
  const others = otherPrograms()
  try {
    await trainRl(pool, {
      init: options.policy,
      suite,
      tasks: suite.tasks,
      out: folder,
      seed,
      minutes: Number.MAX_SAFE_INTEGER,
      episodes: episodes * (warmUp + options.iterations),
      // Every iteration trains the actor too.
      config: { ...ppoDefaults, episodesPerIteration: episodes, criticWarmupIterations: 0 },
      evaluationEpisodes: 1,
      videoEpisodes: 0,
      checkpointSeconds: Number.MAX_SAFE_INTEGER,
      threads,
      signal,
      onProgress(phase, _done, _total, fields) {
        if (phase !== 'train') return
        const otherShare = others()
        if (fields.rolloutSeconds === undefined) return
        iterations.push({ ...fields, episodes, others: otherShare })
        options.onProgress?.(iterations.length, warmUp + options.iterations)
      },
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return iterations.slice(warmUp)
}
