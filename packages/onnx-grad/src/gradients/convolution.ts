/** Conv and ConvTranspose, each the adjoint of the other, in any number of dimensions. */
import { intAttribute, intsAttribute, stringAttribute } from '../attributes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct, isStatic, unknownDim } from '../dims.js'
import type { Dim } from '../model.js'
import { spanOf, type Windows, windowsOf } from '../windows.js'
import { type GradientContext, type GradientRule, ints } from './rule.js'

/** Windows whose padding is known. */
export interface PaddedWindows extends Windows {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/** Windows of a node; an error when auto_pad depends on a symbolic size. */
export function paddedWindows(
  { node, unsupported }: GradientContext,
  image: readonly Dim[],
  kernel: readonly Dim[],
): PaddedWindows {
  const windows = windowsOf(node, image, kernel, `node '${node.name}' (${node.op})`)
  if ([...windows.before, ...windows.after].includes(undefined))
    throw unsupported('auto_pad with strides over an axis of symbolic size')
  return windows as PaddedWindows
}

/**
 * Adjoint of sliding windows: ConvTranspose of dy [N, M, …] with kernel [M, C / group, …], cut to the image that
 * the windows slid over.
 */
export function spread(
  g: GraphBuilder,
  dy: Value,
  kernel: Value,
  windows: PaddedWindows,
  group: number,
): Value {
  const { image, strides, dilations, before, after } = windows
  const channels = (kernel.shape[1] as number) * group
  const shape = [dy.shape[0], channels, ...image]
  const attributes = { strides, dilations, group }
  // What the windows leave at the end of the padded image: negative where a window reaches beyond it.
  const rest = image.map((size, i) => {
    if (strides[i] === 1) return 0
    const count = dy.shape[2 + i]
    if (typeof size !== 'number' || typeof count !== 'number') return undefined
    return size + before[i] + after[i] - (count - 1) * strides[i] - spanOf(windows.kernel[i], dilations[i])
  })
  if (rest.every((left) => left !== undefined)) {
    const cut = after.map((pad, i) => pad - rest[i]!)
    const pads = [...before, ...cut.map((x) => Math.max(x, 0))]
    const output_padding = cut.map((x) => Math.max(-x, 0))
    return g.op('ConvTranspose', [dy, kernel], { ...attributes, pads, output_padding }, [
      { dtype: dy.dtype, shape },
    ])[0]
  }
  const [full] = g.emit('ConvTranspose', [dy, kernel], attributes)
  return fitImage(g, full, before, image)
}

/** Drops `before` elements at the start of each image axis, then drops or adds zeros to reach the image's size. */
function fitImage(g: GraphBuilder, full: Value, before: readonly number[], image: readonly Dim[]): Value {
  const start = ints(g, before)
  const size = g.emit('Shape', [full], { start: 2 })[0]
  const missing = g.add(g.sub(g.shapeTensor(image), size), start)
  const pads = g.concat([g.neg(start), missing], 0)
  const zero = g.constant(0, [], full.dtype)
  const axes = ints(
    g,
    image.map((_, i) => 2 + i),
  )
  return g.op('Pad', [full, pads, zero, axes], {}, [
    { dtype: full.dtype, shape: [...full.shape.slice(0, 2), ...image] },
  ])[0]
}

/**
 * Gradient of the kernel, [M, each = C / group, …kernel]: image x [N, C, …] correlated with dy [N, M, …]. It is a Conv
 * whose batch is the channels of a group and whose channels are the batch; strides and dilations change places.
 */
function kernelGradient(
  g: GraphBuilder,
  x: Value,
  dy: Value,
  windows: PaddedWindows,
  [group, each]: readonly [number, number],
): Value {
  const { strides, dilations, before, after, kernel } = windows
  const batch = x.shape[0]
  const image = x.shape.slice(2)
  const axes = image.map((_, i) => 2 + i)
  const grouped = g.reshape(x, [batch, group, each, ...image])
  const swapped = g.reshape(g.transpose(grouped, [2, 1, 0, ...axes.map((axis) => axis + 1)]), [
    each,
    dimProduct([group, batch]),
    ...image,
  ])
  const kernels = g.transpose(dy, [1, 0, ...axes])
  const attributes = { strides: dilations, dilations: strides, pads: [...before, ...after], group }
  // Where strides leave elements at the end of the image, there are more products than kernel elements.
  const counts = kernel.map((size, i): Dim => {
    const [full, count] = [image[i], dy.shape[2 + i]]
    if (strides[i] === 1) return size
    if (typeof full !== 'number' || typeof count !== 'number') return unknownDim(dy.name, 2 + i)
    const rest = full + before[i] + after[i] - spanOf(count, strides[i])
    return Math.floor(rest / dilations[i]) + 1
  })
  const shape = [each, kernels.shape[0], ...counts]
  let result = g.op('Conv', [swapped, kernels], attributes, [{ dtype: dy.dtype, shape }])[0]
  kernel.forEach((size, i) => {
    if (result.shape[2 + i] !== size) result = firstElements(g, result, 2 + i, size)
  })
  return g.transpose(result, [1, 0, ...axes])
}

/** The first `size` elements along an axis that has at least as many. */
function firstElements(g: GraphBuilder, x: Value, axis: number, size: number): Value {
  const bounds = [0, size, axis].map((value) => ints(g, [value]))
  return g.op('Slice', [x, ...bounds], {}, [{ dtype: x.dtype, shape: x.shape.with(axis, size) }])[0]
}

const channelSums = (g: GraphBuilder, dy: Value): Value =>
  g.reduceSum(
    dy,
    dy.shape.map((_, i) => i).filter((i) => i !== 1),
  )

const convolution: GradientRule = (context) => {
  const { g, node, dy, needs, input, hasInput, unsupported } = context
  const [x, kernel] = [input(0), input(1)]
  const group = intAttribute(node, 'group', 1)
  if (!isStatic(kernel.shape)) throw unsupported('a kernel of symbolic size')
  const windows = paddedWindows(context, x.shape.slice(2), kernel.shape.slice(2))
  return [
    needs(0) ? spread(g, dy, kernel, windows, group) : undefined,
    needs(1) ? kernelGradient(g, x, dy, windows, [group, kernel.shape[1]]) : undefined,
    hasInput(2) && needs(2) ? channelSums(g, dy) : undefined,
  ]
}

/** A ConvTranspose spreads x over its output: read backwards it is a Conv of dy with the same kernel. */
const transposedConvolution: GradientRule = (context) => {
  const { g, node, dy, needs, input, hasInput, unsupported } = context
  const [x, kernel] = [input(0), input(1)]
  const group = intAttribute(node, 'group', 1)
  if (!isStatic(kernel.shape)) throw unsupported('a kernel of symbolic size')
  const windows = transposedWindows(context, x, dy)
  const { strides, dilations, before, after } = windows
  const result: (Value | undefined)[] = [undefined, undefined]
  if (needs(0)) {
    const pads = [...before, ...after]
    let dx = g.emit('Conv', [dy, kernel], { strides, dilations, pads, group })[0]
    dx.shape.slice(2).forEach((size, i) => {
      // output_padding may add a whole step.
      const wanted = x.shape[2 + i]
      if (size !== wanted && typeof wanted === 'number') dx = g.slice(dx, 2 + i, 0, wanted)
    })
    result[0] = g.reshape(dx, x.shape)
  }
  if (needs(1)) result[1] = kernelGradient(g, dy, x, windows, [group, kernel.shape[1]])
  if (hasInput(2) && needs(2)) result[2] = channelSums(g, dy)
  return result
}

/** Windows over the output of a ConvTranspose, of which there is one for each element of its input. */
function transposedWindows(
  { node, unsupported, input }: GradientContext,
  x: Value,
  dy: Value,
): PaddedWindows {
  const image = dy.shape.slice(2)
  const rank = image.length
  const windows = windowsOf(node, image, input(1).shape.slice(2), `node '${node.name}' (${node.op})`)
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET')
  const pads = intsAttribute(node, 'pads') ?? Array<number>(2 * rank).fill(0)
  if (autoPad === 'VALID') return { ...windows, before: Array(rank).fill(0), after: Array(rank).fill(0) }
  if (autoPad === 'NOTSET' && !intsAttribute(node, 'output_shape'))
    return { ...windows, before: pads.slice(0, rank), after: pads.slice(rank) }
  const extra = intsAttribute(node, 'output_padding') ?? Array<number>(rank).fill(0)
  const before: number[] = []
  const after: number[] = []
  image.forEach((size, i) => {
    const count = x.shape[2 + i]
    if (typeof size !== 'number' || typeof count !== 'number')
      throw unsupported('auto_pad or output_shape over an axis of symbolic size')
    const span = spanOf(windows.kernel[i], windows.dilations[i])
    const total = windows.strides[i] * (count - 1) + extra[i] + span - size
    if (total < 0) throw unsupported('an output_shape beyond the last window')
    const less = Math.floor(total / 2)
    before.push(autoPad === 'SAME_UPPER' ? less : total - less)
    after.push(total - before[i])
  })
  return { ...windows, before, after }
}

export const convolutions: Record<string, GradientRule> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
}
