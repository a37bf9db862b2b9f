/** What axes, sizes and bounds mean in ONNX attributes and inputs. */
import { intAttribute, intsAttribute } from './attributes.js'
import { UserError } from './errors.js'
import type { Dim, GraphNode } from './model.js'

/** Axis as 0 … rank−1; UserError when out of range. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const result = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || result < 0 || result >= rank)
    throw new UserError(`${where}: axis ${axis} is outside a tensor of rank ${rank}`)
  return result
}

/** Axes of a reduction (attribute before opset 18, input from then on); undefined when they are not constant. */
export function reductionAxes(
  node: GraphNode,
  rank: number,
  content: readonly Dim[] | undefined,
): number[] | undefined {
  const where = `node '${node.name}' (${node.op})`
  const hasInput = node.inputs.length > 1 && node.inputs[1] !== ''
  const axes = intsAttribute(node, 'axes') ?? (hasInput ? (content as number[] | undefined) : [])
  if (!axes) return undefined
  if (axes.length === 0) return intAttribute(node, 'noop_with_empty_axes', 0) ? [] : [...Array(rank).keys()]
  return [...axes].map((axis) => normalizeAxis(axis, rank, where)).sort((a, b) => a - b)
}

/** Shape after reducing axes. */
export const reducedShape = (shape: readonly Dim[], axes: readonly number[], keep: boolean): Dim[] =>
  keep ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i))

/** Sizes of the parts of a Split; undefined when they are not static. */
export function splitSizes(
  node: GraphNode,
  size: Dim,
  content: readonly Dim[] | undefined,
): number[] | undefined {
  const given = intsAttribute(node, 'split') ?? content
  if (given?.every((dim) => typeof dim === 'number')) return [...given]
  if (node.inputs[1] || typeof size !== 'number') return undefined
  const parts = intAttribute(node, 'num_outputs', node.outputs.length)
  const each = Math.ceil(size / parts)
  return Array.from({ length: parts }, (_, i) => Math.min(each, size - i * each))
}

/** First element, step and size of one sliced axis; undefined when it depends on an unknown size. */
export function sliceRange(
  size: Dim,
  start: Dim,
  end: Dim,
  step: Dim,
): { start: number; size: Dim } | undefined {
  if (step === 1 && start === 0 && (end === size || (typeof end === 'number' && end >= 2 ** 31 - 1)))
    return { start: 0, size }
  if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return undefined
  if (typeof size !== 'number') return undefined
  const clamp = (x: number, low: number, high: number): number =>
    Math.min(Math.max(x < 0 ? x + size : x, low), high)
  const first = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1)
  const last = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1)
  return { start: first, size: Math.max(0, Math.ceil((last - first) / step)) }
}

/** Amounts of a Pad by axis, [before, after]; undefined when they are not static. */
export function padAmounts(
  rank: number,
  pads: readonly Dim[] | undefined,
  axes: readonly Dim[] | undefined,
  where: string,
): [number, number][] | undefined {
  if (!pads?.every((dim) => typeof dim === 'number')) return undefined
  const result = Array.from({ length: rank }, (): [number, number] => [0, 0])
  const half = pads.length / 2
  for (let i = 0; i < half; i++) {
    const axis = normalizeAxis((axes?.[i] as number | undefined) ?? i, rank, where)
    result[axis] = [pads[i], pads[half + i]]
  }
  return result
}

/** Part of a shape that a Shape node returns. */
export const shapeRange = (node: GraphNode, shape: readonly Dim[]): readonly Dim[] =>
  shape.slice(intAttribute(node, 'start', 0), node.attributes.end ? intAttribute(node, 'end', 0) : undefined)
