import { Rng } from '@vla-gym/gymnasium'
import type { PolicyRuntime, Sampler, StochasticSteps } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import { batchNoise, encodeObservations, executedPart } from './evaluationPolicy.js'
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
 * A policy that explores with a sampler and records its decisions. Random numbers belong to an episode's decision, so
 * that it does not matter how episodes are batched.
 * @param bootstraps whether the hidden states of last observations are wanted
 */
export function explorationPolicy(
  runtime: PolicyRuntime,
  embodiment: string,
  episodes: readonly EpisodeSpec[],
  sampler: Sampler,
  bootstraps = true,
): { policy: SegmentPolicy; experience: Experience } {
  const { chunkSize, executedSteps } = runtime.config
  const experience: Experience = { decisions: episodes.map(() => []), finalHiddenStates: [] }

  async function act(observations: ObservationBatch, decision: number): Promise<Float32Array> {
    const { batch } = observations
    const rows = observations.episodes
    const hiddenStates = await encodeObservations(runtime, embodiment, observations)
    const { actions, steps } = await sampler.sample({
      batch,
      hiddenStates,
      velocity: (x, t) => runtime.velocity(batch, hiddenStates, x, t),
      normal: (stream) => batchNoise(runtime.config, episodes, rows, decision, stream),
      integers: (stream, high) =>
        rows.map((episode) =>
          Rng.fromSeed(episodes[episode].seed, 'policy', stream, decision).integers(0, high),
        ),
    })
    const hiddenSize = hiddenStates.length / batch
    steps.forEach((record, row) => {
      const hidden = hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize)
      experience.decisions[rows[row]].push({ ...record, hiddenStates: hidden })
    })
    const chunks = runtime.toRobotActions(actions, batch, embodiment)
    return executedPart(chunks, batch, chunkSize, executedSteps)
  }

  async function observeFinal(observations: ObservationBatch): Promise<void> {
    const hiddenStates = await encodeObservations(runtime, embodiment, observations)
    const hiddenSize = hiddenStates.length / observations.batch
    observations.episodes.forEach((episode, row) => {
      experience.finalHiddenStates[episode] = hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize)
    })
  }

  return { policy: bootstraps ? { act, observeFinal } : { act }, experience }
}
