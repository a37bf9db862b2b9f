import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@msgpack/msgpack'
import { Rng, UserError } from '@vla-gym/gymnasium'
import type { Suite } from '../../envs/index.js'
import {
  checkDevice,
  type Device,
  flowSdeCoefficients,
  loadPolicyData,
  ParameterStore,
  type PolicyData,
  PolicyRuntime,
  readFolder,
} from '../../policy/index.js'
import { writeFileAtomic } from '../atomicFile.js'
import { createOrtBackend } from '../backend/ortBackend.js'
import {
  lastCheckpoint,
  loadTrainingState,
  resolvePolicyDir,
  saveCheckpoint,
  saveFinishedPolicy,
  underPrefix,
  withPrefix,
} from '../checkpoint.js'
import { type Evaluation, evaluate } from '../evaluate.js'
import { ppoLoss, valueLoss } from '../losses/ppo.js'
import { type PpoConfig, ppoUpdate } from '../ppo.js'
import type { EpisodeRecord, EpisodeSpec } from '../rollout/episode.js'
import { flowSdePolicy } from '../rollout/flowSdePolicy.js'
import type { RolloutPool } from '../rollout/rolloutPool.js'
import { openRunFolder } from '../runFolder.js'
import { trainingSeed } from '../seeds.js'
import { trainableDit } from '../trainableDit.js'
import { episodesVideo } from '../video.js'

export interface TrainRlOptions {
  readonly init: string
  readonly suite: Suite
  readonly tasks: readonly string[]
  readonly out: string
  readonly seed: number
  /** Training time of the whole run, evaluations excluded; a resumed run goes on to the same total. */
  readonly minutes: number
  readonly config: PpoConfig
  /** Episodes of each task before and after, random placements that training never sees. */
  readonly evaluationEpisodes: number
  readonly threads: number
  readonly device?: Device
  /** Trains low-rank adapters of the DiT's weights instead of the weights. */
  readonly loraRank?: number
  /** Seconds between checkpoints; default 20. */
  readonly checkpointSeconds?: number
  readonly signal?: AbortSignal
  onProgress?(
    phase: 'before' | 'train' | 'after',
    done: number,
    total: number,
    fields: Record<string, number>,
  ): void
}

export interface TrainRlResult {
  readonly checkpoint: string
  readonly iterations: number
  readonly episodes: number
  readonly before: Evaluation
  readonly after: Evaluation
  /** Training seconds, evaluations excluded. */
  readonly seconds: number
}

const videoEpisodes = 8

/** PPO with Flow-SDE from a checkpoint, evaluated before and after on the same episodes. Resumes from `out`. */
export async function trainRl(pool: RolloutPool, options: TrainRlOptions): Promise<TrainRlResult> {
  const { config, suite, tasks, seed, signal, checkpointSeconds = 20 } = options
  const { embodiment } = suite
  await checkDevice(options.device)
  const initDir = resolvePolicyDir(options.init)
  const initial = loadPolicyData(initDir)
  const { contentHash } = readFolder(initDir).manifest
  const run = openRunFolder(options.out, {
    stage: 'rl',
    init: contentHash,
    suite: suite.id,
    tasks,
    seed,
    evaluationEpisodes: options.evaluationEpisodes,
    ...(options.loraRank !== undefined && { loraRank: options.loraRank }),
    ...config,
  })
  const { threads, device } = options
  const runtime = await PolicyRuntime.create(initial, { threads, device })
  const before = await evaluateOnce('before', contentHash)

  const backendOptions = { loss: 'loss', maxGradNorm: config.maxGradNorm, threads, device }
  const expert = trainableDit(initial, options.loraRank ? { rank: options.loraRank, seed } : undefined)
  const actor = await createOrtBackend(ppoLoss(initial.manifest.config, expert.model), {
    ...backendOptions,
    groups: [{ parameters: expert.trained, lr: 'actorLr' }],
  })
  const valueHead = new ParameterStore(initial.parameters, null)
  const critic = await createOrtBackend(valueLoss(initial.manifest.config, valueHead), {
    ...backendOptions,
    groups: [{ parameters: [...valueHead.parameters.keys()], lr: 'criticLr' }],
  })
  const { denoisingSteps } = initial.manifest.config
  const coefficients = flowSdeCoefficients(denoisingSteps, config.noiseLevel)

  let iteration = 0
  let episodes = 0
  let seconds = 0
  const last = lastCheckpoint(run.dir)
  if (last) {
    const { progress, tensors } = loadTrainingState(last)
    if (progress.stage !== 'rl')
      throw new UserError(`${run.dir}: holds a run of stage '${progress.stage}', not 'rl'`)
    actor.loadState(underPrefix('actor/', tensors))
    critic.loadState(underPrefix('critic/', tensors))
    await useTrainedParameters()
    iteration = Number(progress.iteration)
    episodes = Number(progress.episodes)
    seconds = Number(progress.seconds)
  }

  let savedIteration = iteration
  let savedAt = performance.now()
  const budget = options.minutes * 60
  options.onProgress?.('train', seconds, budget, {})
  try {
    while (seconds < budget && !signal?.aborted) {
      const start = performance.now()
      const specs = episodesOf(iteration)
      const { policy, experience } = flowSdePolicy(runtime, embodiment, specs, coefficients)
      const { records } = await pool.runSegment(policy, {
        episodes: specs,
        env: { image: imageOf(initial), successSteps: config.successSteps },
        stateDim: runtime.embodiment(embodiment).description.stateDim,
        actionDim: runtime.embodiment(embodiment).description.actionDim,
        executedSteps: initial.manifest.config.executedSteps,
        signal,
      })
      const rolloutSeconds = (performance.now() - start) / 1000
      const warmup = iteration < config.criticWarmupIterations
      const rng = Rng.fromSeed(seed, 'update', iteration)
      const parts = { runtime, actor, critic, coefficients }
      const metrics = await ppoUpdate(experience, records, parts, embodiment, config, rng, warmup)
      await useTrainedParameters()

      iteration += 1
      episodes += specs.length
      const iterationSeconds = (performance.now() - start) / 1000
      seconds += iterationSeconds
      const success = records.filter((r) => r.success).length / records.length
      const figures = {
        episodes,
        success,
        ...successByTask(records),
        ...metrics,
        rolloutSeconds,
        updateSeconds: iterationSeconds - rolloutSeconds,
        episodesPerSecond: specs.length / iterationSeconds,
      }
      run.metrics.log(iteration, figures)
      options.onProgress?.('train', seconds, budget, figures)
      if (performance.now() - savedAt > 1000 * checkpointSeconds) save()
    }
  } finally {
    // An interrupted run keeps its last whole iteration.
    if (iteration > savedIteration) save()
  }
  signal?.throwIfAborted()
  if (!lastCheckpoint(run.dir)) save()

  const checkpoint = lastCheckpoint(run.dir)!
  const after = await evaluateOnce('after', readFolder(checkpoint).manifest.contentHash)
  saveFinishedPolicy(
    run.dir,
    { ...initial, parameters: runtime.parameters },
    { stage: 'rl', iteration, episodes },
  )
  await Promise.all([actor.release(), critic.release(), runtime.release()])
  run.metrics.close()
  return { checkpoint, iterations: iteration, episodes, before, after, seconds }

  function episodesOf(iterationIndex: number): EpisodeSpec[] {
    return Array.from({ length: config.episodesPerIteration }, (_, i) => ({
      task: tasks[i % tasks.length],
      seed: trainingSeed(seed, iterationIndex, i),
    }))
  }

  async function useTrainedParameters(): Promise<void> {
    await runtime.setParameters(expert.weights(actor.parameters()), ['dit'])
    await runtime.setParameters(critic.parameters(), ['value'])
  }

  function save(): void {
    const policy = { ...initial, parameters: runtime.parameters }
    saveCheckpoint(run.dir, iteration, policy, {
      progress: { stage: 'rl', iteration, episodes, seconds },
      tensors: new Map([...withPrefix('actor/', actor.state()), ...withPrefix('critic/', critic.state())]),
    })
    savedIteration = iteration
    savedAt = performance.now()
  }

  /** Evaluates once per checkpoint; a resumed run reads what it had written. */
  async function evaluateOnce(phase: 'before' | 'after', key: string): Promise<Evaluation> {
    const path = join(run.dir, `evaluation-${phase}.json`)
    if (existsSync(path)) {
      const saved = JSON.parse(readFileSync(path, 'utf8')) as Evaluation & { key: string }
      if (saved.key === key) return { ...saved, videos: [] }
    }
    const total = options.evaluationEpisodes * tasks.length
    const agent = { kind: 'checkpoint', runtime, contentHash: key } as const
    const evaluation = await evaluate(pool, agent, phase === 'before' ? options.init : run.dir, {
      suite,
      tasks,
      episodes: options.evaluationEpisodes,
      placement: 'random',
      seed,
      videoEpisodes,
      signal,
      onProgress: (done, successes) =>
        options.onProgress?.(phase, done, total, done > 0 ? { success: successes / done } : {}),
    })
    const { report, records } = evaluation
    const video = await episodesVideo(evaluation.videos)
    if (video) writeFileAtomic(join(run.dir, `episodes-${phase}.mp4`), video)
    writeFileAtomic(join(run.dir, `episodes-${phase}.msgpack`), encode(records))
    writeFileAtomic(path, JSON.stringify({ key, report, records }, null, 1))
    return evaluation
  }
}

function imageOf(data: PolicyData) {
  const { imageWidth: width, imageHeight: height, imageCrop: crop } = data.manifest.config
  return { width, height, crop }
}

function successByTask(records: readonly EpisodeRecord[]): Record<string, number> {
  const tasks = [...new Set(records.map((r) => r.task))]
  if (tasks.length < 2) return {}
  return Object.fromEntries(
    tasks.map((task) => {
      const own = records.filter((r) => r.task === task)
      return [`success/${task}`, own.filter((r) => r.success).length / own.length]
    }),
  )
}
