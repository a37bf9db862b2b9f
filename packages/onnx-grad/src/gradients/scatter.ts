/** Operators that place or pick elements by index tensors. */
import { intAttribute, stringAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct } from '../dims.js'
import type { Dim } from '../model.js'
import { gatherGradient } from './indexing.js'
import { type GradientContext, type GradientRule, sizeOf, zeros } from './rule.js'

/** Whether a scatter adds to what is there; otherwise it replaces. Products and extrema are not covered. */
function adds({ node, unsupported }: GradientContext): boolean {
  const reduction = stringAttribute(node, 'reduction', 'none')
  if (reduction !== 'none' && reduction !== 'add') throw unsupported(`reduction '${reduction}'`)
  return reduction === 'add'
}

/** Replaced elements get no gradient; each update gets the gradient of its place. */
const scatterElements: GradientRule = (context) => {
  const { g, node, dy, needs, input } = context
  const axis = intAttribute(node, 'axis', 0)
  const [indices, updates] = [input(1), input(2)]
  const kept = () =>
    adds(context) ? dy : g.emit('ScatterElements', [dy, indices, zeros(g, updates)], { axis })[0]
  adds(context)
  return [
    needs(0) ? kept() : undefined,
    undefined,
    needs(2) ? g.emit('GatherElements', [dy, indices], { axis })[0] : undefined,
  ]
}

const scatterND: GradientRule = (context) => {
  const { g, dy, needs, input } = context
  const [indices, updates] = [input(1), input(2)]
  const add = adds(context)
  return [
    needs(0) ? (add ? dy : g.emit('ScatterND', [dy, indices, zeros(g, updates)])[0]) : undefined,
    undefined,
    needs(2) ? g.reshape(g.emit('GatherND', [dy, indices])[0], updates.shape) : undefined,
  ]
}

/** Index tuples become one number each, over the picked axes as one axis: then it is the gradient of a Gather. */
const gatherND: GradientRule = ({ g, node, dy, input, unsupported }) => {
  const [x, indices] = [input(0), input(1)]
  const batch = intAttribute(node, 'batch_dims', 0)
  const width = indices.shape.at(-1)
  if (typeof width !== 'number') throw unsupported('index tuples of symbolic length')
  const picked = x.shape.slice(0, batch + width)
  const rest = x.shape.slice(batch + width)
  const flat = flatIndices(g, x, indices, batch, width)
  const rows = g.reshape(dy, [dimProduct(indices.shape.slice(0, -1)), dimProduct(rest)])
  const shape: Dim[] = [dimProduct(picked), dimProduct(rest)]
  return [g.reshape(gatherGradient(g, rows, shape, flat, 0), x.shape)]
}

/** Row-major positions that the tuples along the last axis of `indices` stand for, as a vector. */
function flatIndices(g: GraphBuilder, x: Value, indices: Value, batch: number, width: number): Value {
  const tuples = indices.shape.slice(0, -1)
  const last = indices.shape.length - 1
  let flat = g.constant(0, [], 'int64')
  for (let axis = 0; axis < batch + width; axis++) {
    const size = sizeOf(g, x, axis)
    flat = g.add(g.mul(flat, size), axis < batch ? alongBatch(axis) : along(axis - batch, size))
  }
  return g.reshape(g.expand(flat, tuples), [dimProduct(tuples)])

  /** The entry of the tuples, counted from the end where negative. */
  function along(entry: number, size: Value): Value {
    const part = g.squeeze(g.slice(indices, last, entry, entry + 1), [last])
    return g.where(g.less(part, 0), g.add(part, size), part)
  }
  function alongBatch(axis: number): Value {
    const zero = g.constant(0, [], 'int64')
    const one = g.constant(1, [], 'int64')
    const limit = g.squeeze(sizeOf(g, x, axis), [0])
    const [index] = g.op('Range', [zero, limit, one], {}, [{ dtype: 'int64', shape: [x.shape[axis]] }])
    return g.unsqueeze(
      index,
      tuples.map((_, i) => i).filter((i) => i !== axis),
    )
  }
}

/** The values go back to where their indices say. */
const topK: GradientRule = ({ g, node, dy, input }) => {
  const x = input(0)
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), x.shape.length, node.name)
  return g.emit('ScatterElements', [zeros(g, x), g.extraOutput(node, 1), dy], { axis })
}

export const scatters: Record<string, GradientRule> = {
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  GatherND: gatherND,
  TopK: topK,
}
