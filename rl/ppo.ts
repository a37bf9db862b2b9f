import type { Rng } from '@vla-gym/gymnasium'
import { actionMask, type FlowSdeCoefficients, hiddenTokens, type PolicyRuntime } from '../policy/index.js'
import type { TrainingBackend } from './backend/trainingBackend.js'
import { gae, normalizeAdvantages } from './gae.js'
import type { EpisodeRecord } from './rollout/episode.js'
import type { DecisionRecord, Experience } from './rollout/flowSdePolicy.js'
import { explainedVariance } from './statistics.js'

/** Settings of PPO with Flow-SDE. The descriptions are the command's help. */
export const ppoOptions = {
  episodesPerIteration: { default: 128, help: 'episodes collected before each update' },
  actorLr: { default: 3e-5, help: 'AdamW learning rate of the DiT' },
  criticLr: { default: 1e-3, help: 'AdamW learning rate of the value head' },
  gamma: { default: 0.99, help: 'discount per action chunk' },
  gaeLambda: { default: 0.95, help: 'lambda of generalised advantage estimation' },
  clipRange: { default: 0.2, help: 'the ratio is clipped to 1 ± this' },
  updateEpochs: { default: 4, help: 'passes over the experience for the actor' },
  criticEpochs: { default: 6, help: 'passes over the experience for the value head' },
  minibatchSize: { default: 256, help: 'decisions in a minibatch' },
  maxGradNorm: { default: 1, help: 'global gradient norm is clipped to this' },
  targetKl: {
    default: 0.05,
    help: 'the update stops when the approximate KL divergence of a minibatch exceeds this',
  },
  criticWarmupIterations: { default: 2, help: 'first iterations that train the value head only' },
  noiseLevel: { default: 0.5, help: 'a of Flow-SDE: size of the noise in the stochastic denoising step' },
  successSteps: { default: 5, help: 'control steps that success must hold to end an episode with reward 1' },
} as const

export type PpoConfig = { -readonly [K in keyof typeof ppoOptions]: number }

export const ppoDefaults = Object.fromEntries(
  Object.entries(ppoOptions).map(([name, option]) => [name, option.default]),
) as PpoConfig

/** Experience of one iteration, one row a decision. */
interface Batch {
  readonly decisions: DecisionRecord[]
  readonly advantages: Float32Array
  readonly returns: Float32Array
  readonly values: Float32Array
}

export interface PpoMetrics {
  readonly decisions: number
  readonly policyLoss: number
  readonly valueLoss: number
  readonly approxKl: number
  readonly clipFraction: number
  readonly gradNorm: number
  readonly explainedVariance: number
  readonly actorSteps: number
  readonly skippedSteps: number
}

/**
 * One PPO update: values and advantages, value head, then the clipped objective on the DiT.
 * @param warmup train the value head only
 */
export async function ppoUpdate(
  experience: Experience,
  records: readonly EpisodeRecord[],
  parts: {
    runtime: PolicyRuntime
    actor: TrainingBackend
    critic: TrainingBackend
    coefficients: FlowSdeCoefficients
  },
  embodiment: string,
  config: PpoConfig,
  rng: Rng,
  warmup: boolean,
): Promise<PpoMetrics> {
  const batch = await advantagesOf(experience, records, parts.runtime, config)
  const size = batch.decisions.length

  let valueLoss = 0
  let criticSteps = 0
  for (let epoch = 0; epoch < config.criticEpochs * (warmup ? 2 : 1); epoch++) {
    for (const rows of minibatches(size, config.minibatchSize, rng)) {
      const result = await parts.critic.step({
        hiddenStates: stackHiddenStates(batch.decisions, rows, parts.runtime),
        returns: floats(rows, (i) => batch.returns[i]),
        criticLr: config.criticLr,
      })
      valueLoss += result.loss
      criticSteps += 1
    }
  }

  const totals = { loss: 0, approxKl: 0, clipFraction: 0, gradNorm: 0 }
  let actorSteps = 0
  let skippedSteps = 0
  let stopped = warmup
  normalizeAdvantages(batch.advantages)
  for (let epoch = 0; epoch < config.updateEpochs && !stopped; epoch++) {
    for (const rows of minibatches(size, config.minibatchSize, rng)) {
      const feeds = actorFeeds(batch.decisions, rows, parts.runtime, embodiment, parts.coefficients)
      const result = await parts.actor.step({
        ...feeds,
        advantage: floats(rows, (i) => batch.advantages[i]),
        clipRange: config.clipRange,
        actorLr: config.actorLr,
      })
      actorSteps += 1
      if (result.applied !== 1) {
        skippedSteps += 1
        continue
      }
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += result[name]
      if (result.approxKl > config.targetKl) {
        stopped = true
        break
      }
    }
  }
  const mean = (total: number) => total / Math.max(1, actorSteps - skippedSteps)
  return {
    decisions: size,
    policyLoss: mean(totals.loss),
    valueLoss: valueLoss / Math.max(1, criticSteps),
    approxKl: mean(totals.approxKl),
    clipFraction: mean(totals.clipFraction),
    gradNorm: mean(totals.gradNorm),
    explainedVariance: explainedVariance(batch.values, batch.returns),
    actorSteps,
    skippedSteps,
  }
}

/** Values from the value head, then chunk-level advantages; a truncated episode bootstraps from its last observation. */
async function advantagesOf(
  experience: Experience,
  records: readonly EpisodeRecord[],
  runtime: PolicyRuntime,
  config: PpoConfig,
): Promise<Batch> {
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

  const size = decisions.length
  const rewards = new Float32Array(size)
  const nextValues = new Float32Array(size)
  const terminated = new Uint8Array(size)
  const done = new Uint8Array(size)
  let t = 0
  experience.decisions.forEach((chain, episode) => {
    chain.forEach((_, i) => {
      const last = i === chain.length - 1
      const { success, failure } = records[episode]
      rewards[t] = last && success ? 1 : 0
      // A time limit cuts an episode that could go on; success and a lost object end it for good.
      terminated[t] = last && (success || failure !== undefined) ? 1 : 0
      done[t] = last ? 1 : 0
      nextValues[t] = last ? (finalValueOf.get(episode) ?? 0) : values[t + 1]
      t += 1
    })
  })
  return {
    decisions,
    values,
    ...gae({ rewards, values, nextValues, terminated, done }, config.gamma, config.gaeLambda),
  }
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

/** Shuffled index lists that together cover every row once. */
function* minibatches(size: number, minibatchSize: number, rng: Rng): Generator<Uint32Array> {
  const order = rng.shuffle(Uint32Array.from({ length: size }, (_, i) => i))
  const count = Math.max(1, Math.round(size / minibatchSize))
  for (let i = 0; i < count; i++) {
    yield order.subarray(Math.floor((i * size) / count), Math.floor(((i + 1) * size) / count))
  }
}

function floats(rows: Uint32Array, value: (row: number) => number) {
  return { dtype: 'float32', shape: [rows.length], data: Float32Array.from(rows, value) } as const
}

function stackHiddenStates(decisions: readonly DecisionRecord[], rows: Uint32Array, runtime: PolicyRuntime) {
  const { width } = runtime.config
  const tokens = hiddenTokens(runtime.config)
  const data = new Float32Array(rows.length * tokens * width)
  rows.forEach((row, i) => {
    data.set(decisions[row].hiddenStates, i * tokens * width)
  })
  return { dtype: 'float32', shape: [rows.length, tokens, width], data } as const
}

/** Inputs of the PPO graph that come from the recorded decisions. */
export function actorFeeds(
  decisions: readonly DecisionRecord[],
  rows: Uint32Array,
  runtime: PolicyRuntime,
  embodiment: string,
  c: FlowSdeCoefficients,
) {
  const { chunkSize, actionDim, executedSteps } = runtime.config
  const chunk = chunkSize * actionDim
  const stack = (field: 'x' | 'xNext') => {
    const data = new Float32Array(rows.length * chunk)
    rows.forEach((row, i) => {
      data.set(decisions[row][field], i * chunk)
    })
    return { dtype: 'float32', shape: [rows.length, chunkSize, actionDim], data } as const
  }
  const rowMask = actionMask(runtime.embodiment(embodiment), runtime.config, executedSteps)
  const mask = new Float32Array(rows.length * chunk)
  for (let i = 0; i < rows.length; i++) mask.set(rowMask, i * chunk)
  return {
    hiddenStates: stackHiddenStates(decisions, rows, runtime),
    x: stack('x'),
    xNext: stack('xNext'),
    mask: { dtype: 'float32', shape: [rows.length, chunkSize, actionDim], data: mask } as const,
    timestep: floats(rows, (i) => c.t[decisions[i].denoiseIndex]),
    weightX0: floats(rows, (i) => c.weightX0[decisions[i].denoiseIndex]),
    weightX1: floats(rows, (i) => c.weightX1[decisions[i].denoiseIndex]),
    std: floats(rows, (i) => c.std[decisions[i].denoiseIndex]),
    oldLogProb: floats(rows, (i) => decisions[i].logProb),
  }
}
