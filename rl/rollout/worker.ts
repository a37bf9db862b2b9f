import { initPhysics, type ManipulationEnvOptions, makeEnv, type RobotEnv } from '../../envs/index.js'
import { benchmarkEnv, type EnvBenchmarkTask } from './envBenchmark.js'
import { type EpisodeRecord, type EpisodeSpec, newRecord, type RenderedFrame, recordStep } from './episode.js'
import { runScriptedEpisodes, type ScriptedResult, type ScriptedTask } from './scripted.js'
import {
  groupRange,
  leaveSignal,
  running,
  type SegmentLayout,
  sharedSegment,
  succeeded,
  timedOut,
  writeInstruction,
} from './sharedSegment.js'
import { Stopwatch } from './stopwatch.js'
import { cpuBetween, threadCpuSeconds } from './threadCpu.js'

/** One worker's share of a segment: equally many episodes of every group. */
export interface SegmentTask {
  readonly buffer: SharedArrayBuffer
  readonly layout: SegmentLayout
  readonly worker: number
  readonly workers: number
  readonly episodes: readonly EpisodeSpec[]
  readonly executedSteps: number
  readonly env: ManipulationEnvOptions
  /** Control steps are rendered for the first so many episodes. */
  readonly videoEpisodes: number
  /** Whether the last picture of an episode that ended without success is wanted. */
  readonly finalImages: boolean
}

/** What a worker does: new episodes, steps, camera images, copies to the learner, nothing (no actions yet). */
export const workerPhases = ['resets', 'physics', 'rendering', 'transfer', 'waiting'] as const
export type WorkerPhase = (typeof workerPhases)[number]

export interface SegmentShare {
  readonly records: { index: number; record: EpisodeRecord }[]
  readonly videos: { index: number; frames: RenderedFrame[] }[]
  /** Seconds from the beginning to the end of the share. */
  readonly phases: Readonly<Record<WorkerPhase, number>>
  /** Processor seconds, where the platform tells. */
  readonly cpu?: number
}

/** Environments are kept between segments: a reset is much cheaper than a new physics world. */
const idleEnvs = new Map<string, RobotEnv[]>()

function borrowEnv(key: string, task: string, options: ManipulationEnvOptions): RobotEnv {
  return idleEnvs.get(key)?.pop() ?? makeEnv(task, options)
}

function returnEnv(key: string, env: RobotEnv): void {
  const idle = idleEnvs.get(key)
  if (idle) idle.push(env)
  else idleEnvs.set(key, [env])
}

/** Steps a share of a segment: waits for each group's actions, executes them, publishes observations. */
export async function runSegment(task: SegmentTask): Promise<SegmentShare> {
  await initPhysics()
  const stopwatch = new Stopwatch(workerPhases)
  const cpuBefore = threadCpuSeconds()
  const { layout, executedSteps } = task
  const shared = sharedSegment(layout, task.buffer)
  const actionDim = layout.actionSize / executedSteps
  const slots = openSlots(task)
  const groups = Array.from({ length: layout.groups }, (_, g) => slots.filter((slot) => slot.group === g))
  stopwatch.lap('resets')

  try {
    const open = new Set(groups.keys())
    for (let turn = 0; open.size > 0; turn++) {
      for (const g of [...open]) {
        const goesOn = turn === 0 || waitForActions(shared.actionsReady, g, turn)
        stopwatch.lap('waiting')
        if (!goesOn) {
          open.delete(g)
          continue
        }
        for (const slot of groups[g]) {
          if (slot.done) continue
          if (turn > 0) stepChunk(slot)
          publish(slot)
        }
        Atomics.add(shared.observationsReady, g, 1)
        Atomics.notify(shared.observationsReady, g)
        stopwatch.lap('transfer')
      }
    }
  } finally {
    for (const slot of slots) returnEnv(slot.key, slot.env)
  }
  return {
    records: slots.map(({ index, record }) => ({ index, record })),
    videos: slots.filter((slot) => slot.frames.length > 0).map(({ index, frames }) => ({ index, frames })),
    phases: stopwatch.phases,
    cpu: cpuBetween(cpuBefore, threadCpuSeconds()),
  }

  function stepChunk(slot: Slot): void {
    for (let i = 0; i < executedSteps && !slot.done; i++) {
      const start = slot.index * layout.actionSize + i * actionDim
      const action = shared.actions.slice(start, start + actionDim)
      const [observation, , isTerminated, isTruncated, info] = slot.env.step(action)
      slot.observation = observation
      slot.done = isTerminated || isTruncated
      recordStep(slot.record, info)
      if (slot.index < task.videoEpisodes) slot.frames.push(slot.env.render())
    }
    if (slot.done) shared.status[slot.index] = slot.record.success ? succeeded : timedOut
    stopwatch.lap('physics')
  }

  function publish(slot: Slot): void {
    const { index, observation } = slot
    const status = shared.status[index]
    if (layout.imageBytes > 0 && (status === running || (status === timedOut && task.finalImages))) {
      const { image } = observation
      stopwatch.lap('rendering')
      shared.images.set(image, index * layout.imageBytes)
    }
    writeInstruction(shared, index, observation.instruction)
    const { state, tcpPose, jointPositions } = observation
    shared.states.set(state, index * layout.stateDim)
    // A segment with room for them takes the measured pose and joints too.
    if (layout.stateDim > state.length)
      shared.states.set([...tcpPose, ...jointPositions], index * layout.stateDim + state.length)
    stopwatch.lap('transfer')
  }
}

interface Slot {
  readonly index: number
  readonly group: number
  readonly key: string
  readonly env: RobotEnv
  readonly record: EpisodeRecord
  readonly frames: RenderedFrame[]
  observation: ReturnType<RobotEnv['reset']>[0]
  done: boolean
}

function openSlots(task: SegmentTask): Slot[] {
  const slots: Slot[] = []
  const starts = new Map<string, Uint8Array>()
  for (let group = 0; group < task.layout.groups; group++) {
    for (const index of ownEpisodes(task, group)) {
      const episode = task.episodes[index]
      const options = {
        ...task.env,
        placement: episode.episodeId === undefined ? (task.env.placement ?? 'random') : 'official',
      } as const
      const key = JSON.stringify([episode.task, options])
      const env = borrowEnv(key, episode.task, options)
      const observation = startEpisode(env, episode, key, starts)
      const record = newRecord(episode)
      const frames = index < task.videoEpisodes ? [env.render()] : []
      slots.push({ index, group, key, env, record, frames, observation, done: false })
    }
  }
  return slots
}

/**
 * Indices of a worker's episodes in a group. They are dealt out task by task: scenes differ in what a step costs, and a
 * worker with less to do would wait for the other.
 */
function ownEpisodes({ layout, episodes, worker, workers }: SegmentTask, group: number): number[] {
  const [start, end] = groupRange(layout, group)
  const tasks = [...new Set(episodes.map(({ task }) => task))]
  const byTask = tasks.flatMap((task) => indicesOf(episodes, task, start, end))
  return byTask.filter((_, place) => (start + place) % workers === worker)
}

function indicesOf(episodes: readonly EpisodeSpec[], task: string, start: number, end: number): number[] {
  const indices = []
  for (let index = start; index < end; index++) if (episodes[index].task === task) indices.push(index)
  return indices
}

/**
 * First observation of an episode. One that shares its start goes on from a snapshot, which every worker makes for
 * itself when it first needs it: a reset gives the same bytes everywhere.
 * @param starts snapshots made so far
 */
function startEpisode(
  env: RobotEnv,
  { seed, startSeed, episodeId }: EpisodeSpec,
  envKey: string,
  starts: Map<string, Uint8Array>,
): Slot['observation'] {
  if (startSeed === undefined) return env.reset({ seed, options: { episodeId } })[0]
  const key = JSON.stringify([envKey, startSeed, episodeId])
  let start = starts.get(key)
  if (!start) {
    env.reset({ seed: startSeed, options: { episodeId } })
    start = env.snapshot()
    starts.set(key, start)
  }
  return env.restore(start)
}

/** Blocks until the learner has written chunk `turn` for the group; false when the group is over. */
function waitForActions(actionsReady: Int32Array, group: number, turn: number): boolean {
  for (;;) {
    const ready = Atomics.load(actionsReady, group)
    if (ready === leaveSignal) return false
    if (ready >= turn) return true
    Atomics.wait(actionsReady, group, ready)
  }
}

/** Episodes without a policy in the loop: expert and random actions, demonstrations. */
export async function runScripted(task: ScriptedTask): Promise<ScriptedResult> {
  await initPhysics()
  const options = {
    ...task.env,
    placement: task.episodes[0]?.episodeId === undefined ? (task.env.placement ?? 'random') : 'official',
  } as const
  const key = JSON.stringify([task.task, options])
  const env = borrowEnv(key, task.task, options)
  try {
    return runScriptedEpisodes(task, env)
  } finally {
    returnEnv(key, env)
  }
}

/** Control steps per second of one environment in this thread. */
export async function runEnvBenchmark(task: EnvBenchmarkTask): Promise<number> {
  await initPhysics()
  return benchmarkEnv(task)
}
