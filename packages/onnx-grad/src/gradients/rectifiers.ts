/** Piecewise and smooth relatives of Relu. */
import { floatAttribute } from '../attributes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { type GradientRule, unary, unbroadcast } from './rule.js'

/** Rule of an activation from its slope; `attribute` reads a float attribute. */
const activation =
  (
    slope: (
      g: GraphBuilder,
      x: Value,
      y: Value,
      attribute: (name: string, fallback: number) => number,
    ) => Value,
  ): GradientRule =>
  ({ g, node, dy, input, output }) => [
    g.mul(
      dy,
      slope(g, input(0), output(0), (name, fallback) => floatAttribute(node, name, fallback)),
    ),
  ]

const leakyRelu: GradientRule = ({ g, node, dy, input }) => [
  g.where(g.less(input(0), 0), g.mul(dy, floatAttribute(node, 'alpha', 0.01)), dy),
]

const prelu: GradientRule = ({ g, dy, needs, input }) => {
  const [x, slope] = [input(0), input(1)]
  const below = g.less(x, 0)
  return [
    needs(0) ? g.where(below, g.mul(dy, slope), dy) : undefined,
    needs(1) ? unbroadcast(g, g.where(below, g.mul(dy, x), 0), slope) : undefined,
  ]
}

/** Passes the gradient where a condition holds. */
const passWhere =
  (
    condition: (g: GraphBuilder, x: Value, attribute: (name: string, fallback: number) => number) => Value,
  ): GradientRule =>
  ({ g, node, dy, input }) => [
    g.where(
      condition(g, input(0), (name, fallback) => floatAttribute(node, name, fallback)),
      dy,
      0,
    ),
  ]

const hardSigmoid: GradientRule = ({ g, node, dy, output }) => {
  const inside = g.and(g.greater(output(0), 0), g.less(output(0), 1))
  return [g.where(inside, g.mul(dy, floatAttribute(node, 'alpha', 0.2)), 0)]
}

const hardSwish: GradientRule = ({ g, dy, input }) => {
  const x = input(0)
  const inner = g.mul(dy, g.add(g.mul(x, 1 / 3), 0.5))
  return [g.where(g.less(g.abs(x), 3), inner, g.where(g.greater(x, 0), dy, 0))]
}

export const rectifiers: Record<string, GradientRule> = {
  LeakyRelu: leakyRelu,
  PRelu: prelu,
  HardSwish: hardSwish,
  ThresholdedRelu: passWhere((g, x, attribute) => g.greater(x, attribute('alpha', 1))),
  Shrink: passWhere((g, x, attribute) => g.greater(g.abs(x), attribute('lambd', 0.5))),
  // Below 0 the output is a (exp x − 1), so that its slope is the output plus a.
  Elu: activation((g, x, y, attribute) => g.where(g.greater(x, 0), 1, g.add(y, attribute('alpha', 1)))),
  Selu: activation((g, x, y, attribute) => {
    const gamma = attribute('gamma', 1.0507009873554805)
    return g.where(g.greater(x, 0), gamma, g.add(y, gamma * attribute('alpha', 1.6732632423543772)))
  }),
  Celu: activation((g, x, y, attribute) =>
    g.where(g.greater(x, 0), 1, g.add(g.mul(y, 1 / attribute('alpha', 1)), 1)),
  ),
  HardSigmoid: hardSigmoid,
  Softsign: unary((g, dy, x) => {
    const root = g.add(g.abs(x), 1)
    return g.div(dy, g.mul(root, root))
  }),
  Mish: activation((g, x) => {
    const t = g.tanh(g.emit('Softplus', [x])[0])
    return g.add(t, g.mul(g.mul(x, g.sigmoid(x)), g.sub(1, g.mul(t, t))))
  }),
  Swish: activation((g, x, y, attribute) => {
    const alpha = attribute('alpha', 1)
    const s = g.sigmoid(g.mul(x, alpha))
    return g.add(s, g.mul(g.mul(y, alpha), g.sub(1, s)))
  }),
}
