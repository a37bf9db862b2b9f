import { intAttribute, intsAttribute, stringAttribute } from '../attributes.js'
import { normalizeAxis, padAmounts, sliceRange, splitSizes } from '../axes.js'
import type { Value } from '../builder.js'
import { isStatic } from '../dims.js'
import { gatherGradient } from './indexing.js'
import {
  type GradientContext,
  type GradientRule,
  ints,
  positions,
  sizeOf,
  unary,
  unbroadcast,
  zeros,
} from './rule.js'

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
  const x = input(0)
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), x.shape.length, node.name)
  const sizes = splitSizes(node, x.shape[axis], node.inputs[1] ? g.content(node.inputs[1]) : undefined)
  const empty = (i: number): Value => {
    if (sizes) return g.expand(g.constant(0, [], x.dtype), x.shape.with(axis, sizes[i]))
    if (!node.outputs[i]) throw unsupported('an unnamed part whose size is not constant')
    return zeros(g, output(i))
  }
  const parts = (sizes ?? node.outputs).map((_, i) => outputGradients[i] ?? empty(i))
  return [g.reshape(g.concat(parts, axis), x.shape)]
}

/** Zeros around the gradient, axis by axis; a step other than 1 is the gradient of picking elements. */
const slice: GradientRule = (context) => {
  const { g, node, input, unsupported } = context
  const content = (i: number) => (node.inputs[i] ? g.content(node.inputs[i]) : undefined)
  const x = input(0)
  const count = input(1).shape[0]
  const axes = node.inputs[3] || typeof count !== 'number' ? content(3) : [...Array(count).keys()]
  if (!axes) throw unsupported('a slice of axes that are not constant')
  const unknown = axes.map((_, i) => `bound ${i}`)
  const [starts, ends] = [content(1) ?? unknown, content(2) ?? unknown]
  const steps = node.inputs[4] ? (content(4) ?? unknown) : axes.map(() => 1)
  let dy = context.dy
  for (let i = axes.length - 1; i >= 0; i--) {
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
    } else if (steps[i] === 1 && typeof starts[i] === 'number')
      dy = padAxisAtRunTime(context, dy, axis, starts[i] as number)
    else dy = scatterAxis(context, dy, axis, i)
  }
  return [dy]
}

/** For bounds that are not known: slicing 0, 1, 2, … says which elements were taken. */
function scatterAxis(
  { g, node, input, hasInput }: GradientContext,
  dy: Value,
  axis: number,
  at: number,
): Value {
  const entry = (i: number) => (input(i).shape[0] === 1 ? input(i) : g.slice(input(i), 0, at, at + 1))
  const step = hasInput(4) ? entry(4) : undefined
  const bounds = [entry(1), entry(2), ints(g, [0]), step]
  const types = [{ dtype: 'int64' as const, shape: [dy.shape[axis]] }]
  const [picked] = g.op(node.op, [positions(g, input(0), axis), ...bounds], {}, types)
  return gatherGradient(g, dy, dy.shape.with(axis, input(0).shape[axis]), picked, axis)
}

function padAxis({ g }: GradientContext, dy: Value, axis: number, before: number, after: number): Value {
  return g.emit('Pad', [dy, ints(g, [before, after]), undefined, ints(g, [axis])])[0]
}

function padAxisAtRunTime(
  { g, input, output }: GradientContext,
  dy: Value,
  axis: number,
  start: number,
): Value {
  const size = sizeOf(g, input(0), axis)
  const taken = sizeOf(g, output(0), axis)
  const before =
    start >= 0 ? g.min(size, ints(g, [start])) : g.max(g.add(size, ints(g, [start])), ints(g, [0]))
  const pads = g.concat([before, g.sub(g.sub(size, taken), before)], 0)
  const shape = dy.shape.with(axis, input(0).shape[axis])
  return g.op('Pad', [dy, pads, undefined, ints(g, [axis])], {}, [{ dtype: dy.dtype, shape }])[0]
}

/** Padding backwards is padding by the opposite amounts, which cuts; other modes copy, so that copies are summed. */
const pad: GradientRule = (context) => {
  const { g, node, dy, needs, input, hasInput } = context
  const x = input(0)
  if (stringAttribute(node, 'mode', 'constant') !== 'constant') return [copied(context)]
  const content = (i: number) => (node.inputs[i] ? g.content(node.inputs[i]) : undefined)
  const amounts =
    hasInput(3) && !content(3) ? undefined : padAmounts(x.shape.length, content(1), content(3), node.name)
  let dx = dy
  if (!amounts?.flat().every((amount) => amount >= 0)) {
    const opposite = [dy, g.neg(input(1)), undefined, hasInput(3) ? input(3) : undefined]
    dx = g.op('Pad', opposite, {}, [{ dtype: dy.dtype, shape: x.shape }])[0]
  } else
    amounts.forEach(([before, after], axis) => {
      if (before || after) dx = g.slice(dx, axis, before, after ? -after : Number.POSITIVE_INFINITY)
    })
  const result: (Value | undefined)[] = [g.reshape(dx, x.shape)]
  if (needs(2)) result[2] = g.reshape(g.sub(g.reduceSum(dy), g.reduceSum(dx)), input(2).shape)
  return result
}

/** Padding 0, 1, 2, … in the same mode says which element was copied where, axis by axis. */
function copied({ g, node, dy, input, hasInput, unsupported }: GradientContext): Value {
  const x = input(0)
  const axes = hasInput(3) ? g.content(node.inputs[3]) : x.shape.map((_, i) => i)
  if (!axes) throw unsupported('padding of axes that are not constant')
  const amounts = g.content(node.inputs[1])
  let dx = dy
  axes.forEach((given, i) => {
    const axis = normalizeAxis(given as number, x.shape.length, node.name)
    if (amounts?.[i] === 0 && amounts[axes.length + i] === 0) return
    const both = g.gather(input(1), ints(g, [i, axes.length + i]))
    const types = [{ dtype: 'int64' as const, shape: [dx.shape[axis]] }]
    const [picked] = g.op(
      'Pad',
      [positions(g, x, axis), both],
      { mode: stringAttribute(node, 'mode', '') },
      types,
    )
    dx = gatherGradient(g, dx, dx.shape.with(axis, x.shape[axis]), picked, axis)
  })
  return dx
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
