/** Reductions, TopK and running sums. */
import { intAttribute } from '../attributes.js'
import { reducedShape, reductionAxes } from '../axes.js'
import { unknownDim } from '../dims.js'
import { axisOf, forAll, type Rule, same } from './rule.js'

const reduction: Rule = ({ node, inputs, content }) => {
  const { shape, dtype } = inputs[0]
  const axes = reductionAxes(node, shape.length, content(1))
  const keep = intAttribute(node, 'keepdims', 1) !== 0
  if (axes) return [{ dtype, shape: reducedShape(shape, axes, keep) }]
  return keep ? [{ dtype, shape: shape.map((_, i) => unknownDim(node.outputs[0], i)) }] : undefined
}

const argReduction: Rule = (rule) => {
  const { shape } = rule.inputs[0]
  const keep = intAttribute(rule.node, 'keepdims', 1) !== 0
  return [{ dtype: 'int64', shape: reducedShape(shape, [axisOf(rule, shape.length, 0)], keep) }]
}

const topK: Rule = (rule) => {
  const { shape, dtype } = rule.inputs[0]
  const axis = axisOf(rule, shape.length, -1)
  const taken = shape.with(axis, rule.content(1)?.[0] ?? unknownDim(rule.node.outputs[0], axis))
  return [
    { dtype, shape: taken },
    { dtype: 'int64', shape: taken },
  ]
}

export const reductions: Record<string, Rule> = {
  ...forAll(
    'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp',
    reduction,
  ),
  ...forAll('ArgMax ArgMin', argReduction),
  TopK: topK,
  CumSum: same,
}
