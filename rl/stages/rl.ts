import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@msgpack/msgpack'
import { Rng, UserError } from '@vla-gym/gymnasium'
import type { AdamWGroup, Model, TensorData } from '@vla-gym/onnx-grad'
import { checkOptions, type Suite } from '../../envs/index.js'
import {
  type ActingSettings,
  actingWith,
  type ClientOptions,
  checkDevice,
  createSampler,
  type Device,
  expertOf,
  loadPolicyData,
  localExplorer,
  type PolicyData,
  PolicyRuntime,
  RemoteClient,
  RemoteExplorer,
  readFolder,
  type SamplerId,
  samplerOptions,
  settingsOf,
} from '../../policy/index.js'
import { type AlgorithmId, algorithmOptions, createAlgorithm } from '../algorithms.js'
import { writeFileAtomic } from '../atomicFile.js'
import { createOrtBackend } from '../backend/ortBackend.js'
import { timedBackend } from '../backend/timedBackend.js'
import {
  lastCheckpoint,
  loadTrainingState,
  resolvePolicyDir,
  saveCheckpoint,
  saveFinishedPolicy,
  underPrefix,
  withPrefix,
} from '../checkpoint.js'
import type { TrainingPlacement } from '../collect.js'
import { type Evaluation, evaluate } from '../evaluate.js'
import { ppoLoss } from '../losses/ppo.js'
import type { EpisodeRecord } from '../rollout/episode.js'
import { explorationPolicy } from '../rollout/explorationPolicy.js'
import { policyThreads } from '../rollout/policyThreads.js'
import type { RolloutPool } from '../rollout/rolloutPool.js'
import { type RolloutShares, rolloutShares } from '../rollout/segmentTimes.js'
import { processCpuSeconds } from '../rollout/threadCpu.js'
import { openRunFolder } from '../runFolder.js'
import { trainableDit } from '../trainableDit.js'
import { trainingEpisodes } from '../trainingEpisodes.js'
import { episodesVideo } from '../video.js'
import { backendSettings, type MemorySettings, settingsInUse } from './backendSettings.js'

export interface TrainRlOptions extends MemorySettings {
  readonly init: string
  readonly suite: Suite
  readonly tasks: readonly string[]
  readonly out: string
  readonly seed: number
  /** Training time of the whole run, evaluations excluded; a resumed run goes on to the same total. */
  readonly minutes: number
  /** Ends training at the iteration that reaches so many episodes, if time has not ended it before. */
  readonly episodes?: number
  /** Default ppo. */
  readonly algorithm?: AlgorithmId
  /** How the policy explores; default flow-sde. */
  readonly sampler?: SamplerId
  /** Settings of algorithm and sampler by name, defaults where absent. */
  readonly config: Readonly<Record<string, number>>
  /** Of training episodes; default 'random'. */
  readonly placement?: TrainingPlacement
  /** Episodes of each task before and after, random placements that training never sees. */
  readonly evaluationEpisodes: number
  /** Episodes of the first task that are filmed before and after; default 8. */
  readonly videoEpisodes?: number
  readonly threads: number
  readonly device?: Device
  /** How the policy acts, in training and afterwards, where not as its manifest says. */
  readonly acting?: ActingSettings
  /** Trains low-rank adapters of the DiT's weights instead of the weights. */
  readonly loraRank?: number
  /**
   * A `vla-gym serve --allow-training` of `init` that samples in rollouts, with weights that it is sent; absent: this
   * process does. The numbers are the same.
   */
  readonly policyServer?: Omit<ClientOptions, 'mapping'> & { readonly url: string }
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

/** What `algorithm` and `sampler` are where nothing else is said. */
export const rlDefaults = { algorithm: 'ppo', sampler: 'flow-sde' } as const

/** All settings of an algorithm with a sampler. */
export const rlOptions = (algorithm: AlgorithmId, sampler: SamplerId) => ({
  ...algorithmOptions[algorithm],
  ...samplerOptions[sampler],
})

/**
 * Reinforcement learning from a checkpoint, evaluated before and after on the same episodes. Resumes from `out`.
 * @throws UserError for a policy, a device, a policy server or settings that do not work
 */
export async function trainRl(pool: RolloutPool, options: TrainRlOptions): Promise<TrainRlResult> {
  const { policyServer } = options
  if (!policyServer) return train(pool, options)
  const client = await RemoteClient.connect(policyServer.url, policyServer)
  try {
    return await train(pool, options, client)
  } finally {
    client.close()
  }
}

async function train(
  pool: RolloutPool,
  options: TrainRlOptions,
  client?: RemoteClient,
): Promise<TrainRlResult> {
  const { suite, tasks, seed, signal, checkpointSeconds = 20 } = options
  const { algorithm: algorithmId = rlDefaults.algorithm, sampler: samplerId = rlDefaults.sampler } = options
  const config = settingsOf(rlOptions(algorithmId, samplerId), options.config)
  if (config.finalLrShare !== 1 && options.episodes === undefined)
    throw new UserError('finalLrShare is reached at the last episode: set episodes (--episodes) too')
  const { embodiment } = suite
  const rules = {
    successSteps: config.successSteps,
    placement: options.placement,
    ...(config.liftHeight > 0 && { liftHeight: config.liftHeight }),
  }
  checkOptions(rules)
  await checkDevice(options.device)
  const initDir = resolvePolicyDir(options.init)
  const initial = actingWith(loadPolicyData(initDir), options.acting ?? {})
  const { contentHash } = readFolder(initDir).manifest
  const env = { ...rules, image: imageOf(initial) }
  const { threads, device } = options
  const runOn = { threads: policyThreads(threads, pool.workers), device }
  const runtime = await PolicyRuntime.create(initial, runOn)
  const { description } = runtime.embodiment(embodiment)
  const sampler = await createSampler(
    samplerId,
    { config: initial.manifest.config, activeChannels: description.actionDim, seed, ...runOn },
    config,
  )
  const setup = {
    policy: contentHash,
    embodiment,
    sampler: samplerId,
    settings: pick(config, Object.keys(samplerOptions[samplerId])),
    acting: options.acting ?? {},
  }
  const remote =
    client && new RemoteExplorer(client, { setup, config: initial.manifest.config, sampler, signal })
  const explorer = remote ?? localExplorer(runtime, embodiment, sampler)
  const run = openRunFolder(options.out, {
    stage: 'rl',
    init: contentHash,
    suite: suite.id,
    tasks,
    seed,
    evaluationEpisodes: options.evaluationEpisodes,
    ...(options.loraRank !== undefined && { loraRank: options.loraRank }),
    ...settingsInUse({ microBatch: options.microBatch, recompute: options.recompute }),
    algorithm: algorithmId,
    sampler: samplerId,
    ...options.acting,
    ...(options.placement === 'wide' && { placement: 'wide' }),
    ...config,
  })
  const before = await evaluateOnce('before', contentHash)

  const clocks = { actor: { seconds: 0 }, critic: { seconds: 0 } }
  const optimiser = { loss: 'loss', maxGradNorm: config.maxGradNorm, threads, device }
  const openBackend = async (model: Model, groups: readonly AdamWGroup[]) =>
    timedBackend(await createOrtBackend(model, { ...optimiser, groups }), clocks.critic)
  const expert = trainableDit(initial, options.loraRank ? { rank: options.loraRank, seed } : undefined)
  const ownParameters = [...sampler.parameters.keys()]
  const actorBackend = await createOrtBackend(ppoLoss(initial.manifest.config, expert.model, sampler), {
    ...optimiser,
    groups: [
      { parameters: expert.trained, lr: 'actorLr' },
      ...(ownParameters.length > 0 ? [{ parameters: ownParameters, lr: 'samplerLr' }] : []),
    ],
    ...backendSettings({ microBatch: options.microBatch, recompute: options.recompute }),
  })
  const actor = timedBackend(actorBackend, clocks.actor)
  const parts = { policy: initial, runtime, embodiment, sampler, actor, openBackend }
  const algorithm = await createAlgorithm(algorithmId, parts, config)
  const { critic } = algorithm

  let iteration = 0
  let episodes = 0
  let seconds = 0
  const last = lastCheckpoint(run.dir)
  if (last) {
    const { progress, tensors } = loadTrainingState(last)
    if (progress.stage !== 'rl')
      throw new UserError(`${run.dir}: holds a run of stage '${progress.stage}', not 'rl'`)
    actor.loadState(underPrefix('actor/', tensors))
    critic?.loadState(underPrefix('critic/', tensors))
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
    while (seconds < budget && episodes < (options.episodes ?? Infinity) && !signal?.aborted) {
      const start = performance.now()
      const specs = trainingEpisodes({
        tasks,
        episodes: config.episodesPerIteration,
        groupSize: algorithm.groupSize,
        seed,
        iteration,
      })
      await remote?.setWeights(expertOf(runtime.parameters), only(actor.parameters(), ownParameters))
      const { policy, experience } = explorationPolicy(explorer, specs, algorithm.bootstraps)
      const { records, times } = await pool.runSegment(policy, {
        episodes: specs,
        env,
        stateDim: description.stateDim,
        actionDim: description.actionDim,
        executedSteps: initial.manifest.config.executedSteps,
        signal,
      })
      const rolloutSeconds = (performance.now() - start) / 1000
      clocks.actor.seconds = clocks.critic.seconds = 0
      const updateStart = processCpuSeconds()
      const rng = Rng.fromSeed(seed, 'update', iteration)
      const progress = options.episodes ? Math.min(1, episodes / options.episodes) : 0
      const metrics = await algorithm.update({ iteration, progress, experience, records }, rng)
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
        actorSeconds: clocks.actor.seconds,
        criticSeconds: clocks.critic.seconds,
        rolloutCpuSeconds: times.cpu,
        updateCpuSeconds: processCpuSeconds() - updateStart,
        ...underRollout(rolloutShares(times)),
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
  await Promise.all([actor.release(), critic?.release(), sampler.release(), runtime.release()])
  run.metrics.close()
  return { checkpoint, iterations: iteration, episodes, before, after, seconds }

  async function useTrainedParameters(): Promise<void> {
    const trained = actor.parameters()
    await runtime.setParameters(expert.weights(only(trained, expert.trained)), ['dit'])
    if (ownParameters.length > 0) await sampler.setParameters(only(trained, ownParameters))
    if (critic) await runtime.setParameters(critic.parameters(), ['value'])
  }

  function save(): void {
    const policy = { ...initial, parameters: runtime.parameters }
    saveCheckpoint(run.dir, iteration, policy, {
      progress: { stage: 'rl', iteration, episodes, seconds },
      tensors: new Map([
        ...withPrefix('actor/', actor.state()),
        ...(critic ? withPrefix('critic/', critic.state()) : []),
      ]),
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
      videoEpisodes: options.videoEpisodes ?? 8,
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

const only = (tensors: ReadonlyMap<string, TensorData>, names: readonly string[]) =>
  new Map(names.map((name) => [name, tensors.get(name)!]))

const pick = (settings: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, settings[name]]))

const underRollout = (shares: RolloutShares): Record<string, number> =>
  Object.fromEntries(Object.entries(shares).map(([name, share]) => [`rollout/${name}`, share]))

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
