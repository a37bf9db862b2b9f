import { existsSync } from 'node:fs'
import { UserError, unknownId } from '@vla-gym/gymnasium'
import { officialEpisodesOf, type Suite, suites } from '../envs/index.js'
import {
  type ActingSettings,
  actingWith,
  type ClientOptions,
  type Device,
  isRemoteUrl,
  loadPolicyData,
  PolicyRuntime,
  RemoteClient,
  readFolder,
} from '../policy/index.js'
import { resolvePolicyDir } from './checkpoint.js'
import { playRemote } from './evaluateRemote.js'
import { type IntentionReport, intentionReport } from './intentionReport.js'
import { type LiveReport, liveReport } from './liveReport.js'
import { describeMachine, type Machine } from './machine.js'
import { type MotionReport, motionReport } from './motionReport.js'
import { localChunks } from './rollout/chunks.js'
import type { EpisodeRecord, EpisodeSpec, RenderedFrame } from './rollout/episode.js'
import { evaluationPolicy } from './rollout/evaluationPolicy.js'
import { type LiveOptions, type LiveTimes, livePolicy } from './rollout/livePolicy.js'
import type { RolloutPool } from './rollout/rolloutPool.js'
import { type ScriptedAgent, scriptedAgents } from './rollout/scripted.js'
import { evaluationSeed } from './seeds.js'
import { meanOfRates, wilson } from './statistics.js'

/** Who acts: a scripted agent, a checkpoint, or a policy server. */
export type Agent =
  | { readonly kind: ScriptedAgent }
  | { readonly kind: 'checkpoint'; readonly runtime: PolicyRuntime; readonly contentHash: string }
  | { readonly kind: 'remote'; readonly client: RemoteClient }

export interface AgentOptions {
  readonly threads: number
  readonly device?: Device
  /** How a checkpoint acts, where not as its manifest says. */
  readonly acting?: ActingSettings
  /** How a server is asked. */
  readonly remote?: ClientOptions
}

/** `name` is 'expert', 'random', 'still', a folder, or a server's ws:// or wss:// address. @throws UserError */
export async function loadAgent(name: string, options: AgentOptions): Promise<Agent> {
  const { threads, device, acting = {}, remote } = options
  const scripted = scriptedAgents.find((agent) => agent === name)
  if (scripted) return { kind: scripted }
  if (isRemoteUrl(name)) return { kind: 'remote', client: await RemoteClient.connect(name, remote) }
  if (!existsSync(name)) {
    const { message } = unknownId('policy', name, scriptedAgents)
    throw new UserError(`${message}, a policy or run folder, or ws://HOST:PORT`)
  }
  const dir = resolvePolicyDir(name)
  const policy = actingWith(loadPolicyData(dir), acting)
  const runtime = await PolicyRuntime.create(policy, { threads, device })
  return { kind: 'checkpoint', runtime, contentHash: readFolder(dir).manifest.contentHash }
}

/** Frees what an agent holds: sessions, connections. */
export async function releaseAgent(agent: Agent): Promise<void> {
  if (agent.kind === 'checkpoint') await agent.runtime.release()
  if (agent.kind === 'remote') agent.client.close()
}

export interface EvaluationOptions {
  readonly suite: Suite
  readonly tasks: readonly string[]
  /** Episodes of each task; default: `defaultEpisodes`. */
  readonly episodes?: number
  readonly placement: 'official' | 'random'
  readonly seed: number
  /** The world goes on while the policy thinks; absent: it waits. */
  readonly live?: LiveOptions
  /** Robots that ask a remote policy at a time; default 16, or 128 of `vla-gym serve`. */
  readonly robots?: number
  /** Every control step is rendered for so many episodes of the first task. */
  readonly videoEpisodes?: number
  readonly signal?: AbortSignal
  /** Called first with zeros. */
  onProgress?(done: number, successes: number): void
}

export interface TaskResult {
  readonly task: string
  /** Episodes that were played. */
  readonly episodes: number
  /** Success at the last step of the episode, as SimplerEnv counts it. */
  readonly successes: number
  readonly rate: number
  readonly ci95: [lo: number, hi: number]
  /** Success at any step, and any grasp of the right object: reported beside it, never mixed with it. */
  readonly successesOnce: number
  readonly grasps: number
  /** Episodes that a remote policy's server did not let play, with no part in any rate. */
  readonly infrastructureFailures?: number
}

export interface EvaluationReport {
  readonly suite: string
  readonly protocol: string
  readonly policy: string
  readonly checkpoint?: string
  /** How a checkpoint acted. */
  readonly acting?: ActingSettings
  /** How a remote policy was asked. */
  readonly remote?: { readonly protocol: string; readonly mapping: string }
  readonly seed: number
  readonly live?: LiveReport
  readonly motion?: MotionReport
  readonly intention?: IntentionReport
  /** Episodes that could not be played, why, and the tasks that therefore have no result. */
  readonly infrastructureFailures?: {
    readonly episodes: number
    readonly reasons: string[]
    readonly tasks: string[]
  }
  /** Of which at least one episode was played. */
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

/** Episodes of a task where no number is given: each official one once; 100 with random placement. */
export function defaultEpisodes(suite: Suite, placement: 'official' | 'random', task: string): number {
  return placement === 'official' ? officialEpisodesOf(suite, task) : 100
}

/** Episodes of an evaluation: fixed by suite, task, number and seed. */
export function evaluationEpisodes(options: EvaluationOptions): EpisodeSpec[] {
  const { suite, tasks, episodes, placement, seed } = options
  return tasks.flatMap((task, t) =>
    Array.from({ length: episodes ?? defaultEpisodes(suite, placement, task) }, (_, i) => {
      const episodeId = placement === 'official' ? { episodeId: i % officialEpisodesOf(suite, task) } : {}
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
  const times: LiveTimes[] = []
  options.onProgress?.(0, 0)
  const onBatch: BatchDone = (batch) => {
    for (const { index, frames } of batch.videos)
      videos.push({ frames, success: batch.records[index].success })
    records.push(...batch.records)
    times.push(...(batch.times ?? []))
    options.onProgress?.(records.length, records.filter((r) => r.success).length)
  }
  if (agent.kind === 'checkpoint') await runCheckpoint(pool, agent, episodes, options, onBatch)
  else if (agent.kind === 'remote') await playRemote(pool, agent.client, episodes, options, onBatch)
  else await runScripted(pool, agent, episodes, options, onBatch)
  const reasons = [...new Set(records.flatMap(({ infrastructureFailure: reason }) => reason ?? []))]
  const played = records.filter((r) => r.infrastructureFailure === undefined)
  if (played.length === 0) throw new UserError(`no episode could be played: ${reasons[0]}`)
  const unplayed = options.tasks.filter((task) => !played.some((r) => r.task === task))
  const tasks = options.tasks
    .filter((task) => !unplayed.includes(task))
    .map((task) => taskResult(task, played, records))
  const report: EvaluationReport = {
    suite: options.suite.id,
    protocol: protocolText(options),
    policy: name,
    ...describeAgent(agent),
    seed: options.seed,
    ...(options.live && { live: liveReport(options.live.latency, times) }),
    ...(reasons.length > 0 && {
      infrastructureFailures: {
        episodes: records.length - played.length,
        reasons: reasons.slice(0, 5),
        tasks: unplayed,
      },
    }),
    tasks,
    mean: meanOfRates(tasks.map(({ successes, episodes }) => ({ successes, n: episodes }))),
    wallSeconds: (performance.now() - start) / 1000,
    machine: describeMachine(),
    ...motionReport(played),
    ...intentionReport(played),
  }
  return { report, records, videos }
}

function protocolText({ placement, live, suite }: EvaluationOptions): string {
  const end = {
    'last-step': 'fixed-length episodes, success at the last step',
    'any-step': 'an episode ends with its success',
  }
  const text = `${placement} placement, ${end[suite.successReadAt]}`
  if (!live) return text
  return `${text}, live with ${live.latency === undefined ? 'the measured latency' : `a latency of ${live.latency} ms`}`
}

function describeAgent(agent: Agent): Pick<EvaluationReport, 'checkpoint' | 'acting' | 'remote'> {
  if (agent.kind === 'checkpoint') {
    const { denoisingSteps, executedSteps, initialNoise = 1 } = agent.runtime.config
    return { checkpoint: agent.contentHash, acting: { denoisingSteps, executedSteps, initialNoise } }
  }
  if (agent.kind !== 'remote') return {}
  const { contract, protocol } = agent.client
  return 'server' in contract
    ? { checkpoint: contract.server.policy, remote: { protocol, mapping: 'vla-gym serve' } }
    : { remote: { protocol, mapping: contract.mapping.name } }
}

type BatchDone = (batch: {
  records: EpisodeRecord[]
  videos: { index: number; frames: RenderedFrame[] }[]
  times?: readonly LiveTimes[]
}) => void

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
  const { description } = runtime.embodiment(embodiment)
  const { actionDim, stateDim } = description
  const { executedSteps } = config
  for (let start = 0; start < episodes.length; start += segmentEpisodes) {
    const segment = episodes.slice(start, start + segmentEpisodes)
    const world = options.live && liveWorld(segment, options.live)
    const policy = world?.policy ?? evaluationPolicy(runtime, embodiment, segment)
    const { records, videos } = await pool.runSegment(policy, {
      episodes: segment,
      env: {
        image: { width: config.imageWidth, height: config.imageHeight, crop: config.imageCrop },
        ...(options.live && options.suite.live),
      },
      stateDim,
      actionDim,
      executedSteps,
      videoEpisodes: start === 0 ? (options.videoEpisodes ?? 0) : 0,
      signal: options.signal,
    })
    onBatch({ records, videos, times: world?.times })
  }

  function liveWorld(segment: readonly EpisodeSpec[], live: LiveOptions) {
    const whole = evaluationPolicy(runtime, embodiment, segment, config.chunkSize)
    const chunks = localChunks(whole, live.latency === undefined)
    return livePolicy(chunks, description, segment.length, executedSteps, live)
  }
}

async function runScripted(
  pool: RolloutPool,
  agent: Extract<Agent, { kind: ScriptedAgent }>,
  episodes: readonly EpisodeSpec[],
  options: EvaluationOptions,
  onBatch: BatchDone,
): Promise<void> {
  if (options.live)
    throw new UserError(`live mode is for policies that take time to think, not '${agent.kind}'`)
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
    for (const result of results) onBatch(result)
  }
}

function taskResult(
  task: string,
  played: readonly EpisodeRecord[],
  all: readonly EpisodeRecord[],
): TaskResult {
  const records = played.filter((r) => r.task === task)
  const infrastructureFailures = all.filter((r) => r.task === task).length - records.length
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
    ...(infrastructureFailures > 0 && { infrastructureFailures }),
  }
}

/** @throws UserError naming the nearest known ids */
export function findSuite(id: string): Suite {
  const suite = suites.get(id)
  if (!suite) throw unknownId('suite', id, suites.keys())
  return suite
}
