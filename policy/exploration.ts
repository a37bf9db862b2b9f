import { Rng } from '@vla-gym/gymnasium'
import type { NanoConfig } from './nano/config.js'
import { embodimentPrompt } from './prompt.js'
import type { RobotBatch } from './remote/gymServer.js'
import type { PolicyRuntime } from './runtime.js'
import type { Sampler, StochasticSteps } from './samplers/sampler.js'
import type { DecisionKey } from './wire/decisionKey.js'

/** Decisions of one batch, and what an update needs to know of them. */
export interface Explored {
  /** [batch, H, robot actionDim] robot units. */
  readonly actions: Float32Array
  /** [batch, L, width] */
  readonly hiddenStates: Float32Array
  /** [batch] */
  readonly steps: readonly StochasticSteps[]
}

/** A policy that explores, in this process or on a server: which of them makes no difference to the numbers. */
export interface Explorer {
  readonly config: NanoConfig
  explore(observations: RobotBatch): Promise<Explored>
  /** [batch, L, width] of observations that nothing is decided on. */
  hiddenStates(observations: RobotBatch): Promise<Float32Array>
}

/** Hidden states of a batch of observations, [batch, L, width]. */
export function encodeObservations(
  runtime: PolicyRuntime,
  embodiment: string,
  o: Pick<RobotBatch, 'batch' | 'images' | 'states' | 'instructions'>,
): Promise<Float32Array> {
  const { chunkSize } = runtime.config
  const { description } = runtime.embodiment(embodiment)
  const prompts = o.instructions.map((instruction) => embodimentPrompt(description, chunkSize, instruction))
  return runtime.encode(o.batch, o.images, o.states, prompts, embodiment)
}

const randomOf = (seed: number, stream: string, decision: number): Rng =>
  Rng.fromSeed(seed, 'policy', stream, decision)

/**
 * Normal noise of a batch of decisions, [batch, H, K]. Every row's is that of its episode's decision, however episodes
 * are batched. Only the stream 'noise', where sampling starts, has the policy's own standard deviation.
 */
export function decisionNoise(
  { chunkSize, actionDim, initialNoise = 1 }: NanoConfig,
  { episodeSeeds, decision }: DecisionKey,
  stream: string,
): Float32Array {
  const size = chunkSize * actionDim
  const noise = new Float32Array(episodeSeeds.length * size)
  const deviation = stream === 'noise' ? initialNoise : 1
  if (deviation === 0) return noise
  for (const [row, seed] of episodeSeeds.entries())
    randomOf(seed, stream, decision).fillNormal(noise.subarray(row * size, (row + 1) * size))
  if (deviation !== 1) for (let i = 0; i < noise.length; i++) noise[i] *= deviation
  return noise
}

/** Explores with a sampler in this process. */
export function localExplorer(runtime: PolicyRuntime, embodiment: string, sampler: Sampler): Explorer {
  return {
    config: runtime.config,

    async explore(o) {
      const { batch, decision, episodeSeeds } = o
      const hiddenStates = await encodeObservations(runtime, embodiment, o)
      const { actions, steps } = await sampler.sample({
        batch,
        hiddenStates,
        velocity: (x, t) => runtime.velocity(batch, hiddenStates, x, t),
        normal: (stream) => decisionNoise(runtime.config, o, stream),
        integers: (stream, high) =>
          Int32Array.from(episodeSeeds, (seed) => randomOf(seed, stream, decision).integers(0, high)),
      })
      return { actions: runtime.toRobotActions(actions, batch, embodiment), hiddenStates, steps }
    },

    hiddenStates: (o) => encodeObservations(runtime, embodiment, o),
  }
}
