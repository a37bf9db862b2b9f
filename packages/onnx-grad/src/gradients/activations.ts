import { stringAttribute } from '../attributes.js'
import { type GradientRule, unary } from './rule.js'

/** d gelu = Φ(x) + x φ(x); for approximate="tanh" the derivative of that form. */
const gelu: GradientRule = ({ g, node, dy, input }) => {
  const x = input(0)
  if (stringAttribute(node, 'approximate', 'none') === 'tanh') {
    const c = Math.sqrt(2 / Math.PI)
    const square = g.mul(x, x)
    const t = g.tanh(g.mul(x, g.add(g.mul(square, 0.044715 * c), c)))
    const inner = g.add(g.mul(square, 3 * 0.044715 * c), c)
    const slope = g.mul(g.mul(x, inner), g.sub(1, g.mul(t, t)))
    return [g.mul(dy, g.mul(g.add(g.add(t, slope), 1), 0.5))]
  }
  // Every node is a pass over memory. With u = x/√2: Φ(x) = (1 + erf u)/2, for which HardSigmoid, an affine map
  // clipped to [0, 1], needs one pass; and x φ(x) = u exp(−u²)/√π, a quotient so that no pass negates.
  const u = g.mul(x, Math.SQRT1_2)
  const [distribution] = g.emit('HardSigmoid', [g.erf(u)], { alpha: 0.5, beta: 0.5 })
  const bump = g.div(u, g.exp(g.mul(u, u)))
  return [g.mul(dy, g.add(distribution, g.mul(bump, 1 / Math.sqrt(Math.PI))))]
}

export const activations: Record<string, GradientRule> = {
  Gelu: gelu,
  Erf: unary((g, dy, x) => g.mul(dy, g.mul(g.exp(g.neg(g.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Tanh: unary((g, dy, _, y) => g.mul(dy, g.sub(1, g.mul(y, y)))),
  Sigmoid: unary((g, dy, _, y) => g.mul(dy, g.mul(y, g.sub(1, y)))),
  Relu: unary((g, dy, x) => g.where(g.greater(x, 0), dy, 0)),
  Softplus: unary((g, dy, x) => g.mul(dy, g.sigmoid(x))),
}
