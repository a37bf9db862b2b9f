import { decisionNoise, encodeObservations, type PolicyRuntime, sampleOde } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import type { SegmentPolicy } from './rolloutPool.js'

/** First `executed` of `horizon` steps of every chunk, [batch, executed, actionDim]. */
export function executedPart(
  chunks: Float32Array,
  batch: number,
  horizon: number,
  executed: number,
): Float32Array {
  const actionDim = chunks.length / (batch * horizon)
  const out = new Float32Array(batch * executed * actionDim)
  for (let row = 0; row < batch; row++) {
    const start = row * horizon * actionDim
    out.set(chunks.subarray(start, start + executed * actionDim), row * executed * actionDim)
  }
  return out
}

/** Deterministic Euler sampling of the flow, as used in evaluation. */
export function evaluationPolicy(
  runtime: PolicyRuntime,
  embodiment: string,
  episodes: readonly EpisodeSpec[],
  executedSteps = runtime.config.executedSteps,
): SegmentPolicy {
  const { chunkSize, denoisingSteps } = runtime.config
  return {
    async act(observations, decision) {
      const { batch } = observations
      const hiddenStates = await encodeObservations(runtime, embodiment, observations)
      const episodeSeeds = Array.from(observations.episodes, (episode) => episodes[episode].seed)
      const noise = decisionNoise(runtime.config, { episodeSeeds, decision }, 'noise')
      const velocity = (x: Float32Array, t: number) => runtime.velocity(batch, hiddenStates, x, t)
      const chunks = runtime.toRobotActions(
        await sampleOde(velocity, noise, denoisingSteps),
        batch,
        embodiment,
      )
      return executedPart(chunks, batch, chunkSize, executedSteps)
    },
  }
}
