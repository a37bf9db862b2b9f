import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { Initialization, ParameterStore } from '../parameters.js'

/** What every block is built with. */
export interface Build {
  readonly g: GraphBuilder
  readonly store: ParameterStore
}

export function parameter(b: Build, name: string, shape: readonly number[], init: Initialization): Value {
  return b.g.parameter(name, shape, b.store.get(name, shape, init).data as Float32Array)
}

/** x [..., from] -> [..., to] with weight `name.weight` and zero-initialised `name.bias`. */
export function linear(
  b: Build,
  name: string,
  x: Value,
  from: number,
  to: number,
  init: Initialization = { normal: 1 / Math.sqrt(from) },
): Value {
  const weight = parameter(b, `${name}.weight`, [from, to], init)
  return b.g.linear(x, weight, parameter(b, `${name}.bias`, [to], 'zeros'))
}

/** Linear and ReLU, with the variance-keeping initialisation of ReLU layers (He et al. 2015). */
export function linearRelu(b: Build, name: string, x: Value, from: number, to: number): Value {
  return b.g.relu(linear(b, name, x, from, to, { normal: Math.sqrt(2 / from) }))
}

export function layerNorm(b: Build, name: string, x: Value, width: number): Value {
  const scale = parameter(b, `${name}.scale`, [width], 'ones')
  return b.g.layerNorm(x, scale, parameter(b, `${name}.bias`, [width], 'zeros'))
}

/** [batch, n, width] -> [batch, heads, n, width / heads]. */
function splitHeads(g: GraphBuilder, x: Value, heads: number): Value {
  const [batch, n, width] = x.shape
  return g.transpose(g.reshape(x, [batch, n, heads, (width as number) / heads]), [0, 2, 1, 3])
}

export interface AttentionOptions {
  readonly width: number
  readonly heads: number
  /** Initial standard deviation of the output projection. */
  readonly outputStd: number
  /** Added to the scores [batch, heads, queries, tokens]; broadcast. */
  readonly bias?: Value
  /** Queries from other tokens than keys and values: [batch, m, width]. */
  readonly queryTokens?: Value
}

/** Multi-head attention over tokens [batch, n, width]; result [batch, n or m, width]. */
export function attention(b: Build, name: string, tokens: Value, options: AttentionOptions): Value {
  const { g } = b
  const { width, heads } = options
  const cross = options.queryTokens
  const [q, k, v] = cross
    ? [
        linear(b, `${name}.query`, cross, width, width),
        ...g.split(linear(b, `${name}.keyValue`, tokens, width, 2 * width), -1, [width, width]),
      ]
    : g.split(linear(b, `${name}.qkv`, tokens, width, 3 * width), -1, [width, width, width])
  const keys = g.transpose(splitHeads(g, k, heads), [0, 1, 3, 2])
  const queries = g.mul(splitHeads(g, q, heads), 1 / Math.sqrt(width / heads))
  const scores = g.matmul(queries, keys)
  const weights = g.softmax(options.bias ? g.add(scores, options.bias) : scores, -1)
  const mixed = g.transpose(g.matmul(weights, splitHeads(g, v, heads)), [0, 2, 1, 3])
  const joined = g.reshape(mixed, [q.shape[0], q.shape[1], width])
  return linear(b, `${name}.output`, joined, width, width, { normal: options.outputStd })
}

/** Linear, GELU, linear; the second one starts small when it writes to a residual stream. */
export function geluMlp(
  b: Build,
  name: string,
  x: Value,
  width: number,
  hidden: number,
  outputStd: number,
): Value {
  const inner = b.g.gelu(linear(b, `${name}.input`, x, width, hidden))
  return linear(b, `${name}.output`, inner, hidden, width, { normal: outputStd })
}

/** Initial deviation of a projection onto a residual stream that `layers` layers write to twice each. */
export const residualStd = (fanIn: number, layers: number): number => 1 / Math.sqrt(fanIn * 2 * layers)

export interface TransformerOptions {
  readonly width: number
  readonly heads: number
  /** Width of the MLP as a multiple of `width`. */
  readonly expansion: number
  /** Layers on the same residual stream, for the initial scale. */
  readonly layers: number
  readonly bias?: Value
}

/** Pre-norm transformer layer on x [batch, n, width]. */
export function transformerLayer(b: Build, name: string, x: Value, options: TransformerOptions): Value {
  const { width, heads, layers, expansion, bias } = options
  const { g } = b
  const attended = attention(b, `${name}.attention`, layerNorm(b, `${name}.attentionNorm`, x, width), {
    width,
    heads,
    outputStd: residualStd(width, layers),
    ...(bias && { bias }),
  })
  const middle = g.add(x, attended)
  const hidden = expansion * width
  const normed = layerNorm(b, `${name}.mlpNorm`, middle, width)
  return g.add(middle, geluMlp(b, `${name}.mlp`, normed, width, hidden, residualStd(hidden, layers)))
}
