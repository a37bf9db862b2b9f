/** Trigonometric and hyperbolic functions beyond Sin, Cos and Tanh. */
import type { GraphBuilder, Value } from '../builder.js'
import { type GradientRule, unary } from './rule.js'

const square = (g: GraphBuilder, x: Value): Value => g.mul(x, x)
const own = (op: string) => (g: GraphBuilder, x: Value) => g.emit(op, [x])[0]

export const trigonometry: Record<string, GradientRule> = {
  Tan: unary((g, dy, _, y) => g.mul(dy, g.add(square(g, y), 1))),
  Asin: unary((g, dy, x) => g.div(dy, g.sqrt(g.sub(1, square(g, x))))),
  Acos: unary((g, dy, x) => g.neg(g.div(dy, g.sqrt(g.sub(1, square(g, x)))))),
  Atan: unary((g, dy, x) => g.div(dy, g.add(square(g, x), 1))),
  Sinh: unary((g, dy, x) => g.mul(dy, own('Cosh')(g, x))),
  Cosh: unary((g, dy, x) => g.mul(dy, own('Sinh')(g, x))),
  Asinh: unary((g, dy, x) => g.div(dy, g.sqrt(g.add(square(g, x), 1)))),
  Acosh: unary((g, dy, x) => g.div(dy, g.sqrt(g.sub(square(g, x), 1)))),
  Atanh: unary((g, dy, x) => g.div(dy, g.sub(1, square(g, x)))),
}
