import { intAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct } from '../dims.js'
import type { Dim } from '../model.js'
import { type GradientRule, ints } from './rule.js'

/** Up to this many rows the gradient of a table is a one-hot matrix product; beyond, a scatter. */
const oneHotRows = 1024

/**
 * Gradient of picking `indices` along an axis: rows of dy summed by index. A one-hot product runs on all
 * cores. ScatterND would be shorter, but its `add` loses updates when onnxruntime runs it on several threads
 * (onnxruntime issue 18048), so large tables use ScatterElements, which does not.
 */
export function gatherGradient(
  g: GraphBuilder,
  dy: Value,
  shape: readonly Dim[],
  indices: Value,
  axis: number,
): Value {
  const before = shape.slice(0, axis)
  const after = shape.slice(axis + 1)
  const rows = shape[axis]
  const picked = g.cast(g.reshape(indices, [-1]), 'int64')
  const width = dimProduct([...before, ...after])
  const middle = g.reshape(dy, [dimProduct(before), picked.shape[0], dimProduct(after)])
  const byIndex = g.reshape(axis === 0 ? middle : g.transpose(middle, [1, 0, 2]), [picked.shape[0], width])
  const summed =
    typeof rows === 'number' && rows <= oneHotRows && dy.dtype === 'float32'
      ? oneHotProduct(g, byIndex, picked, rows)
      : g.emit(
          'ScatterElements',
          [
            g.expand(g.constant(0, [], dy.dtype), [rows, width]),
            g.expand(g.unsqueeze(picked, [1]), byIndex.shape),
            byIndex,
          ],
          { axis: 0, reduction: 'add' },
        )[0]
  if (axis === 0) return g.reshape(summed, shape)
  return g.reshape(
    g.transpose(g.reshape(summed, [rows, dimProduct(before), dimProduct(after)]), [1, 0, 2]),
    shape,
  )
}

function oneHotProduct(g: GraphBuilder, rows: Value, indices: Value, count: number): Value {
  const [oneHot] = g.op('OneHot', [indices, ints(g, [count]), g.constant([0, 1], [2], rows.dtype)], {}, [
    { dtype: rows.dtype, shape: [indices.shape[0], count] },
  ])
  return g.emit('Gemm', [oneHot, rows], { transA: 1 })[0]
}

const gather: GradientRule = ({ g, node, dy, input }) => {
  const x = input(0)
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), x.shape.length, node.name)
  return [gatherGradient(g, dy, x.shape, input(1), axis)]
}

const gatherElements: GradientRule = ({ g, node, dy, input }) => {
  const x = input(0)
  const empty = g.expand(g.constant(0, [], dy.dtype), x.shape)
  const axis = intAttribute(node, 'axis', 0)
  return g.emit('ScatterElements', [empty, input(1), dy], { axis, reduction: 'add' })
}

export const indexing: Record<string, GradientRule> = { Gather: gather, GatherElements: gatherElements }
