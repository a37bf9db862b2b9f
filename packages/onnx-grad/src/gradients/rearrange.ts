/** Repetition, and blocks of pixels as channels. */
import { intAttribute, stringAttribute } from '../attributes.js'
import type { Value } from '../builder.js'
import type { GradientRule } from './rule.js'

/** Sum over the copies: each axis of size r d is seen as [r, d]. */
const tile: GradientRule = ({ g, node, dy, input }) => {
  const x = input(0)
  const repeats = g.content(node.inputs[1])
  const copies = x.shape.map((_, i) => 2 * i)
  if (copies.length === 0) return [dy]
  if (repeats)
    return [
      g.reduceSum(
        g.reshape(
          dy,
          x.shape.flatMap((dim, i) => [repeats[i], dim]),
        ),
        copies.filter((_, i) => repeats[i] !== 1),
      ),
    ].map((sum) => g.reshape(sum, x.shape))
  const [shape] = g.emit('Shape', [x])
  const pairs = g.reshape(
    g.transpose(
      g.concat(
        [input(1), shape].map((v) => g.unsqueeze(v, [0])),
        0,
      ),
      [1, 0],
    ),
    [-1],
  )
  const split = x.shape.flatMap((dim, i) => [`${node.outputs[0]} copies ${i}`, dim])
  const [seen] = g.op('Reshape', [dy, pairs], {}, [{ dtype: dy.dtype, shape: split }])
  return [g.reduceSum(seen, copies)]
}

const depthToSpace: GradientRule = ({ g, node, dy, input }) => {
  const blocksize = intAttribute(node, 'blocksize', 1)
  if (stringAttribute(node, 'mode', 'DCR') === 'DCR') return g.emit('SpaceToDepth', [dy], { blocksize })
  const x = input(0)
  const [batch, , height, width] = x.shape
  const blocks: Value = g.reshape(dy, [batch, dy.shape[1], height, blocksize, width, blocksize])
  return [g.reshape(g.transpose(blocks, [0, 1, 3, 5, 2, 4]), x.shape)]
}

const spaceToDepth: GradientRule = ({ g, node, dy }) =>
  g.emit('DepthToSpace', [dy], { blocksize: intAttribute(node, 'blocksize', 1), mode: 'DCR' })

export const rearrangements: Record<string, GradientRule> = {
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
}
