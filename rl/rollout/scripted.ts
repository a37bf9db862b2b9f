import { Rng } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions, RobotEnv } from '../../envs/index.js'
import { encodePng } from '../../policy/images/png.js'
import { addToHistogram, newHistogram } from '../lerobot/statistics.js'
import { type EpisodeRecord, type EpisodeSpec, newRecord, type RenderedFrame, recordStep } from './episode.js'
import { Lapses } from './lapses.js'
import { stillAction } from './stillAction.js'

/** Who acts without a network: the scripted expert, uniform random actions, a robot that keeps still. */
export const scriptedAgents = ['expert', 'random', 'still'] as const
export type ScriptedAgent = (typeof scriptedAgents)[number]

/** Episodes of one task whose actions need no network. */
export interface ScriptedTask {
  readonly task: string
  readonly agent: ScriptedAgent
  readonly episodes: readonly EpisodeSpec[]
  readonly env: ManipulationEnvOptions
  /** Every control step is rendered for the first so many episodes. */
  readonly videoEpisodes: number
  /** Record demonstrations; absent: outcomes only. */
  readonly demonstrations?: DemonstrationOptions
}

export interface DemonstrationOptions {
  /** Each episode draws its noise level from U(0, maxNoise); unit: fractions of the embodiment's `actionScale`. */
  readonly maxNoise: number
  /** The episode ends this many control steps after success was reached and held. */
  readonly stepsAfterSuccess: number
  /** Probability that a lapse begins at a control step; absent: none. */
  readonly lapses?: number
}

/** A successful episode: what was seen at every control step, and what the expert would have done from there. */
export interface RecordedDemonstration {
  /** Index in the episodes of the task. */
  readonly episode: number
  readonly instruction: string
  /** Control steps. */
  readonly length: number
  /** [length, actionDim] the expert's clean actions along the visited states, robot space. */
  readonly actions: Float32Array
  /** [length, stateDim] */
  readonly states: Float32Array
  /** [length, 8], see `labelNames`. */
  readonly labels: Float32Array
  /** [length] 1 where the success test held after the step. */
  readonly success: Uint8Array
  /** [length] PNGs. */
  readonly images: readonly Uint8Array[]
  /** [3, 256] counts of the pictures' values by colour. */
  readonly imageHistogram: Uint32Array
}

export interface ScriptedResult {
  readonly records: EpisodeRecord[]
  readonly videos: { index: number; frames: RenderedFrame[] }[]
  readonly demonstrations: RecordedDemonstration[]
}

/** Where the things that the instruction names are, base frame: m, rad, 0 or 1. */
export const labelNames = [
  ...['sourceX', 'sourceY', 'sourceZ'],
  ...['targetX', 'targetY', 'targetZ'],
  ...['sourceYaw', 'grasped'],
] as const
export const labelDim = labelNames.length

export function runScriptedEpisodes(task: ScriptedTask, env: RobotEnv): ScriptedResult {
  const result: ScriptedResult = { records: [], videos: [], demonstrations: [] }
  for (const [index, episode] of task.episodes.entries()) {
    const record = newRecord(episode)
    const rng = Rng.fromSeed(episode.seed, 'scripted', task.agent)
    const frames: RenderedFrame[] = []
    const demonstration = task.demonstrations && new DemonstrationRecorder(env)
    const noise = task.demonstrations ? rng.uniform(0, task.demonstrations.maxNoise) : 0
    const lapses =
      task.demonstrations?.lapses &&
      new Lapses(task.demonstrations.lapses, Rng.fromSeed(episode.seed, 'lapses'))
    let [observation] = env.reset({ seed: episode.seed, options: { episodeId: episode.episodeId } })
    let done = false
    let stepsAfterSuccess = 0
    while (!done) {
      const action = actionOf(task.agent, env, observation.state, rng)
      demonstration?.record(observation, action)
      const executed = action.map((a, i) =>
        noise > 0 ? a + noise * env.embodiment.actionScale[i] * rng.normal() : a,
      )
      if (lapses) lapses.disturb(executed)
      const [next, , isTerminated, isTruncated, info] = env.step(executed)
      observation = next
      recordStep(record, info)
      demonstration?.recordOutcome(info.success)
      if (index < task.videoEpisodes) frames.push(env.render())
      stepsAfterSuccess = info.success ? stepsAfterSuccess + 1 : 0
      done =
        isTerminated ||
        isTruncated ||
        stepsAfterSuccess > (task.demonstrations?.stepsAfterSuccess ?? Number.POSITIVE_INFINITY)
    }
    result.records.push(record)
    if (frames.length > 0) result.videos.push({ index, frames })
    if (demonstration && record.success) result.demonstrations.push(demonstration.finish(index))
  }
  return result
}

function actionOf(agent: ScriptedAgent, env: RobotEnv, state: Float32Array, rng: Rng): Float32Array {
  if (agent === 'expert') return env.expertAction()
  return agent === 'random' ? env.randomAction(rng) : stillAction(env.embodiment, state)
}

class DemonstrationRecorder {
  private readonly env: RobotEnv
  private readonly actions: Float32Array[] = []
  private readonly states: Float32Array[] = []
  private readonly labels: Float32Array[] = []
  private readonly success: number[] = []
  private readonly images: Uint8Array[] = []
  private readonly imageHistogram = newHistogram()
  private instruction = ''

  constructor(env: RobotEnv) {
    this.env = env
  }

  record(observation: ReturnType<RobotEnv['reset']>[0], action: Float32Array): void {
    const { image, state, instruction } = observation
    this.instruction = instruction
    this.images.push(encodePng({ ...this.env.options.image!, data: image }))
    addToHistogram(this.imageHistogram, image)
    this.states.push(state.slice())
    this.labels.push(groundingLabel(this.env))
    this.actions.push(action.slice())
  }

  recordOutcome(success: boolean): void {
    this.success.push(success ? 1 : 0)
  }

  finish(episode: number): RecordedDemonstration {
    return {
      episode,
      instruction: this.instruction,
      length: this.actions.length,
      actions: concatFloats(this.actions),
      states: concatFloats(this.states),
      labels: concatFloats(this.labels),
      success: Uint8Array.from(this.success),
      images: this.images,
      imageHistogram: this.imageHistogram,
    }
  }
}

function groundingLabel(env: RobotEnv): Float32Array {
  const { names, positions, yaws, source, target, grasped } = env.grounding()
  const s = names.indexOf(source)
  const t = names.indexOf(target)
  const xyz = (i: number) => positions.subarray(3 * i, 3 * i + 3)
  return Float32Array.of(...xyz(s), ...xyz(t), yaws[s], grasped ? 1 : 0)
}

/** One array after the other. */
function concatFloats(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
