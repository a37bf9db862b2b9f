import { UserError } from '@vla-gym/gymnasium'
import type { GraphBuilder, TensorData, Value } from '@vla-gym/onnx-grad'
import type { Device } from '../device.js'
import type { NanoConfig } from '../nano/config.js'
import type { Parameters } from '../parameters.js'

/**
 * Time of the flow as in openpi and Qwen-VLA: t = 1 is noise, t = 0 the action, x_t = (1 - t) a + t noise,
 * velocity v = noise - action; sampling goes from 1 to 0.
 */
export interface DenoisingGrid {
  /** steps + 1 times, 1 .. 0. */
  readonly t: Float64Array
}

/** Velocity at x [batch * H * K], the same time for every row. */
export type VelocityField = (x: Float32Array, t: number) => Promise<Float32Array>

/** Even grid t_i = 1 - i / steps. */
export function denoisingGrid(steps: number): DenoisingGrid {
  if (!Number.isInteger(steps) || steps < 1)
    throw new UserError(`denoising steps must be at least 1, got ${steps}`)
  return { t: Float64Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps) }
}

/** Decisions to be made at once, and the random numbers of each. */
export interface DecisionBatch {
  readonly batch: number
  /** [batch, L, width] */
  readonly hiddenStates: Float32Array
  readonly velocity: VelocityField
  /** Standard normal [batch, H, K]: every row from its own stream of that name, whatever the batch. */
  normal(stream: string): Float32Array
  /** Whole numbers in [0, high), [batch]. */
  integers(stream: string, high: number): Int32Array
}

/** The stochastic denoising steps of one decision: all that its log-probability depends on but the hidden states. */
export interface StochasticSteps {
  /** [steps, H, K] states before each step, and after it. */
  readonly x: Float32Array
  readonly xNext: Float32Array
  /** Place of the first of the steps on the denoising grid. */
  readonly denoiseIndex: number
  /** Of all the steps, summed over executed control steps and real channels. */
  readonly logProb: number
}

export interface SampledDecisions {
  /** [batch, H, K] model space. */
  readonly actions: Float32Array
  /** [batch] */
  readonly steps: StochasticSteps[]
}

/** What a sampler has written into a training graph. */
export interface LogProbGraph {
  /** [batch] */
  readonly logProb: Value
  /** Scalar: mean differential entropy of a counted dimension, where the noise is learned. */
  readonly entropy?: Value
  /** What the DiT is to be evaluated at; its result takes the place of the graph's input `velocity`. */
  readonly dit: { readonly hiddenStates: Value; readonly noisyActions: Value; readonly timestep: Value }
}

/** How a policy explores: draws action chunks, and says how probable they were. Rollouts and losses know only this. */
export interface Sampler {
  /** Weights of its own that are trained with the DiT. They stay in the training state: a policy acts without them. */
  readonly parameters: Parameters
  /** Learning rate of its own weights. */
  readonly lr: number
  /** Weight of the entropy in the objective. */
  readonly entropyCoefficient: number
  sample(decisions: DecisionBatch): Promise<SampledDecisions>
  /**
   * Writes the log-probability of recorded steps under the weights in training. Its inputs beside these two are those
   * that `feeds` gives, and `velocity`.
   * @param hiddenStates [batch, L, width]
   * @param mask [batch, H, K] 1 where an action counts
   */
  logProb(g: GraphBuilder, hiddenStates: Value, mask: Value): LogProbGraph
  feeds(steps: readonly StochasticSteps[]): Record<string, TensorData>
  /** Takes new values of its own weights. */
  setParameters(parameters: ReadonlyMap<string, TensorData>): Promise<void>
  release(): Promise<void>
}

/** What a sampler is made for. */
export interface SamplerContext {
  readonly config: NanoConfig
  /** Channels of the robot; only these, and only executed steps, count in log-probabilities. */
  readonly activeChannels: number
  /** Of the sampler's own weights. */
  readonly seed: number
  readonly threads?: number
  readonly device?: Device
}

/** The part of a sampler that has no weights of its own. */
export const withoutParameters = {
  parameters: new Map() as Parameters,
  lr: 0,
  entropyCoefficient: 0,
  setParameters: async (): Promise<void> => {},
  release: async (): Promise<void> => {},
}

/** One field of many records, [rows, ...shape]. */
export function stackSteps(
  steps: readonly StochasticSteps[],
  field: 'x' | 'xNext',
  shape: readonly number[],
): TensorData {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(steps.length * size)
  steps.forEach((record, row) => {
    data.set(record[field], row * size)
  })
  return { dtype: 'float32', shape: [steps.length, ...shape], data }
}

/**
 * Log-density of mean + std z at drawn noise z [n, H, K], over executed steps and real channels.
 * @param std of an element, by its place in z
 */
export function noiseLogProb(
  z: Float32Array,
  std: (k: number) => number,
  { config, activeChannels }: Pick<SamplerContext, 'config' | 'activeChannels'>,
): number {
  const { chunkSize, actionDim, executedSteps } = config
  let logProb = 0
  for (let chunk = 0; chunk < z.length; chunk += chunkSize * actionDim) {
    for (let h = 0; h < executedSteps; h++) {
      for (let channel = 0; channel < activeChannels; channel++) {
        const k = chunk + h * actionDim + channel
        logProb -= Math.log(std(k)) + 0.5 * Math.log(2 * Math.PI) + 0.5 * z[k] ** 2
      }
    }
  }
  return logProb
}
