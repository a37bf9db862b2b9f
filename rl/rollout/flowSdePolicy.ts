import { Rng } from '@vla-gym/gymnasium'
import { type FlowSdeCoefficients, type PolicyRuntime, sampleFlowSde } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import { batchNoise, encodeObservations, executedPart } from './evaluationPolicy.js'
import type { ObservationBatch, SegmentPolicy } from './rolloutPool.js'

/** What PPO needs to know of one decision. */
export interface DecisionRecord {
  /** [L, width] */
  readonly hiddenStates: Float32Array
  /** [H, K] chain state before the stochastic denoising step. */
  readonly x: Float32Array
  /** [H, K] chain state after it. */
  readonly xNext: Float32Array
  readonly denoiseIndex: number
  /** Log-probability of xNext, summed over executed steps and real channels. */
  readonly logProb: number
}

/** Decisions of every episode of a segment, and the hidden states of final observations (for bootstrapping). */
export interface Experience {
  readonly decisions: DecisionRecord[][]
  readonly finalHiddenStates: (Float32Array | undefined)[]
}

/**
 * Flow-SDE exploration (pi_RL, hybrid sampling): one denoising step of each decision, drawn per episode and
 * decision, is stochastic; the others are Euler steps.
 */
export function flowSdePolicy(
  runtime: PolicyRuntime,
  embodiment: string,
  episodes: readonly EpisodeSpec[],
  coefficients: FlowSdeCoefficients,
): { policy: SegmentPolicy; experience: Experience } {
  const { chunkSize, actionDim, denoisingSteps, executedSteps } = runtime.config
  const chunk = chunkSize * actionDim
  const realChannels = runtime.embodiment(embodiment).description.actionDim
  const experience: Experience = { decisions: episodes.map(() => []), finalHiddenStates: [] }

  const policy: SegmentPolicy = {
    async act(observations: ObservationBatch, decision: number) {
      const { batch } = observations
      const rows = observations.episodes
      const hiddenStates = await encodeObservations(runtime, embodiment, observations)
      const noise = batchNoise(episodes, rows, decision, 'noise', chunk)
      const sdeNoise = batchNoise(episodes, rows, decision, 'sde', chunk)
      const denoiseIndex = rows.map((episode) =>
        Rng.fromSeed(episodes[episode].seed, 'policy', 'index', decision).integers(0, denoisingSteps),
      )
      const velocity = (x: Float32Array, t: number) => runtime.velocity(batch, hiddenStates, x, t)
      const sample = await sampleFlowSde(velocity, noise, sdeNoise, denoiseIndex, coefficients, {
        batch,
        size: chunk,
      })

      const hiddenSize = hiddenStates.length / batch
      for (let row = 0; row < batch; row++) {
        experience.decisions[rows[row]].push({
          hiddenStates: hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize),
          x: sample.x.slice(row * chunk, (row + 1) * chunk),
          xNext: sample.xNext.slice(row * chunk, (row + 1) * chunk),
          denoiseIndex: denoiseIndex[row],
          logProb: logProbOfNoise(
            sdeNoise.subarray(row * chunk, (row + 1) * chunk),
            coefficients.std[denoiseIndex[row]],
          ),
        })
      }
      const chunks = runtime.toRobotActions(sample.actions, batch, embodiment)
      return executedPart(chunks, batch, chunkSize, executedSteps)
    },

    async observeFinal(observations: ObservationBatch) {
      const hiddenStates = await encodeObservations(runtime, embodiment, observations)
      const hiddenSize = hiddenStates.length / observations.batch
      observations.episodes.forEach((episode, row) => {
        experience.finalHiddenStates[episode] = hiddenStates.slice(row * hiddenSize, (row + 1) * hiddenSize)
      })
    },
  }
  return { policy, experience }

  /** Density of x_{j+1} = mean + std z, whose z is the drawn noise. */
  function logProbOfNoise(z: Float32Array, std: number): number {
    let logProb = 0
    for (let h = 0; h < executedSteps; h++) {
      for (let k = 0; k < realChannels; k++) {
        logProb -= Math.log(std) + 0.5 * Math.log(2 * Math.PI) + 0.5 * z[h * actionDim + k] ** 2
      }
    }
    return logProb
  }
}
