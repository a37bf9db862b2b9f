import { Rng } from '@vla-gym/gymnasium'
import { embodimentPrompt, type NanoConfig, type PolicyRuntime, sampleOde } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import type { ObservationBatch, SegmentPolicy } from './rolloutPool.js'

/** Standard normal chunk noise of one decision of one episode: the same however episodes are batched. */
export function decisionNoise(
  episode: EpisodeSpec,
  decision: number,
  stream: string,
  out: Float32Array,
): Float32Array {
  return Rng.fromSeed(episode.seed, 'policy', stream, decision).fillNormal(out)
}

/**
 * Noise of a whole batch, [batch, chunk]. Only the stream 'noise', where sampling starts, has the policy's own standard
 * deviation.
 */
export function batchNoise(
  { chunkSize, actionDim, initialNoise = 1 }: NanoConfig,
  episodes: readonly EpisodeSpec[],
  rows: Int32Array,
  decision: number,
  stream: string,
): Float32Array {
  const chunk = chunkSize * actionDim
  const noise = new Float32Array(rows.length * chunk)
  const deviation = stream === 'noise' ? initialNoise : 1
  if (deviation === 0) return noise
  rows.forEach((episode, row) => {
    decisionNoise(episodes[episode], decision, stream, noise.subarray(row * chunk, (row + 1) * chunk))
  })
  if (deviation !== 1) for (let i = 0; i < noise.length; i++) noise[i] *= deviation
  return noise
}

/** Hidden states of a batch of observations, [batch, L, width]. */
export function encodeObservations(runtime: PolicyRuntime, embodiment: string, o: ObservationBatch) {
  const { chunkSize } = runtime.config
  const { description } = runtime.embodiment(embodiment)
  const prompts = o.instructions.map((instruction) => embodimentPrompt(description, chunkSize, instruction))
  return runtime.encode(o.batch, o.images, o.states, prompts, embodiment)
}

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
): SegmentPolicy {
  const { chunkSize, denoisingSteps, executedSteps } = runtime.config
  return {
    async act(observations, decision) {
      const { batch } = observations
      const hiddenStates = await encodeObservations(runtime, embodiment, observations)
      const noise = batchNoise(runtime.config, episodes, observations.episodes, decision, 'noise')
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
