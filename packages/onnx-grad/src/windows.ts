/** Geometry of sliding windows: what the attributes of convolutions and poolings mean. */
import { intAttribute, intsAttribute, stringAttribute } from './attributes.js'
import { dimProduct, dimSum } from './dims.js'
import { UserError } from './errors.js'
import type { Dim, GraphNode } from './model.js'

/** Windows over the axes behind batch and channels, one entry an axis. */
export interface Windows {
  readonly image: readonly Dim[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding on both sides; undefined where auto_pad depends on a size that is not known. */
  readonly before: readonly (number | undefined)[]
  readonly after: readonly (number | undefined)[]
  /** Whether the last window may reach beyond the padding. */
  readonly ceil: boolean
  readonly autoPad: string
}

/** Elements that a dilated kernel spans. */
export const spanOf = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1

/** Windows of a Conv or pooling node over an image; UserError when attributes and kernel do not fit it. */
export function windowsOf(
  node: GraphNode,
  image: readonly Dim[],
  kernelShape: readonly Dim[],
  where: string,
): Windows {
  const rank = image.length
  if (!kernelShape.every((dim) => typeof dim === 'number'))
    throw new UserError(`${where}: the kernel size [${kernelShape}] must be static`)
  const list = (name: string, length: number, fallback: number): readonly number[] => {
    const given = intsAttribute(node, name) ?? Array<number>(length).fill(fallback)
    if (given.length !== length)
      throw new UserError(`${where}: ${name} [${given}] needs ${length} numbers, one for each axis and side`)
    return given
  }
  const strides = list('strides', rank, 1)
  const dilations = list('dilations', rank, 1)
  const pads = list('pads', 2 * rank, 0)
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET')
  const kernel = kernelShape
  const sides = image.map((size, i): [number | undefined, number | undefined] => {
    if (autoPad === 'NOTSET') return [pads[i], pads[rank + i]]
    if (autoPad === 'VALID') return [0, 0]
    const span = spanOf(kernel[i], dilations[i])
    const total =
      strides[i] === 1
        ? span - 1
        : typeof size === 'number'
          ? Math.max((Math.ceil(size / strides[i]) - 1) * strides[i] + span - size, 0)
          : undefined
    if (total === undefined) return [undefined, undefined]
    const less = Math.floor(total / 2)
    return autoPad === 'SAME_UPPER' ? [less, total - less] : [total - less, less]
  })
  return {
    image,
    kernel,
    strides,
    dilations,
    before: sides.map(([before]) => before),
    after: sides.map(([, after]) => after),
    ceil: intAttribute(node, 'ceil_mode', 0) !== 0,
    autoPad,
  }
}

/** Number of windows along each axis. */
export const windowCount = (windows: Windows): Dim[] =>
  windows.image.map((size, i) => countAlong(windows, size, i))

function countAlong(
  { kernel, strides, dilations, before, after, ceil, autoPad }: Windows,
  size: Dim,
  i: number,
): Dim {
  const stride = strides[i]
  if (autoPad.startsWith('SAME'))
    return stride === 1 ? size : typeof size === 'number' ? Math.ceil(size / stride) : `(${size}/^${stride})`
  const extra = before[i]! + after[i]! - spanOf(kernel[i], dilations[i])
  if (stride === 1) return dimSum(size, extra + 1)
  if (typeof size === 'string') return `(${dimSum(size, extra)}/${ceil ? '^' : ''}${stride}+1)`
  const steps = (size + extra) / stride
  if (!ceil) return Math.floor(steps) + 1
  // A window that starts in the padding at the end does not count.
  const count = Math.ceil(steps) + 1
  return (count - 1) * stride >= size + before[i]! ? count - 1 : count
}

/** Size of the image that a ConvTranspose makes: stride (n − 1) + span + output_padding − pads. */
export function transposedSize(
  node: GraphNode,
  image: readonly Dim[],
  kernelShape: readonly Dim[],
  where: string,
): Dim[] {
  const { kernel, strides, dilations, autoPad } = windowsOf(node, image, kernelShape, where)
  const given = intsAttribute(node, 'output_shape')
  if (given) return [...given.slice(-image.length)]
  if (autoPad.startsWith('SAME')) return image.map((size, i) => dimProduct([size, strides[i]]))
  const pads =
    (autoPad === 'NOTSET' && intsAttribute(node, 'pads')) || Array<number>(2 * image.length).fill(0)
  const extra = intsAttribute(node, 'output_padding') ?? Array<number>(image.length).fill(0)
  return image.map((size, i) => {
    const rest = spanOf(kernel[i], dilations[i]) + extra[i] - pads[i] - pads[image.length + i] - strides[i]
    return dimSum(dimProduct([size, strides[i]]), rest)
  })
}
