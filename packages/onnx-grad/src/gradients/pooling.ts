/** Poolings over sliding windows and over whole images. */
import { intAttribute, intsAttribute } from '../attributes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct } from '../dims.js'
import { elementCount } from '../model.js'
import { spanOf } from '../windows.js'
import { type PaddedWindows, paddedWindows, spread } from './convolution.js'
import { countOf, type GradientRule, ints } from './rule.js'

/** Each window's gradient, divided by the number of elements it averages, goes to all of them. */
const averagePool: GradientRule = (context) => {
  const { g, node, dy, input } = context
  const x = input(0)
  const image = x.shape.slice(2)
  const windows = paddedWindows(context, image, intsAttribute(node, 'kernel_shape') ?? [])
  const kernel = g.constant(1, [1, 1, ...windows.kernel], dy.dtype)
  // Channels become batch entries, so that one kernel of a single channel serves them all.
  const planes = g.reshape(dy, [dimProduct(dy.shape.slice(0, 2)), 1, ...dy.shape.slice(2)])
  const counts = windowCounts(g, dy, windows, kernel, intAttribute(node, 'count_include_pad', 0) !== 0)
  return [g.reshape(spread(g, g.div(planes, counts), kernel, windows, 1), x.shape)]
}

/** Elements that each window averages: a number, or [1, 1, …] where it depends on the place. */
function windowCounts(
  g: GraphBuilder,
  dy: Value,
  { image, kernel, strides, dilations, before, after, ceil }: PaddedWindows,
  ones: Value,
  padsCount: boolean,
): Value {
  const padded = [...before, ...after].some((pad) => pad > 0)
  if (!ceil && (padsCount || !padded)) return g.constant(elementCount(kernel), [], dy.dtype)
  const image1 = g.expand(g.constant(1, [1, 1, ...image.map(() => 1)], dy.dtype), [1, 1, ...image])
  const value = g.constant(padsCount ? 1 : 0, [], dy.dtype)
  let there = g.emit('Pad', [image1, ints(g, [0, 0, ...before, 0, 0, ...after]), value])[0]
  if (ceil) {
    // What lies beyond the padding never counts.
    const spans = ints(
      g,
      kernel.map((size, i) => spanOf(size, dilations[i]) - strides[i]),
    )
    const needed = g.add(g.mul(g.emit('Shape', [dy], { start: 2 })[0], ints(g, strides)), spans)
    const missing = g.max(g.sub(needed, g.emit('Shape', [there], { start: 2 })[0]), ints(g, [0]))
    const none = ints(g, Array(image.length + 4).fill(0))
    there = g.emit('Pad', [there, g.concat([none, missing], 0)])[0]
  }
  const shape = [1, 1, ...dy.shape.slice(2)]
  return g.op('Conv', [there, ones], { strides, dilations }, [{ dtype: dy.dtype, shape }])[0]
}

/** The runtime says which element each window took; an element that several took gets the sum. */
const maxPool: GradientRule = ({ g, node, dy, input, unsupported }) => {
  if (intAttribute(node, 'storage_order', 0) !== 0) throw unsupported('column-major indices')
  const x = input(0)
  const taken = g.extraOutput(node, 1)
  const none = g.expand(g.constant(0, [1], dy.dtype), [dimProduct(x.shape)])
  const [flat] = g.emit('ScatterElements', [none, g.reshape(taken, [-1]), g.reshape(dy, [-1])], {
    axis: 0,
    reduction: 'add',
  })
  return [g.reshape(flat, x.shape)]
}

const globalAveragePool: GradientRule = ({ g, dy, input }) => {
  const x = input(0)
  return [g.expand(g.div(dy, countOf(g, x.shape.slice(2), x)), x.shape)]
}

/** The elements that attain the maximum share the gradient equally, as in ReduceMax. */
const globalMaxPool: GradientRule = ({ g, dy, input, output }) => {
  const x = input(0)
  const attained = g.cast(g.equal(x, output(0)), x.dtype)
  const axes = x.shape.map((_, i) => i).slice(2)
  return [g.mul(attained, g.div(dy, g.reduceSum(attained, axes, true)))]
}

export const poolings: Record<string, GradientRule> = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
}
