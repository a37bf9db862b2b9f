import type { Value } from '@vla-gym/onnx-grad'
import { blockPixels, type NanoConfig, patchMerges } from './config.js'
import { type Build, linear, linearRelu, parameter } from './layers.js'

/** Merges size x size neighbours of [batch, rows, columns, width] into [batch, rows/size, columns/size, size^2 width]. */
function mergeNeighbours({ g }: Build, x: Value, size: number): Value {
  const [batch, rows, columns, width] = x.shape as [Value['shape'][0], number, number, number]
  const bands = g.reshape(x, [batch, rows / size, size, columns / size, size * width])
  return g.reshape(g.transpose(bands, [0, 1, 3, 2, 4]), [
    batch,
    rows / size,
    columns / size,
    size * size * width,
  ])
}

/**
 * Overlapping 8x8 patches at stride 4 of an image [batch, H, W, 3], as [batch, H/4, W/4, 192]: 4x4 blocks, each
 * beside its right, lower and lower-right neighbour (the last row and column repeated at the border). No
 * convolution is needed, and it is bytes that are moved (by Split and Concat, several times faster than Transpose).
 */
function overlappingPatches({ g }: Build, image: Value, config: NanoConfig): Value {
  const [rows, columns] = [config.imageHeight / blockPixels, config.imageWidth / blockPixels]
  const line = blockPixels * 3
  const bands = g.reshape(image, [image.shape[0], rows, blockPixels, columns * line])
  const lines = g.split(bands, 2, Array(blockPixels).fill(1))
  const blocks = g.concat(
    lines.map((pixels) => g.reshape(pixels, [image.shape[0], rows, columns, line])),
    3,
  )
  const below = g.concat([g.slice(blocks, 1, 1, rows), g.slice(blocks, 1, rows - 1, rows)], 1)
  const shiftLeft = (x: Value) =>
    g.concat([g.slice(x, 2, 1, columns), g.slice(x, 2, columns - 1, columns)], 2)
  return g.concat([blocks, shiftLeft(blocks), below, shiftLeft(below)], 3)
}

/**
 * ReLU of a linear map of (patch - 127.5) / 64. Centring and scaling are applied to the weights instead of to
 * the patches, which are a thousand times larger.
 */
function patchFeatures(b: Build, patches: Value, width: number): Value {
  const { g } = b
  const from = patches.shape.at(-1) as number
  const weight = parameter(b, 'backbone.stem.patch.weight', [from, width], { normal: Math.sqrt(2 / from) })
  const bias = parameter(b, 'backbone.stem.patch.bias', [width], 'zeros')
  const scaled = g.mul(weight, 1 / 64)
  return g.relu(g.linear(patches, scaled, g.sub(bias, g.mul(g.reduceSum(scaled, [0]), 127.5))))
}

/**
 * Image uint8 [batch, H, W, 3] -> grid features [batch, H/4, W/4, stemWidth] for the keypoint heads, and visual
 * tokens [batch, (H/40)(W/40), width]. Overlapping patches and keypoints on the fine grid are what made
 * millimetre localisation learnable in minutes; a plain 8x8 ViT patch stem did not.
 */
export function stem(b: Build, config: NanoConfig, image: Value): { grid: Value; tokens: Value } {
  const { g } = b
  const { width, stemWidth } = config
  const patches = g.cast(overlappingPatches(b, image, config), 'float32')
  const grid = patchFeatures(b, patches, stemWidth)
  const [fine, wide] = patchMerges
  const middle = linearRelu(
    b,
    'backbone.stem.merge1',
    mergeNeighbours(b, grid, fine),
    fine ** 2 * stemWidth,
    width,
  )
  const coarse = linear(b, 'backbone.stem.merge2', mergeNeighbours(b, middle, wide), wide ** 2 * width, width)
  const [batch, rows, columns] = coarse.shape as [Value['shape'][0], number, number]
  return { grid, tokens: g.reshape(coarse, [batch, rows * columns, width]) }
}
