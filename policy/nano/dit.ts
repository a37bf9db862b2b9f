import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { ParameterStore } from '../parameters.js'
import { ditSizes, hiddenTokens, type NanoConfig } from './config.js'
import { attention, type Build, geluMlp, linear, parameter } from './layers.js'

export interface DitInputs {
  /** [batch, L, width]. */
  readonly hiddenStates: Value
  /** Model-space chunk at time t: [batch, H, K]. */
  readonly noisyActions: Value
  /** [batch], 1 = noise, 0 = action. */
  readonly timestep: Value
}

const timestepWidth = 256
/** Periods of the sinusoids of t, shortest and longest (openpi's). */
const periods = [4e-3, 4]

/** Sinusoids of the flow time through an MLP: [batch] -> [batch, width]. */
function timestepEmbedding(b: Build, timestep: Value, width: number): Value {
  const { g } = b
  const half = timestepWidth / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => {
    return (2 * Math.PI) / (periods[0] * (periods[1] / periods[0]) ** (i / (half - 1)))
  })
  const angles = g.mul(g.unsqueeze(timestep, [1]), g.constant(frequencies, [half], 'float32'))
  const waves = g.concat([g.sin(angles), g.cos(angles)], 1)
  const inner = g.silu(linear(b, 'dit.timestep.0', waves, timestepWidth, width))
  return g.silu(linear(b, 'dit.timestep.1', inner, width, width))
}

/** `parts` modulation vectors [batch, 1, width] from the time, one linear layer per block. */
function modulation(b: Build, name: string, time: Value, width: number, parts: number): Value[] {
  const all = linear(b, name, time, width, parts * width, 'zeros')
  return b.g.split(b.g.unsqueeze(all, [1]), -1, Array(parts).fill(width))
}

/** Adaptive layer norm (Peebles & Xie 2023): plain normalisation, then scale and shift by the timestep. */
const modulate = (g: GraphBuilder, x: Value, shift: Value, scale: Value): Value =>
  g.add(g.mul(g.layerNorm(x), g.add(scale, 1)), shift)

/**
 * One DiT block with AdaLN-6. In the last block only the action tokens go on, so only they are given queries
 * and an MLP, while keys and values still come from all tokens.
 */
function block(b: Build, config: NanoConfig, name: string, x: Value, time: Value, last: boolean): Value {
  const { g } = b
  const { chunkSize } = config
  const { ditWidth: width, ditHeads: heads, ditExpansion } = ditSizes(config)
  const names = modulation(b, `${name}.modulation`, time, width, 6)
  const [attentionShift, attentionScale, attentionGate, mlpShift, mlpScale, mlpGate] = names
  const onlyActions = (tokens: Value) =>
    g.slice(tokens, 1, hiddenTokens(config), hiddenTokens(config) + chunkSize)
  const normed = modulate(g, x, attentionShift, attentionScale)
  const attended = attention(b, `${name}.attention`, normed, {
    width,
    heads,
    outputStd: 1 / Math.sqrt(width),
    ...(last && { queryTokens: onlyActions(normed) }),
  })
  const middle = g.add(last ? onlyActions(x) : x, g.mul(attentionGate, attended))
  const hidden = ditExpansion * width
  const inner = modulate(g, middle, mlpShift, mlpScale)
  const changed = geluMlp(b, `${name}.mlp`, inner, width, hidden, 1 / Math.sqrt(hidden))
  return g.add(middle, g.mul(mlpGate, changed))
}

/**
 * The action expert: velocity [batch, H, K] (noise minus action) by joint self-attention over the projected
 * hidden states and the noisy action tokens. Modulation starts at zero (adaLN-Zero: every block starts as the
 * identity); the output layer starts small instead of zero, so that gradients reach the gates at once.
 */
export function dit(g: GraphBuilder, store: ParameterStore, config: NanoConfig, i: DitInputs): Value {
  const b: Build = { g, store }
  const { chunkSize, actionDim } = config
  const { ditWidth: width, ditLayers } = ditSizes(config)
  const time = timestepEmbedding(b, i.timestep, width)
  const context = linear(b, 'dit.projection', i.hiddenStates, config.width, width)
  const inner = g.silu(linear(b, 'dit.actions.0', i.noisyActions, actionDim, width))
  const position = parameter(b, 'dit.actions.position', [chunkSize, width], { normal: 0.1 })
  const actions = g.add(linear(b, 'dit.actions.1', inner, width, width), position)
  let x = g.concat([context, actions], 1)
  for (let layer = 0; layer < ditLayers; layer++) {
    x = block(b, config, `dit.blocks.${layer}`, x, time, layer === ditLayers - 1)
  }
  const [shift, scale] = modulation(b, 'dit.output.modulation', time, width, 2)
  return linear(b, 'dit.output', modulate(g, x, shift, scale), width, actionDim, { normal: 0.02 })
}
