import type { Value } from '@vla-gym/onnx-grad'
import { padToken } from '../tokenizer.js'
import type { NanoConfig } from './config.js'
import { attention, type Build, layerNorm, parameter, transformerLayer } from './layers.js'

/**
 * Distinct prompts int64 [prompts, promptLength] -> language tokens [prompts, languageTokens, width]. A batch
 * holds few distinct prompts, so this part costs next to nothing; rows take theirs by promptIndex afterwards.
 * Padding is masked out of every attention.
 */
export function languageTokens(b: Build, config: NanoConfig, promptTokens: Value): Value {
  const { g } = b
  const { width, heads, promptLength } = config
  const prompts = promptTokens.shape[0]
  // Starting small matters: at 0.5, words took 300 instead of 200 steps to find their objects.
  const embedding = parameter(b, 'backbone.text.embedding', [config.vocabularySize, width], { normal: 0.02 })
  const position = parameter(b, 'backbone.text.position', [promptLength, width], { normal: 0.02 })
  const isPadding = g.equal(promptTokens, g.constant(BigInt64Array.of(BigInt(padToken)), [], 'int64'))
  const bias = g.unsqueeze(g.where(isPadding, g.constant(-1e9), g.constant(0)), [1, 2])
  const embedded = g.add(g.gather(embedding, promptTokens), position)
  const words = transformerLayer(b, 'backbone.text.layer', embedded, {
    width,
    heads,
    expansion: 2,
    layers: 1,
    bias,
  })
  const queries = parameter(b, 'backbone.text.queries', [1, config.languageTokens, width], { normal: 1 })
  const queryTokens = g.expand(queries, [prompts, config.languageTokens, width])
  const read = attention(b, 'backbone.text.read', layerNorm(b, 'backbone.text.readNorm', words, width), {
    width,
    heads,
    outputStd: 1 / Math.sqrt(width),
    bias,
    queryTokens,
  })
  return layerNorm(b, 'backbone.text.norm', read, width)
}
