/** Tensors that exporters split into a sequence, to pick one part of it, as the slice that they are. */
import { intAttribute } from './attributes.js'
import type { GraphNode, TensorData } from './model.js'

export interface Part {
  readonly from: number
  readonly to: number
  readonly axis: number
}

/**
 * What a SequenceAt picks from the tensor that a SplitToSequence splits; undefined when position or sizes are not
 * constant. A part without its axis (keepdims = 0) is not covered.
 */
export function splitPart(
  at: GraphNode,
  split: GraphNode,
  constants: ReadonlyMap<string, TensorData>,
): Part | undefined {
  const position = numbersOf(constants.get(at.inputs[1]))?.[0]
  const tensor = split.inputs[1] ? constants.get(split.inputs[1]) : undefined
  const sizes = split.inputs[1] ? numbersOf(tensor) : [1]
  if (position === undefined || !sizes || (!tensor && intAttribute(split, 'keepdims', 1) === 0))
    return undefined
  const axis = intAttribute(split, 'axis', 0)
  if (!tensor || tensor.shape.length === 0)
    return position < 0 ? undefined : { from: position * sizes[0], to: (position + 1) * sizes[0], axis }
  const index = position < 0 ? position + sizes.length : position
  const from = sizes.slice(0, index).reduce((a, b) => a + b, 0)
  return { from, to: from + sizes[index], axis }
}

const numbersOf = (tensor: TensorData | undefined): number[] | undefined =>
  tensor && Array.from(tensor.data as ArrayLike<number | bigint>, Number)
