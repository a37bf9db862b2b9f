import { Rng } from '@vla-gym/gymnasium'
import type { ManipulationEnv, ManipulationEnvOptions } from '../../envs/index.js'
import { type EpisodeRecord, type EpisodeSpec, newRecord, type RenderedFrame, recordStep } from './episode.js'

/** Episodes of one task whose actions need no network. */
export interface ScriptedTask {
  readonly task: string
  readonly agent: 'expert' | 'random'
  readonly episodes: readonly EpisodeSpec[]
  readonly env: ManipulationEnvOptions
  /** Every control step is rendered for the first so many episodes. */
  readonly videoEpisodes: number
  /** Record demonstrations; absent: outcomes only. */
  readonly demonstrations?: DemonstrationOptions
}

export interface DemonstrationOptions {
  /** Each episode draws its noise level from U(0, maxNoise); unit: fractions of `noiseScale`. */
  readonly maxNoise: number
  /** An image is kept every so many control steps. */
  readonly frameStride: number
  /** The episode ends this many control steps after success was reached and held. */
  readonly stepsAfterSuccess: number
}

/** One demonstration: what was seen at every kept step and what the expert would have done from there. */
export interface Demonstration {
  readonly task: string
  readonly instruction: string
  readonly seed: number
  readonly success: boolean
  /** [steps, actionDim] the expert's clean actions along the visited states, robot space. */
  readonly actions: Float32Array
  /** [frames] control step of each kept frame. */
  readonly frameSteps: Int32Array
  /** [frames, height, width, 3] */
  readonly images: Uint8Array
  /** [frames, stateDim] */
  readonly states: Float32Array
  /** [frames, 8] base-frame metres and radians: source xyz, target xyz, source yaw, grasped (0 or 1). */
  readonly labels: Float32Array
}

export interface ScriptedResult {
  readonly records: EpisodeRecord[]
  readonly videos: { index: number; frames: RenderedFrame[] }[]
  readonly demonstrations: Demonstration[]
}

/** Standard deviation of a noise level of 1: metres, radians. The gripper command takes no noise. */
const noiseScale = [0.04, 0.04, 0.04, 0.1, 0.1, 0.1, 0] as const
export const labelDim = 8

export function runScriptedEpisodes(task: ScriptedTask, env: ManipulationEnv): ScriptedResult {
  const result: ScriptedResult = { records: [], videos: [], demonstrations: [] }
  for (const [index, episode] of task.episodes.entries()) {
    const record = newRecord(episode)
    const rng = Rng.fromSeed(episode.seed, 'scripted', task.agent)
    const frames: RenderedFrame[] = []
    const demonstration = task.demonstrations && new DemonstrationRecorder(env, episode, task.demonstrations)
    const noise = task.demonstrations ? rng.uniform(0, task.demonstrations.maxNoise) : 0
    let [observation] = env.reset({ seed: episode.seed, options: { episodeId: episode.episodeId } })
    let done = false
    let stepsAfterSuccess = 0
    while (!done) {
      const action = task.agent === 'expert' ? env.expertAction() : randomAction(rng)
      demonstration?.record(observation, action)
      const executed = noise > 0 ? action.map((a, i) => a + noise * noiseScale[i] * rng.normal()) : action
      const [next, , isTerminated, isTruncated, info] = env.step(executed)
      observation = next
      recordStep(record, info)
      if (index < task.videoEpisodes) frames.push(env.render())
      stepsAfterSuccess = info.success ? stepsAfterSuccess + 1 : 0
      done =
        isTerminated ||
        isTruncated ||
        stepsAfterSuccess > (task.demonstrations?.stepsAfterSuccess ?? Number.POSITIVE_INFINITY)
    }
    result.records.push(record)
    if (frames.length > 0) result.videos.push({ index, frames })
    if (demonstration && record.success) result.demonstrations.push(demonstration.finish())
  }
  return result
}

/** Uniform in a box of the size of useful actions; the gripper opens or closes at random. */
function randomAction(rng: Rng): Float32Array {
  const action = Float32Array.from({ length: 6 }, (_, i) => rng.uniform(-noiseScale[i], noiseScale[i]))
  return Float32Array.of(...action, rng.uniform() < 0.5 ? -1 : 1)
}

class DemonstrationRecorder {
  private readonly env: ManipulationEnv
  private readonly episode: EpisodeSpec
  private readonly options: DemonstrationOptions
  private readonly actions: Float32Array[] = []
  private readonly frameSteps: number[] = []
  private readonly images: Uint8Array[] = []
  private readonly states: Float32Array[] = []
  private readonly labels: Float32Array[] = []
  private instruction = ''

  constructor(env: ManipulationEnv, episode: EpisodeSpec, options: DemonstrationOptions) {
    this.env = env
    this.episode = episode
    this.options = options
  }

  record(observation: ReturnType<ManipulationEnv['reset']>[0], action: Float32Array): void {
    this.instruction = observation.instruction
    if (this.actions.length % this.options.frameStride === 0) {
      this.frameSteps.push(this.actions.length)
      this.images.push(observation.image.slice())
      this.states.push(observation.state.slice())
      this.labels.push(groundingLabel(this.env))
    }
    this.actions.push(action.slice())
  }

  finish(): Demonstration {
    const { task, seed } = this.episode
    const { instruction } = this
    return {
      task,
      instruction,
      seed,
      success: true,
      actions: concatFloats(this.actions),
      frameSteps: Int32Array.from(this.frameSteps),
      images: concatBytes(this.images),
      states: concatFloats(this.states),
      labels: concatFloats(this.labels),
    }
  }
}

function groundingLabel(env: ManipulationEnv): Float32Array {
  const { names, positions, yaws, source, target, grasped } = env.grounding()
  const s = names.indexOf(source)
  const t = names.indexOf(target)
  const xyz = (i: number) => positions.subarray(3 * i, 3 * i + 3)
  return Float32Array.of(...xyz(s), ...xyz(t), yaws[s], grasped ? 1 : 0)
}

/** One array after the other. */
export function concatFloats(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
