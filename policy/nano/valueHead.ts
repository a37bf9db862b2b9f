import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { ParameterStore } from '../parameters.js'
import type { NanoConfig } from './config.js'
import { type Build, layerNorm, linear, linearRelu } from './layers.js'

const valueWidth = 256

/** State value [batch] from mean-pooled hiddenStates [batch, L, width] (the VLM-side critic of RLinf's pi0.5). */
export function valueHead(
  g: GraphBuilder,
  store: ParameterStore,
  config: NanoConfig,
  hiddenStates: Value,
): Value {
  const b: Build = { g, store }
  const pooled = layerNorm(b, 'value.norm', g.reduceMean(hiddenStates, [1]), config.width)
  const first = linearRelu(b, 'value.0', pooled, config.width, valueWidth)
  const second = linearRelu(b, 'value.1', first, valueWidth, valueWidth)
  return g.squeeze(linear(b, 'value.2', second, valueWidth, 1, { normal: 0.02 }), [1])
}
