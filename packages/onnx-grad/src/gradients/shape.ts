import { intAttribute, intsAttribute, stringAttribute } from '../attributes.js'
import { normalizeAxis, padAmounts, sliceRange, splitSizes } from '../axes.js'
import type { Value } from '../builder.js'
import { isStatic } from '../dims.js'
import { gatherGradient } from './indexing.js'
import { type GradientContext, type GradientRule, ints, unary, unbroadcast, zeros } from './rule.js'

const sameElements = unary((g, dy, x) => g.reshape(dy, x.shape))

const transpose: GradientRule = ({ g, node, dy }) => {
  const rank = dy.shape.length
  const perm = intsAttribute(node, 'perm') ?? dy.shape.map((_, i) => rank - 1 - i)
  return [
    g.transpose(
      dy,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ]
}

const concat: GradientRule = ({ g, node, dy, needs, input }) => {
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), dy.shape.length, node.name)
  const sizes = node.inputs.map((_, i) => input(i).shape[axis])
  const parts = isStatic(sizes)
    ? g.split(dy, axis, sizes)
    : g.op(
        'Split',
        [dy, g.shapeTensor(sizes)],
        { axis },
        sizes.map((size) => ({ dtype: dy.dtype, shape: dy.shape.with(axis, size) })),
      )
  return parts.map((part, i) => (needs(i) ? part : undefined))
}

const split: GradientRule = ({ g, node, outputGradients, input, output, unsupported }) => {
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), input(0).shape.length, node.name)
  const sizes = splitSizes(node, input(0).shape[axis], node.inputs[1] ? g.content(node.inputs[1]) : undefined)
  if (!sizes) throw unsupported('parts whose sizes are not constant')
  return [
    g.concat(
      outputGradients.map((dy, i) => dy ?? zeros(g, output(i))),
      axis,
    ),
  ]
}

/** Zeros around the gradient, axis by axis; a step other than 1 is the gradient of picking elements. */
const slice: GradientRule = (context) => {
  const { g, node, input, unsupported } = context
  const content = (i: number) => (node.inputs[i] ? g.content(node.inputs[i]) : undefined)
  const x = input(0)
  const starts = content(1)
  const ends = content(2)
  const axes = node.inputs[3] ? content(3) : starts?.map((_, i) => i)
  const steps = node.inputs[4] ? content(4) : starts?.map(() => 1)
  if (!starts || !ends || !axes || !steps) throw unsupported('a slice whose bounds are not constant')
  let dy = context.dy
  for (let i = starts.length - 1; i >= 0; i--) {
    const axis = normalizeAxis(axes[i] as number, x.shape.length, node.name)
    const size = x.shape[axis]
    const range = sliceRange(size, starts[i], ends[i], steps[i])
    if (range && range.size === size && steps[i] === 1) continue
    if (range && typeof size === 'number' && typeof range.size === 'number') {
      const step = steps[i] as number
      if (step === 1) dy = padAxis(context, dy, axis, range.start, size - range.start - range.size)
      else {
        const picked = Array.from({ length: range.size }, (_, k) => range.start + k * step)
        dy = gatherGradient(g, dy, dy.shape.with(axis, size), ints(g, picked), axis)
      }
    } else dy = padAxisAtRunTime(context, dy, axis, starts[i], steps[i])
  }
  return [dy]
}

function padAxis({ g }: GradientContext, dy: Value, axis: number, before: number, after: number): Value {
  return g.emit('Pad', [dy, ints(g, [before, after]), undefined, ints(g, [axis])])[0]
}

function padAxisAtRunTime(
  { g, input, output, unsupported }: GradientContext,
  dy: Value,
  axis: number,
  start: unknown,
  step: unknown,
) {
  if (step !== 1 || typeof start !== 'number')
    throw unsupported('a strided slice of an axis of symbolic size')
  const at = { start: axis, end: axis + 1 }
  const [size] = g.emit('Shape', [input(0)], at)
  const [taken] = g.emit('Shape', [output(0)], at)
  const before =
    start >= 0 ? g.min(size, ints(g, [start])) : g.max(g.add(size, ints(g, [start])), ints(g, [0]))
  const pads = g.concat([before, g.sub(g.sub(size, taken), before)], 0)
  const shape = dy.shape.with(axis, input(0).shape[axis])
  // Pad has an optional value between pads and axes: named here, since op() takes present inputs only.
  const zero = g.constant(0, [], dy.dtype)
  return g.op('Pad', [dy, pads, zero, ints(g, [axis])], {}, [{ dtype: dy.dtype, shape }])[0]
}

const pad: GradientRule = ({ g, node, dy, needs, input, unsupported }) => {
  if (stringAttribute(node, 'mode', 'constant') !== 'constant')
    throw unsupported('a padding mode other than constant')
  if (needs(2)) throw unsupported('gradient of the padding value')
  const x = input(0)
  const content = (i: number) => (node.inputs[i] ? g.content(node.inputs[i]) : undefined)
  const amounts = padAmounts(x.shape.length, content(1), content(3), node.name)
  if (!amounts || (node.inputs[3] && !content(3))) throw unsupported('padding that is not constant')
  if (amounts.flat().some((amount) => amount < 0)) throw unsupported('negative padding')
  let dx = dy
  amounts.forEach(([before, after], axis) => {
    if (before || after) dx = g.slice(dx, axis, before, after ? -after : Number.POSITIVE_INFINITY)
  })
  return [dx.shape.every((dim, i) => dim === x.shape[i]) ? dx : g.reshape(dx, x.shape)]
}

export const shapes: Record<string, GradientRule> = {
  Reshape: sameElements,
  Flatten: sameElements,
  Squeeze: sameElements,
  Unsqueeze: sameElements,
  Transpose: transpose,
  Expand: unary((g, dy, x) => unbroadcast(g, dy, x)),
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
}
