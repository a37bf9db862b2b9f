import { reducedShape, reductionAxes } from '../axes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { countOf, type GradientContext, type GradientRule } from './rule.js'

interface Reduction {
  readonly g: GraphBuilder
  readonly x: Value
  readonly axes: readonly number[]
  /** Output and its gradient with the reduced axes kept as 1, so that they broadcast against x. */
  readonly y: () => Value
  readonly dy: Value
}

const reduction =
  (gradient: (reduction: Reduction) => Value): GradientRule =>
  ({ g, node, dy, input, output, unsupported }: GradientContext) => {
    const x = input(0)
    const axes = reductionAxes(node, x.shape.length, node.inputs[1] ? g.content(node.inputs[1]) : undefined)
    if (!axes) throw unsupported('reduction over axes that are not constant')
    const kept = reducedShape(x.shape, axes, true)
    const keep = (value: Value): Value => (axes.length === 0 ? value : g.reshape(value, kept))
    return [g.expand(gradient({ g, x, axes, dy: keep(dy), y: () => keep(output(0)) }), x.shape)]
  }

const size = ({ g, x, axes }: Reduction): Value =>
  countOf(
    g,
    axes.map((axis) => x.shape[axis]),
    x,
  )

/** The elements that attain the extremum share the gradient equally. */
const extremum = reduction(({ g, x, axes, y, dy }) => {
  const attained = g.cast(g.equal(x, y()), x.dtype)
  return g.mul(attained, g.div(dy, g.reduceSum(attained, axes, true)))
})

/** Product of the other elements, which stays right where some are zero. */
const product = reduction(({ g, x, axes, dy }) => {
  const isZero = g.equal(x, 0)
  const nonZero = g.where(isZero, 1, x)
  const one = g.cast(isZero, x.dtype)
  const list = g.constant([...axes], undefined, 'int64')
  const ofNonZero = axes.length ? g.emit('ReduceProd', [nonZero, list], { keepdims: 1 })[0] : nonZero
  const otherZeros = g.sub(g.reduceSum(one, axes, true), one)
  return g.mul(dy, g.where(g.greater(otherZeros, 0), 0, g.div(ofNonZero, nonZero)))
})

export const reductions: Record<string, GradientRule> = {
  ReduceSum: reduction(({ dy }) => dy),
  ReduceMean: reduction((r) => r.g.div(r.dy, size(r))),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceProd: product,
  ReduceL1: reduction(({ g, x, dy }) => g.mul(dy, g.emit('Sign', [x])[0])),
  ReduceLogSum: reduction(({ g, y, dy }) => g.div(dy, g.exp(y()))),
  ReduceSumSquare: reduction(({ g, x, dy }) => g.mul(x, g.mul(dy, 2))),
  // At 0 the norm has no slope; 0 is one of its subgradients.
  ReduceL2: reduction(({ g, x, y, dy }) => g.mul(x, g.where(g.equal(y(), 0), 0, g.div(dy, y())))),
  ReduceLogSumExp: reduction(({ g, x, y, dy }) => g.mul(dy, g.exp(g.sub(x, y())))),
}
