import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { NanoConfig } from '../nano/config.js'
import type { DitInputs } from '../nano/dit.js'
import { type Build, linear } from '../nano/layers.js'
import type { ParameterStore } from '../parameters.js'

const widths = [128, 64] as const

/** Standard deviations lie between these. */
export interface NoiseRange {
  readonly min: number
  readonly max: number
}

/**
 * Logarithm of the noise's standard deviation, [batch, H, K], by a small tanh network as in RLinf's explore_noise_net.
 * It reads what the DiT reads, action token by action token, and not the DiT's features, so that it goes with any
 * action expert. The last tanh is mapped linearly onto [log min, log max]; it starts near the middle.
 */
export function noiseHead(
  g: GraphBuilder,
  store: ParameterStore,
  config: NanoConfig,
  { min, max }: NoiseRange,
  inputs: DitInputs,
): Value {
  const b: Build = { g, store }
  const [first, second] = widths
  const pooled = g.unsqueeze(g.reduceMean(inputs.hiddenStates, [1]), [1])
  const context = linear(b, 'noise.context', pooled, config.width, first)
  const actions = linear(b, 'noise.actions', inputs.noisyActions, config.actionDim, first)
  const time = linear(b, 'noise.timestep', g.unsqueeze(inputs.timestep, [1, 2]), 1, first)
  const hidden = g.tanh(g.add(g.add(actions, context), time))
  const inner = g.tanh(linear(b, 'noise.hidden', hidden, first, second))
  const level = g.tanh(linear(b, 'noise.output', inner, second, config.actionDim, { normal: 0.02 }))
  const [middle, half] = [0.5 * Math.log(max * min), 0.5 * Math.log(max / min)]
  return g.add(g.mul(level, half), middle)
}
