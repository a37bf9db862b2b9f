import type { Rng } from '@vla-gym/gymnasium'
import { actionMask, type PolicyRuntime, type Sampler } from '../policy/index.js'
import type { Feeds, TrainingBackend } from './backend/trainingBackend.js'
import { floats, minibatches, stackHiddenStates } from './minibatches.js'
import type { DecisionRecord } from './rollout/explorationPolicy.js'

/** Settings of the clipped objective, which PPO and GRPO share. */
export const actorOptions = {
  actorLr: { default: 3e-5, help: 'AdamW learning rate of the DiT' },
  finalLrShare: {
    default: 1,
    help: 'share of its learning rate that the DiT ends with; it falls evenly over --episodes',
  },
  clipRange: { default: 0.2, help: 'the ratio is clipped to 1 ± this' },
  updateEpochs: { default: 4, help: 'passes over the experience for the actor' },
  minibatchSize: { default: 256, help: 'decisions in a minibatch' },
  maxGradNorm: { default: 1, help: 'global gradient norm is clipped to this' },
  targetKl: {
    default: 0.05,
    help: 'the update stops when the approximate KL divergence of a minibatch exceeds this',
  },
} as const

export type ActorConfig = { readonly [Name in keyof typeof actorOptions]: number }

/** The actor, and what acted with its weights. */
export interface ActorParts {
  readonly runtime: PolicyRuntime
  readonly embodiment: string
  readonly sampler: Sampler
  /** Trains `ppoLoss` of the sampler. */
  readonly actor: TrainingBackend
}

export type ActorMetrics = {
  readonly policyLoss: number
  readonly approxKl: number
  readonly clipFraction: number
  readonly gradNorm: number
  readonly actorSteps: number
  readonly skippedSteps: number
  /** Of the exploration's noise where that is learned. */
  readonly entropy?: number
}

/**
 * Passes over the decisions with the clipped objective, until the policy has moved far enough from what acted.
 * @param progress share of the run that is over, 0 to 1
 */
export async function updateActor(
  decisions: readonly DecisionRecord[],
  advantages: Float32Array,
  parts: ActorParts,
  config: ActorConfig,
  progress: number,
  rng: Rng,
): Promise<ActorMetrics> {
  const actorLr = config.actorLr * (1 - progress * (1 - config.finalLrShare))
  const totals = { loss: 0, approxKl: 0, clipFraction: 0, gradNorm: 0, entropy: 0 }
  let actorSteps = 0
  let skippedSteps = 0
  let stopped = false
  for (let epoch = 0; epoch < config.updateEpochs && !stopped; epoch++) {
    for (const rows of minibatches(decisions.length, config.minibatchSize, rng)) {
      const result = await parts.actor.step({
        ...actorFeeds(decisions, rows, parts),
        advantage: floats(rows, (i) => advantages[i]),
        clipRange: config.clipRange,
        actorLr,
      })
      actorSteps += 1
      if (result.applied !== 1) {
        skippedSteps += 1
        continue
      }
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += result[name] ?? 0
      if (result.approxKl > config.targetKl) {
        stopped = true
        break
      }
    }
  }
  const mean = (total: number) => total / Math.max(1, actorSteps - skippedSteps)
  return {
    policyLoss: mean(totals.loss),
    approxKl: mean(totals.approxKl),
    clipFraction: mean(totals.clipFraction),
    gradNorm: mean(totals.gradNorm),
    actorSteps,
    skippedSteps,
    ...(parts.sampler.parameters.size > 0 && { entropy: mean(totals.entropy) }),
  }
}

/** Inputs of the loss that come from the recorded decisions. */
export function actorFeeds(
  decisions: readonly DecisionRecord[],
  rows: Uint32Array,
  { runtime, embodiment, sampler }: Omit<ActorParts, 'actor'>,
): Feeds {
  const { config } = runtime
  const rowMask = actionMask(runtime.embodiment(embodiment), config, config.executedSteps)
  const mask = new Float32Array(rows.length * rowMask.length)
  for (let i = 0; i < rows.length; i++) mask.set(rowMask, i * rowMask.length)
  return {
    hiddenStates: stackHiddenStates(decisions, rows, config),
    mask: { dtype: 'float32', shape: [rows.length, config.chunkSize, config.actionDim], data: mask },
    oldLogProb: floats(rows, (i) => decisions[i].logProb),
    ...sampler.feeds(Array.from(rows, (row) => decisions[row])),
    ...(sampler.parameters.size > 0 && { samplerLr: sampler.lr }),
  }
}
