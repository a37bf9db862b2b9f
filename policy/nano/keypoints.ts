import type { Value } from '@vla-gym/onnx-grad'
import type { NanoConfig } from './config.js'
import { type Build, linear, linearRelu, parameter } from './layers.js'

/** Centres of the grid's patches [rows * columns, 2] as (x, y), the image spanning -1..1, y down. */
function gridCoordinates(rows: number, columns: number): Float32Array {
  const out = new Float32Array(rows * columns * 2)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // A patch is two blocks wide, so its centre is the end of its first block.
      out.set([(2 * (column + 1)) / columns - 1, (2 * (row + 1)) / rows - 1], (row * columns + column) * 2)
    }
  }
  return out
}

export interface Keypoints {
  /** Expected (x, y) of every head in -1..1, flat: [batch, 2 * keypoints]. */
  readonly coordinates: Value
  /** Attended features: [batch, keypoints * keypointWidth]. */
  readonly features: Value
}

/**
 * Spatial-softmax heads (Levine et al. 2016) on the grid [batch, rows, columns, stemWidth], whose queries are a
 * learned vector plus what the prompt asks for: "the carrot" can be looked up by name.
 * @param language    [prompts, languageTokens, width]
 * @param promptIndex int64 [batch]
 */
export function keypoints(
  b: Build,
  config: NanoConfig,
  grid: Value,
  language: Value,
  promptIndex: Value,
): Keypoints {
  const { g } = b
  const { keypoints: heads, keypointWidth, stemWidth } = config
  const [batch, rows, columns] = grid.shape as [Value['shape'][0], number, number]
  const cells = g.reshape(grid, [batch, rows * columns, stemWidth])
  const languageWidth = config.languageTokens * config.width
  const flat = g.reshape(language, [language.shape[0], languageWidth])
  const asked = linear(b, 'backbone.keypoints.query', flat, languageWidth, heads * stemWidth)
  const learned = parameter(b, 'backbone.keypoints.learnedQuery', [heads, stemWidth], { normal: 1 })
  const queries = g.add(g.reshape(g.gather(asked, promptIndex), [batch, heads, stemWidth]), learned)
  const keys = g.transpose(linear(b, 'backbone.keypoints.key', cells, stemWidth, stemWidth), [0, 2, 1])
  const scores = g.mul(g.matmul(queries, keys), 1 / Math.sqrt(stemWidth))
  const weights = g.softmax(scores, -1)
  const coordinates = g.matmul(
    weights,
    g.constant(gridCoordinates(rows, columns), [rows * columns, 2], 'float32'),
  )
  const values = linear(b, 'backbone.keypoints.value', cells, stemWidth, keypointWidth)
  return {
    coordinates: g.reshape(coordinates, [batch, 2 * heads]),
    features: g.reshape(g.matmul(weights, values), [batch, heads * keypointWidth]),
  }
}

/**
 * Keypoint token [batch, width]: an MLP over coordinates, features and state, plus the coordinates themselves
 * through one linear map, so that later layers read positions at full precision.
 */
export function keypointToken(b: Build, config: NanoConfig, found: Keypoints, state: Value): Value {
  const { g } = b
  const { keypoints: heads, keypointWidth, stateDim, width } = config
  const inner = linearRelu(
    b,
    'backbone.keypoints.mlp.0',
    g.concat([found.coordinates, found.features, state], 1),
    heads * (2 + keypointWidth) + stateDim,
    2 * width,
  )
  const token = linear(b, 'backbone.keypoints.mlp.1', inner, 2 * width, width)
  return g.add(token, linear(b, 'backbone.keypoints.coordinates', found.coordinates, 2 * heads, width))
}
