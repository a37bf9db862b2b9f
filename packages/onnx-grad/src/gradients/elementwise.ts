import type { Value } from '../builder.js'
import { type GradientContext, type GradientRule, unary, unbroadcast, zeros } from './rule.js'

const add: GradientRule = ({ g, node, dy, needs, input }) =>
  node.inputs.map((_, i) => (needs(i) ? unbroadcast(g, dy, input(i)) : undefined))

const mean: GradientRule = ({ g, node, dy, needs, input }) => {
  const share = g.mul(dy, 1 / node.inputs.length)
  return node.inputs.map((_, i) => (needs(i) ? unbroadcast(g, share, input(i)) : undefined))
}

/** a − b trunc(a / b), with the integer quotient taken from the result. */
const mod: GradientRule = ({ g, dy, needs, input, output }) => {
  const quotient = (): Value => g.emit('Round', [g.div(g.sub(input(0), output(0)), input(1))])[0]
  return [
    needs(0) ? unbroadcast(g, dy, input(0)) : undefined,
    needs(1) ? g.neg(unbroadcast(g, g.mul(dy, quotient()), input(1))) : undefined,
  ]
}

/** As in a trained model: nothing is dropped. */
const dropout: GradientRule = ({ g, dy, node, hasInput, unsupported }) => {
  if (hasInput(2) && g.content(node.inputs[2])?.[0] !== 0) throw unsupported('training mode')
  return [dy]
}

const sub: GradientRule = ({ g, dy, needs, input }) => [
  needs(0) ? unbroadcast(g, dy, input(0)) : undefined,
  needs(1) ? g.neg(unbroadcast(g, dy, input(1))) : undefined,
]

const mul: GradientRule = ({ g, dy, needs, input }) => [
  needs(0) ? unbroadcast(g, g.mul(dy, input(1)), input(0)) : undefined,
  needs(1) ? unbroadcast(g, g.mul(dy, input(0)), input(1)) : undefined,
]

const div: GradientRule = ({ g, dy, needs, input, output }) => {
  const scaled = g.div(dy, input(1))
  return [
    needs(0) ? unbroadcast(g, scaled, input(0)) : undefined,
    needs(1) ? g.neg(unbroadcast(g, g.mul(scaled, output(0)), input(1))) : undefined,
  ]
}

/** d(a^b) = b a^(b−1) da + a^b ln(a) db, with 0 where a = 0 (a one-sided limit) or b = 0. */
const pow: GradientRule = (context) => {
  const { g, dy, needs, input, output } = context
  const [a, b] = [input(0), input(1)]
  const result: (Value | undefined)[] = [undefined, undefined]
  if (needs(0)) result[0] = unbroadcast(g, powBase(context, a, b), a)
  if (needs(1)) {
    if (a.dtype !== b.dtype) throw context.unsupported(`gradient of an exponent of dtype ${b.dtype}`)
    const log = g.log(g.where(g.equal(a, 0), 1, a))
    result[1] = unbroadcast(g, g.mul(dy, g.mul(output(0), log)), b)
  }
  return result
}

function powBase({ g, dy, node, needs }: GradientContext, a: Value, b: Value): Value {
  const exponent = needs(1) ? undefined : g.constantNumber(node.inputs[1])
  if (exponent === 0) return zeros(g, a)
  if (exponent === 1) return dy
  if (exponent === 2) return g.mul(dy, g.mul(a, 2))
  if (exponent !== undefined) return g.mul(dy, g.mul(g.pow(a, exponent - 1), exponent))
  const power = g.cast(b, a.dtype)
  const slope = g.mul(power, g.pow(a, g.sub(power, 1)))
  return g.mul(dy, g.where(g.equal(power, 0), 0, slope))
}

/** The gradient goes to the operand that was chosen, to the first of them when several are equal. */
const chosen: GradientRule = ({ g, node, dy, needs, input, output }) => {
  let rest = dy
  return node.inputs.map((_, i) => {
    const last = i === node.inputs.length - 1
    const taken = last ? undefined : g.equal(input(i), output(0))
    const gradient = taken ? g.where(taken, rest, 0) : rest
    if (taken) rest = g.where(taken, 0, rest)
    return needs(i) ? unbroadcast(g, gradient, input(i)) : undefined
  })
}

/** Passes where the value was inside the bounds, both included; what lies beyond goes to the bound. */
const clip: GradientRule = ({ g, dy, needs, hasInput, input, output }) => {
  const beyond = (i: number, outside: Value): Value | undefined =>
    needs(i) ? g.reshape(g.reduceSum(g.where(outside, dy, 0)), input(i).shape) : undefined
  return [
    needs(0) ? g.where(g.equal(input(0), output(0)), dy, 0) : undefined,
    hasInput(1) ? beyond(1, g.less(input(0), input(1))) : undefined,
    hasInput(2) ? beyond(2, g.greater(input(0), input(2))) : undefined,
  ]
}

const where: GradientRule = ({ g, dy, needs, input }) => [
  undefined,
  needs(1) ? unbroadcast(g, g.where(input(0), dy, 0), input(1)) : undefined,
  needs(2) ? unbroadcast(g, g.where(input(0), 0, dy), input(2)) : undefined,
]

export const elementwise: Record<string, GradientRule> = {
  Add: add,
  Sum: add,
  Mean: mean,
  Mod: mod,
  Dropout: dropout,
  Sub: sub,
  Mul: mul,
  Div: div,
  Pow: pow,
  Min: chosen,
  Max: chosen,
  Clip: clip,
  Where: where,
  Neg: unary((g, dy) => g.neg(dy)),
  Identity: unary((_, dy) => dy),
  Cast: unary((g, dy, x) => g.cast(dy, x.dtype)),
  CastLike: unary((g, dy, x) => g.cast(dy, x.dtype)),
  Sqrt: unary((g, dy, _, y) => g.div(g.mul(dy, 0.5), y)),
  Exp: unary((g, dy, _, y) => g.mul(dy, y)),
  Log: unary((g, dy, x) => g.div(dy, x)),
  Abs: unary((g, dy, x) => g.mul(dy, g.emit('Sign', [x])[0])),
  Sin: unary((g, dy, x) => g.mul(dy, g.cos(x))),
  Cos: unary((g, dy, x) => g.neg(g.mul(dy, g.sin(x)))),
  Reciprocal: unary((g, dy, _, y) => g.neg(g.mul(dy, g.mul(y, y)))),
}
