import type { Explorer, StochasticSteps } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import { executedPart } from './evaluationPolicy.js'
import type { ObservationBatch, SegmentPolicy } from './rolloutPool.js'

/** What an update needs to know of one decision. */
export interface DecisionRecord extends StochasticSteps {
  /** [L, width] */
  readonly hiddenStates: Float32Array
}

/** Decisions of every episode of a segment, and the hidden states of final observations (for bootstrapping). */
export interface Experience {
  readonly decisions: DecisionRecord[][]
  readonly finalHiddenStates: (Float32Array | undefined)[]
}

/**
 * A policy that explores and records its decisions. Random numbers belong to an episode's decision, so that it does
 * not matter how episodes are batched, nor where the explorer samples.
 * @param bootstraps whether the hidden states of last observations are wanted
 */
export function explorationPolicy(
  explorer: Explorer,
  episodes: readonly EpisodeSpec[],
  bootstraps = true,
): { policy: SegmentPolicy; experience: Experience } {
  const { chunkSize, executedSteps } = explorer.config
  const experience: Experience = { decisions: episodes.map(() => []), finalHiddenStates: [] }
  const seedsOf = ({ episodes: rows }: ObservationBatch) =>
    Array.from(rows, (episode) => episodes[episode].seed)

  async function act(observations: ObservationBatch, decision: number): Promise<Float32Array> {
    const { batch, episodes: rows } = observations
    const episodeSeeds = seedsOf(observations)
    const { actions, hiddenStates, steps } = await explorer.explore({
      ...observations,
      episodeSeeds,
      decision,
    })
    const hiddenSize = hiddenStates.length / batch
    steps.forEach((record, row) => {
      const hidden = hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize)
      experience.decisions[rows[row]].push({ ...record, hiddenStates: hidden })
    })
    return executedPart(actions, batch, chunkSize, executedSteps)
  }

  async function observeFinal(observations: ObservationBatch): Promise<void> {
    const episodeSeeds = seedsOf(observations)
    const hiddenStates = await explorer.hiddenStates({ ...observations, episodeSeeds, decision: 0 })
    const hiddenSize = hiddenStates.length / observations.batch
    observations.episodes.forEach((episode, row) => {
      experience.finalHiddenStates[episode] = hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize)
    })
  }

  return { policy: bootstraps ? { act, observeFinal } : { act }, experience }
}
