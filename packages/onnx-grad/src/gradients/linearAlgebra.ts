import { floatAttribute, intAttribute } from '../attributes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { type GradientRule, unbroadcast } from './rule.js'

const gemmOf = (g: GraphBuilder, a: Value, b: Value, transA: number, transB: number, alpha = 1): Value =>
  g.emit('Gemm', [a, b], { transA, transB, alpha })[0]

/** Swaps the last two axes. */
function swapped(g: GraphBuilder, x: Value): Value {
  const rank = x.shape.length
  return g.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2])
}

/**
 * A matrix on the right (a weight) makes both gradients one Gemm over all rows, whatever the batch axes of the
 * left are; otherwise dA = dY Bᵀ and dB = Aᵀ dY, summed over broadcast batch axes. Where an operand was transposed, its
 * gradient is the transposed product: the gradient of that Transpose then undoes it, and no copy is made.
 */
const matmul: GradientRule = ({ g, dy, needs, input }) => {
  const a = input(0).shape.length === 1 ? g.unsqueeze(input(0), [0]) : input(0)
  const b = input(1).shape.length === 1 ? g.unsqueeze(input(1), [1]) : input(1)
  const batch = dy.shape.slice(
    0,
    dy.shape.length - (input(0).shape.length > 1 ? 1 : 0) - (input(1).shape.length > 1 ? 1 : 0),
  )
  const dY = g.reshape(dy, [...batch, a.shape.at(-2)!, b.shape.at(-1)!])
  const result: (Value | undefined)[] = [undefined, undefined]
  if (b.shape.length === 2) {
    const rows = g.reshape(dY, [-1, b.shape[1]])
    if (needs(0)) result[0] = g.reshape(gemmOf(g, rows, b, 0, 1), input(0).shape)
    if (needs(1)) result[1] = g.reshape(gemmOf(g, g.reshape(a, [-1, b.shape[0]]), rows, 1, 0), input(1).shape)
    return result
  }
  if (needs(0)) {
    const da = g.isTransposed(a) ? swapped(g, g.matmul(b, swapped(g, dY))) : g.matmul(dY, swapped(g, b))
    result[0] = g.reshape(unbroadcast(g, da, a), input(0).shape)
  }
  if (needs(1)) {
    const db = g.isTransposed(b) ? swapped(g, g.matmul(swapped(g, dY), a)) : g.matmul(swapped(g, a), dY)
    result[1] = g.reshape(unbroadcast(g, db, b), input(1).shape)
  }
  return result
}

/** Y = alpha A' B' + beta C. */
const gemm: GradientRule = ({ g, node, dy, needs, input, hasInput }) => {
  const transA = intAttribute(node, 'transA', 0)
  const transB = intAttribute(node, 'transB', 0)
  const alpha = floatAttribute(node, 'alpha', 1)
  const beta = floatAttribute(node, 'beta', 1)
  const [a, b] = [input(0), input(1)]
  const result: (Value | undefined)[] = [undefined, undefined, undefined]
  if (needs(0))
    result[0] = transA ? gemmOf(g, b, dy, transB, 1, alpha) : gemmOf(g, dy, b, 0, 1 - transB, alpha)
  if (needs(1))
    result[1] = transB ? gemmOf(g, dy, a, 1, transA, alpha) : gemmOf(g, a, dy, 1 - transA, 0, alpha)
  if (hasInput(2) && needs(2)) {
    const sum = unbroadcast(g, dy, input(2))
    result[2] = beta === 1 ? sum : g.mul(sum, beta)
  }
  return result
}

export const linearAlgebra: Record<string, GradientRule> = { MatMul: matmul, Gemm: gemm }
