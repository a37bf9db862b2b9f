/** Running sums, triangles and ranges. */
import { intAttribute } from '../attributes.js'
import type { Value } from '../builder.js'
import type { GradientRule } from './rule.js'

/** Each element counted in the sums on one side of it: a sum that runs the other way. */
const cumulativeSum: GradientRule = ({ g, node, dy, input }) => {
  const reverse = 1 - intAttribute(node, 'reverse', 0)
  return g.emit('CumSum', [dy, input(1)], { reverse, exclusive: intAttribute(node, 'exclusive', 0) })
}

const triangle: GradientRule = ({ g, node, dy, hasInput, input }) =>
  g.emit('Trilu', [dy, hasInput(1) ? input(1) : undefined], { upper: intAttribute(node, 'upper', 1) })

/** start + i delta; the limit only decides how many there are. */
const range: GradientRule = ({ g, dy, needs }) => {
  const total = (x: Value): Value => g.reduceSum(x)
  const ones = g.expand(g.constant(1, [1], dy.dtype), dy.shape)
  const index = g.emit('CumSum', [ones, g.constant(0, [], 'int64')], { exclusive: 1 })[0]
  return [needs(0) ? total(dy) : undefined, undefined, needs(2) ? total(g.mul(dy, index)) : undefined]
}

export const scans: Record<string, GradientRule> = { CumSum: cumulativeSum, Trilu: triangle, Range: range }
