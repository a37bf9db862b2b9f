import { intsAttribute, stringAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import type { Value } from '../builder.js'
import { dimProduct } from '../dims.js'
import { eye, type GradientContext, type GradientRule, ints, sizeOf } from './rule.js'

/**
 * Resizing is a matrix product along each axis. The matrix is what the same operator makes of an identity matrix,
 * whatever its mode, coordinates and rounding are.
 */
const resize: GradientRule = (context) => {
  const { g, node, dy, input, output, hasInput, needs, unsupported } = context
  const x = input(0)
  if (stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize')
    throw unsupported('the coordinate mode tf_crop_and_resize')
  if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    throw unsupported('a policy that keeps the aspect ratio')
  if (needs(2)) throw unsupported('gradient of the scales')
  const axes =
    intsAttribute(node, 'axes')?.map((axis) => normalizeAxis(axis, x.shape.length, node.name)) ??
    x.shape.map((_, i) => i)
  const scales = hasInput(3) ? undefined : g.content(node.inputs[2])
  let dx = dy
  axes.forEach((axis, i) => {
    const same = hasInput(3) ? x.shape[axis] === output(0).shape[axis] : scales?.[i] === 1
    if (!same) dx = backAlong(context, dx, axis, i)
  })
  return [g.reshape(dx, x.shape)]
}

/** dy [before, out, after] to [before, in, after] by the matrix [in, out] of one axis. */
function backAlong(
  { g, node, input, output, hasInput }: GradientContext,
  dy: Value,
  axis: number,
  at: number,
): Value {
  const x = input(0)
  const { axes: _, ...attributes } = node.attributes
  const identity = eye(g, x.shape[axis], dy.dtype)
  const shape = [x.shape[axis], output(0).shape[axis]]
  const types = [{ dtype: dy.dtype, shape }]
  const bothSizes = () => g.concat([sizeOf(g, x, axis), sizeOf(g, output(0), axis)], 0)
  const bothScales = () => g.concat([g.constant([1], [1]), g.gather(input(2), ints(g, [at]))], 0)
  const targets = hasInput(3) ? [undefined, bothSizes()] : [bothScales()]
  const [matrix] = g.op('Resize', [identity, undefined, ...targets], attributes, types)
  const before = dy.shape.slice(0, axis)
  const after = dy.shape.slice(axis + 1)
  const rows = g.reshape(dy, [dimProduct(before), dy.shape[axis], dimProduct(after)])
  return g.reshape(g.matmul(matrix, rows), [...before, x.shape[axis], ...after])
}

export const resizing: Record<string, GradientRule> = { Resize: resize }
