import type { Rng } from '@vla-gym/gymnasium'
import type { AdamWGroup, Model } from '@vla-gym/onnx-grad'
import type { PolicyData } from '../policy/index.js'
import type { ActorParts } from './actorUpdate.js'
import type { TrainingBackend } from './backend/trainingBackend.js'
import type { EpisodeRecord } from './rollout/episode.js'
import type { Experience } from './rollout/explorationPolicy.js'

/** Settings of the rollouts, whatever learns from them. */
export const rolloutOptions = {
  episodesPerIteration: {
    default: 128,
    help: 'episodes collected before each update; rounded up to equal numbers of every task, in whole groups',
  },
  successSteps: { default: 5, help: 'control steps that success must hold to end an episode with reward 1' },
  liftHeight: {
    default: 0,
    help: 'm above its start that an object must have been lifted for success to count',
  },
} as const

/** What an iteration has collected. */
export interface IterationBatch {
  /** From 0. */
  readonly iteration: number
  /** Share of the run's episodes that came before it, 0 to 1; 0 where their number is open. */
  readonly progress: number
  readonly experience: Experience
  /** Of the same episodes, in the same order; those that share a start state stand together. */
  readonly records: readonly EpisodeRecord[]
}

/** How a policy learns from episodes. The stage knows only this. */
export interface Algorithm {
  /** Episodes that share one start state. */
  readonly groupSize: number
  /** Trains the policy's value head. */
  readonly critic?: TrainingBackend
  /** Whether an update asks what the last observation of an episode without success is worth. */
  readonly bootstraps: boolean
  /** Improves the actor (and the critic); returns figures for the metrics. */
  update(batch: IterationBatch, rng: Rng): Promise<Record<string, number>>
}

/** What an algorithm is made from. */
export interface AlgorithmParts extends ActorParts {
  readonly policy: PolicyData
  /** Trains another model's parameters by its output `loss`. */
  openBackend(model: Model, groups: readonly AdamWGroup[]): Promise<TrainingBackend>
}

/** 1 for success, 0 for everything else. */
export const episodeReward = (record: Pick<EpisodeRecord, 'success'>): number => (record.success ? 1 : 0)
