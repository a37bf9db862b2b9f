import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { ParameterStore } from '../parameters.js'
import { hiddenTokens, type NanoConfig } from './config.js'
import { keypoints, keypointToken } from './keypoints.js'
import { languageTokens } from './language.js'
import { type Build, layerNorm, linear, parameter, transformerLayer } from './layers.js'
import { stem } from './stem.js'

export interface BackboneInputs {
  /** uint8 [batch, imageHeight, imageWidth, 3]. */
  readonly image: Value
  /** float32 [batch, stateDim], normalised and padded. */
  readonly state: Value
  /** int64 [prompts, promptLength], 0 = padding. */
  readonly promptTokens: Value
  /** int64 [batch]: the row of promptTokens that belongs to each image. */
  readonly promptIndex: Value
}

/**
 * The nano vision-language backbone: hiddenStates [batch, L, width] over [visual; language; keypoint; state].
 * As in Qwen-VLA in kind, an action expert attends to these hidden states; the keypoint heads stand in for the
 * spatial precision that a pretrained vision encoder would bring.
 */
export function backbone(
  g: GraphBuilder,
  store: ParameterStore,
  config: NanoConfig,
  i: BackboneInputs,
): Value {
  const b: Build = { g, store }
  const { width, heads, backboneLayers } = config
  const { grid, tokens: visual } = stem(b, config, i.image)
  const language = languageTokens(b, config, i.promptTokens)
  const found = keypoints(b, config, grid, language, i.promptIndex)
  const row = (token: Value) => g.unsqueeze(token, [1])
  const tokens = g.concat(
    [
      visual,
      g.gather(language, i.promptIndex),
      row(keypointToken(b, config, found, i.state)),
      row(linear(b, 'backbone.state', i.state, config.stateDim, width)),
    ],
    1,
  )
  let x = g.add(tokens, parameter(b, 'backbone.position', [hiddenTokens(config), width], { normal: 0.1 }))
  for (let layer = 0; layer < backboneLayers; layer++) {
    const options = { width, heads, expansion: 2, layers: backboneLayers }
    x = transformerLayer(b, `backbone.layers.${layer}`, x, options)
  }
  return layerNorm(b, 'backbone.norm', x, width)
}
