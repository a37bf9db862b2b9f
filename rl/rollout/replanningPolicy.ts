import type { PolicyRuntime } from '../../policy/index.js'
import type { EpisodeSpec } from './episode.js'
import { evaluationPolicy, executedPart } from './evaluationPolicy.js'
import type { ObservationBatch, SegmentPolicy } from './rolloutPool.js'

export interface ReplanningOptions {
  /** Steps of a chunk that are executed before the policy looks again. */
  readonly executedSteps: number
  /**
   * Weight of an older chunk's action for a control step against that of the next newer one: 0 (default) drops the old
   * chunk, 1 takes the mean of all. ACT's temporal ensemble (Zhao et al. 2023) has the older ones weigh more.
   */
  readonly blend?: number
  /** The policy is shown 2 I - J, of this picture and the last one: where things would be a look later, to first order. */
  readonly extrapolate?: boolean
}

/** What an episode keeps between two looks. */
interface Memory {
  /** Weighted sums of the chunks' actions for the steps to come, [chunkSize, actionDim], and of weights. */
  readonly sum: Float32Array
  readonly weight: Float32Array
  image: Uint8Array | undefined
}

/** The evaluation policy, looking more often: what can be done about moving things without training on them. */
export function replanningPolicy(
  runtime: PolicyRuntime,
  embodiment: string,
  episodes: readonly EpisodeSpec[],
  { executedSteps, blend = 0, extrapolate = false }: ReplanningOptions,
): SegmentPolicy {
  const { chunkSize } = runtime.config
  const { actionDim } = runtime.embodiment(embodiment).description
  const whole = evaluationPolicy(runtime, embodiment, episodes, chunkSize)
  const memories = episodes.map(
    (): Memory => ({
      sum: new Float32Array(chunkSize * actionDim),
      weight: new Float32Array(chunkSize),
      image: undefined,
    }),
  )
  return {
    async act(observations, decision) {
      const seen = extrapolate ? extrapolated(observations, memories) : observations
      const chunks = await whole.act(seen, decision)
      const size = chunkSize * actionDim
      observations.episodes.forEach((episode, row) => {
        blendIn(
          memories[episode],
          chunks.subarray(row * size, (row + 1) * size),
          decision > 0 ? executedSteps : 0,
          blend,
        )
      })
      return executedPart(chunks, observations.batch, chunkSize, executedSteps)
    },
  }
}

/** Adds a chunk to what is left of the older ones after `passed` steps, and replaces it by their weighted mean. */
function blendIn({ sum, weight }: Memory, chunk: Float32Array, passed: number, blend: number): void {
  const steps = weight.length
  const actionDim = sum.length / steps
  sum.copyWithin(0, passed * actionDim)
  sum.fill(0, (steps - passed) * actionDim)
  weight.copyWithin(0, passed)
  weight.fill(0, steps - passed)
  for (let step = 0; step < steps; step++) {
    weight[step] = blend * weight[step] + 1
    for (let i = step * actionDim; i < (step + 1) * actionDim; i++) {
      sum[i] = blend * sum[i] + chunk[i]
      chunk[i] = sum[i] / weight[step]
    }
  }
}

function extrapolated(observations: ObservationBatch, memories: readonly Memory[]): ObservationBatch {
  const images = observations.images.slice()
  const size = images.length / observations.batch
  observations.episodes.forEach((episode, row) => {
    const memory = memories[episode]
    const now = observations.images.slice(row * size, (row + 1) * size)
    const before = memory.image ?? now
    for (let i = 0; i < size; i++) {
      images[row * size + i] = Math.min(255, Math.max(0, 2 * now[i] - before[i]))
    }
    memory.image = now
  })
  return { ...observations, images }
}
