import type { Rng } from '@vla-gym/gymnasium'
import { ParameterStore, type PolicyRuntime } from '../policy/index.js'
import { type ActorMetrics, type ActorParts, actorOptions, updateActor } from './actorUpdate.js'
import {
  type Algorithm,
  type AlgorithmParts,
  episodeReward,
  type IterationBatch,
  rolloutOptions,
} from './algorithm.js'
import type { TrainingBackend } from './backend/trainingBackend.js'
import { gae, normalizeAdvantages, type Transitions } from './gae.js'
import { valueLoss } from './losses/ppo.js'
import { floats, minibatches, stackHiddenStates } from './minibatches.js'
import type { EpisodeRecord } from './rollout/episode.js'
import type { DecisionRecord } from './rollout/explorationPolicy.js'
import { explainedVariance } from './statistics.js'

/** Settings of PPO. The descriptions are the command's help. */
export const ppoOptions = {
  ...rolloutOptions,
  ...actorOptions,
  criticLr: { default: 1e-3, help: 'ppo: AdamW learning rate of the value head' },
  gamma: { default: 0.99, help: 'ppo: discount per action chunk' },
  gaeLambda: { default: 0.95, help: 'ppo: lambda of generalised advantage estimation' },
  criticEpochs: { default: 6, help: 'ppo: passes over the experience for the value head' },
  bootstrapTruncated: {
    default: 1,
    help: 'ppo: 1: an episode that runs out of time is worth what its last observation is; 0: it has failed',
  },
  criticWarmupIterations: { default: 2, help: 'ppo: first iterations that train the value head only' },
} as const

export type PpoConfig = { -readonly [K in keyof typeof ppoOptions]: number }

export const ppoDefaults = Object.fromEntries(
  Object.entries(ppoOptions).map(([name, option]) => [name, option.default]),
) as PpoConfig

/** PPO (Schulman et al., arXiv 1707.06347) on action chunks, with the value head of the policy as critic. */
export async function createPpo(parts: AlgorithmParts, config: PpoConfig): Promise<Algorithm> {
  const head = new ParameterStore(parts.policy.parameters, null)
  const loss = valueLoss(parts.policy.manifest.config, head)
  const critic = await parts.openBackend(loss, [{ parameters: [...head.parameters.keys()], lr: 'criticLr' }])
  return {
    groupSize: 1,
    critic,
    bootstraps: config.bootstrapTruncated > 0,
    update: (batch, rng) => ppoUpdate(batch, { ...parts, critic }, config, rng),
  }
}

export type PpoMetrics = ActorMetrics & {
  readonly decisions: number
  readonly valueLoss: number
  readonly explainedVariance: number
}

/** One update: values and advantages, value head, then the clipped objective on the DiT. */
export async function ppoUpdate(
  batch: IterationBatch,
  parts: ActorParts & { critic: TrainingBackend },
  config: PpoConfig,
  rng: Rng,
): Promise<PpoMetrics> {
  const { decisions, advantages, returns, values } = await advantagesOf(batch, parts.runtime, config)
  const warmup = batch.iteration < config.criticWarmupIterations

  let valueLoss = 0
  let criticSteps = 0
  for (let epoch = 0; epoch < config.criticEpochs * (warmup ? 2 : 1); epoch++) {
    for (const rows of minibatches(decisions.length, config.minibatchSize, rng)) {
      const result = await parts.critic.step({
        hiddenStates: stackHiddenStates(decisions, rows, parts.runtime.config),
        returns: floats(rows, (i) => returns[i]),
        criticLr: config.criticLr,
      })
      valueLoss += result.loss
      criticSteps += 1
    }
  }

  normalizeAdvantages(advantages)
  const actorConfig = warmup ? { ...config, updateEpochs: 0 } : config
  return {
    decisions: decisions.length,
    valueLoss: valueLoss / Math.max(1, criticSteps),
    explainedVariance: explainedVariance(values, returns),
    ...(await updateActor(decisions, advantages, parts, actorConfig, batch.progress, rng)),
  }
}

/** Experience of one iteration, one row a decision. */
interface Rows {
  readonly decisions: DecisionRecord[]
  readonly advantages: Float32Array
  readonly returns: Float32Array
  readonly values: Float32Array
}

/** Values from the value head, then chunk-level advantages. */
async function advantagesOf(
  { experience, records }: IterationBatch,
  runtime: PolicyRuntime,
  config: PpoConfig,
): Promise<Rows> {
  const decisions = experience.decisions.flat()
  const values = await valuesOf(
    decisions.map((d) => d.hiddenStates),
    runtime,
  )
  const finals = experience.finalHiddenStates
    .map((hidden, episode) => ({ hidden, episode }))
    .filter((f) => f.hidden)
  const finalValues = await valuesOf(
    finals.map((f) => f.hidden!),
    runtime,
  )
  const finalValueOf = new Map(finals.map((f, i) => [f.episode, finalValues[i]]))

  const steps = transitions(experience.decisions, records, values, finalValueOf)
  return { decisions, values, ...gae(steps, config.gamma, config.gaeLambda) }
}

/**
 * @param chains decisions of each episode
 * @param values [decisions] V, episode after episode
 * @param finalValueOf V of the last observation, by episode, where it is bootstrapped; elsewhere running out of time is
 * worth 0, as failing is
 */
export function transitions(
  chains: readonly { readonly length: number }[],
  records: readonly Pick<EpisodeRecord, 'success' | 'failure'>[],
  values: Float32Array,
  finalValueOf: ReadonlyMap<number, number>,
): Transitions {
  const size = values.length
  const rewards = new Float32Array(size)
  const nextValues = new Float32Array(size)
  const terminated = new Uint8Array(size)
  const done = new Uint8Array(size)
  let t = 0
  for (const [episode, { length }] of chains.entries()) {
    const { success, failure } = records[episode]
    // A time limit cuts an episode that could go on; success and a lost object end it for good.
    const endedForGood = success || failure !== undefined
    for (let i = 0; i < length; i++, t++) {
      const last = i === length - 1
      rewards[t] = last ? episodeReward(records[episode]) : 0
      terminated[t] = last && endedForGood ? 1 : 0
      done[t] = last ? 1 : 0
      nextValues[t] = last ? (finalValueOf.get(episode) ?? 0) : values[t + 1]
    }
  }
  return { rewards, values, nextValues, terminated, done }
}

async function valuesOf(
  hiddenStates: readonly Float32Array[],
  runtime: PolicyRuntime,
): Promise<Float32Array> {
  const values = new Float32Array(hiddenStates.length)
  for (let start = 0; start < hiddenStates.length; start += 512) {
    const rows = hiddenStates.slice(start, start + 512)
    const stacked = new Float32Array(rows.length * rows[0].length)
    rows.forEach((row, i) => {
      stacked.set(row, i * row.length)
    })
    values.set(await runtime.value(rows.length, stacked), start)
  }
  return values
}
