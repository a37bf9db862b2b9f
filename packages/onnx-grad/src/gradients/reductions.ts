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

export const reductions: Record<string, GradientRule> = {
  ReduceSum: reduction(({ dy }) => dy),
  ReduceMean: reduction((r) => r.g.div(r.dy, size(r))),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceSumSquare: reduction(({ g, x, dy }) => g.mul(x, g.mul(dy, 2))),
  ReduceL2: reduction(({ g, x, y, dy }) => g.mul(x, g.div(dy, y()))),
  ReduceLogSumExp: reduction(({ g, x, y, dy }) => g.mul(dy, g.exp(g.sub(x, y())))),
}
