/** What gradient rules are made of. Rules write into a GraphBuilder and return one gradient per input. */
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct, sameShape } from '../dims.js'
import type { UserError } from '../errors.js'
import type { Dim, DType, GraphNode } from '../model.js'

export interface GradientContext {
  readonly g: GraphBuilder
  readonly node: GraphNode
  /** Gradient of the first output, of that output's shape. */
  readonly dy: Value
  /** Gradients of all outputs; undefined where the loss does not depend on an output. */
  readonly outputGradients: readonly (Value | undefined)[]
  /** Whether the gradient of this input is wanted; rules return undefined for the others. */
  needs(index: number): boolean
  input(index: number): Value
  output(index: number): Value
  hasInput(index: number): boolean
  /** Error naming the node, for what the rule does not cover. */
  unsupported(what: string): UserError
}

export type GradientRule = (context: GradientContext) => (Value | undefined)[]

/** Rule of an operator with one input: its gradient from x, y and dy. */
export const unary =
  (gradient: (g: GraphBuilder, dy: Value, x: Value, y: Value) => Value): GradientRule =>
  ({ g, dy, input, output }) => [gradient(g, dy, input(0), output(0))]

/**
 * Sums a gradient over the axes along which `target` was broadcast, back to the shape of `target`. Where sizes
 * are symbolic and unlike, the axes are found at run time.
 */
export function unbroadcast(g: GraphBuilder, gradient: Value, target: Value): Value {
  if (sameShape(gradient.shape, target.shape)) return gradient
  const extra = gradient.shape.length - target.shape.length
  const axes: number[] = []
  for (let i = 0; i < gradient.shape.length; i++) {
    const to: Dim = i < extra ? 1 : target.shape[i - extra]
    const from = gradient.shape[i]
    if (i < extra || (to === 1 && from !== 1)) axes.push(i)
    else if (to !== from) return unbroadcastAtRunTime(g, gradient, target)
  }
  const leading = axes.every((axis, i) => axis === i)
  if (leading && gradient.dtype === 'float32' && axes.length < gradient.shape.length)
    return g.reshape(sumRows(g, gradient, axes.length), target.shape)
  return g.reshape(g.reduceSum(gradient, axes, true), target.shape)
}

/**
 * Sum over the leading axes as a product with a row of ones: onnxruntime's ReduceSum over leading axes does not
 * gain from a second thread (measured: 2.3 ms against 1.0 ms for [9984, 384] on two).
 */
function sumRows(g: GraphBuilder, x: Value, leading: number): Value {
  const matrix = g.reshape(x, [dimProduct(x.shape.slice(0, leading)), dimProduct(x.shape.slice(leading))])
  return g.matmul(g.expand(g.constant(1, [1, 1], x.dtype), [1, matrix.shape[0]]), matrix)
}

function unbroadcastAtRunTime(g: GraphBuilder, gradient: Value, target: Value): Value {
  const ones = Array(gradient.shape.length - target.shape.length).fill(1)
  const [targetShape] = g.emit('Shape', [target])
  const padded = ones.length ? g.concat([g.constant(ones, undefined, 'int64'), targetShape], 0) : targetShape
  const [shape] = g.emit('Shape', [gradient])
  const [found] = g.op('NonZero', [g.not(g.equal(padded, shape))], {}, [
    { dtype: 'int64', shape: [1, `broadcast axes of ${target.name}`] },
  ])
  const [sum] = g.op(
    'ReduceSum',
    [gradient, g.squeeze(found, [0])],
    { keepdims: 1, noop_with_empty_axes: 1 },
    [{ dtype: gradient.dtype, shape: gradient.shape.map((_, i) => `${target.name} summed ${i}`) }],
  )
  return g.op('Reshape', [sum, targetShape], {}, [{ dtype: gradient.dtype, shape: target.shape }])[0]
}

/** Zeros of a shape. */
export const zeros = (g: GraphBuilder, like: Value): Value =>
  g.expand(g.constant(0, [], like.dtype), like.shape)

/** Number of elements as a scalar of a float dtype. */
export function countOf(g: GraphBuilder, dims: readonly Dim[], like: Value): Value {
  const count = dimProduct(dims)
  if (typeof count === 'number') return g.constant(count, [], like.dtype)
  return g.cast(g.emit('ReduceProd', [g.shapeTensor(dims)], { keepdims: 0 })[0], like.dtype)
}

/** An int64 vector constant. */
export const ints = (g: GraphBuilder, values: readonly number[]): Value =>
  g.constant(values, undefined, 'int64')

/** Size of one axis as an int64 vector of one entry. */
export function sizeOf(g: GraphBuilder, x: Value, axis: number): Value {
  const dim = x.shape[axis]
  if (typeof dim === 'number') return ints(g, [dim])
  return g.emit('Shape', [x], { start: axis, end: axis + 1 })[0]
}

/** Identity matrix of that size. */
export function eye(g: GraphBuilder, size: Dim, dtype: DType): Value {
  return g.emit('EyeLike', [g.expand(g.constant(0, [1, 1], dtype), [size, size])])[0]
}

/** 0, 1, …, size − 1 as int64, for the size of an axis of x. */
export function positions(g: GraphBuilder, x: Value, axis: number): Value {
  const [zero, one] = [0, 1].map((value) => g.constant(value, [], 'int64'))
  const limit = g.squeeze(sizeOf(g, x, axis), [0])
  return g.op('Range', [zero, limit, one], {}, [{ dtype: 'int64', shape: [x.shape[axis]] }])[0]
}
