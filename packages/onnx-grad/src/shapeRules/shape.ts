/** Operators that move elements without changing them, or only look at shapes. */
import { intAttribute, intsAttribute, tensorAttribute } from '../attributes.js'
import { normalizeAxis, padAmounts, shapeRange, sliceRange, splitSizes } from '../axes.js'
import { dtypeOfOnnx } from '../codec.js'
import { broadcastShapes, dimProduct, dimQuotient, dimSum, unknownDim } from '../dims.js'
import type { Dim, ValueInfo } from '../model.js'
import { axisOf, formatShape, like, type Rule } from './rule.js'

/** Shape of the length that a shape vector has, when its entries are not known. */
function unknownShape(vector: ValueInfo | undefined, output: string): Dim[] | undefined {
  const rank = vector?.shape[0]
  return typeof rank === 'number' ? Array.from({ length: rank }, (_, i) => unknownDim(output, i)) : undefined
}

const reshape: Rule = ({ node, inputs, content, fail }) => {
  const { dtype, shape: from } = inputs[0]
  const target = content(1)
  if (!target) {
    const shape = unknownShape(inputs[1], node.outputs[0])
    return shape && [{ dtype, shape }]
  }
  const zeroCopies = intAttribute(node, 'allowzero', 0) === 0
  const shape = target.map((dim, i) => (dim === 0 && zeroCopies ? from[i] : dim))
  if (shape.includes(undefined as unknown as Dim)) throw fail('a 0 in the shape has no axis to copy from')
  const free = shape.indexOf(-1)
  const total = dimProduct(from)
  if (free >= 0) {
    const rest = dimProduct(shape.filter((_, i) => i !== free))
    const size = dimQuotient(total, rest)
    if (size === undefined && typeof total === 'number' && typeof rest === 'number')
      throw fail(`cannot reshape [${from}] to [${target}]`)
    shape[free] = size ?? `(${total}/${rest})`
  } else {
    const wanted = dimProduct(shape)
    if (typeof total === 'number' && typeof wanted === 'number' && total !== wanted)
      throw fail(`cannot reshape [${from}] to [${target}]`)
  }
  return [{ dtype, shape }]
}

const transpose: Rule = ({ node, inputs, fail }) => {
  const { shape, dtype } = inputs[0]
  const perm = intsAttribute(node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i)
  if (perm.length !== shape.length || shape.some((_, i) => !perm.includes(i)))
    throw fail(`[${perm}] is no permutation of the axes of [${shape}]`)
  return [{ dtype, shape: perm.map((axis) => shape[axis]) }]
}

const squeeze: Rule = ({ node, inputs, content, fail, where }) => {
  const { shape, dtype } = inputs[0]
  const given = intsAttribute(node, 'axes') ?? (node.inputs[1] ? content(1) : undefined)
  if (!given && (node.inputs[1] || shape.some((dim) => typeof dim === 'string'))) return undefined
  const axes = given?.map((axis) => normalizeAxis(axis as number, shape.length, where))
  const bad = axes?.find((axis) => typeof shape[axis] === 'number' && shape[axis] !== 1)
  if (bad !== undefined) throw fail(`axis ${bad} of [${shape}] is not 1`)
  return [{ dtype, shape: shape.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1)) }]
}

const unsqueeze: Rule = ({ node, inputs, content, where }) => {
  const { shape, dtype } = inputs[0]
  const given = intsAttribute(node, 'axes') ?? content(1)
  if (!given) return undefined
  const rank = shape.length + given.length
  const axes = given.map((axis) => normalizeAxis(axis as number, rank, where))
  const rest = [...shape]
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)) }]
}

const expand: Rule = ({ node, inputs, content, fail }) => {
  const { shape: from, dtype } = inputs[0]
  const target = content(1) ?? unknownShape(inputs[1], node.outputs[0])
  if (!target) return undefined
  const shape = broadcastShapes(from, target)
  if (!shape) throw fail(`[${from}] does not expand to [${target}]`)
  return [{ dtype, shape }]
}

const tile: Rule = ({ node, inputs, content, fail }) => {
  const { shape, dtype } = inputs[0]
  const repeats = content(1)
  if (repeats && repeats.length !== shape.length)
    throw fail(`${repeats.length} repeats for the ${shape.length} axes of [${shape}]`)
  return [
    {
      dtype,
      shape: shape.map((dim, i) =>
        repeats ? dimProduct([dim, repeats[i]]) : unknownDim(node.outputs[0], i),
      ),
    },
  ]
}

const concat: Rule = (rule) => {
  const { dtype, shape } = rule.inputs[0]
  const axis = axisOf(rule, shape.length, 0)
  for (const input of rule.inputs) {
    const clash = input.shape.some(
      (dim, i) => i !== axis && dim !== shape[i] && typeof dim === 'number' && typeof shape[i] === 'number',
    )
    if (clash || input.shape.length !== shape.length || input.dtype !== dtype)
      throw rule.fail(
        `${formatShape(rule.inputs[0])} ${dtype} and ${formatShape(input)} ${input.dtype} do not join`,
      )
  }
  const size = rule.inputs.map((input) => input.shape[axis]).reduce(dimSum)
  // A static size of any part holds for all.
  const joined = shape.map(
    (dim, i) => rule.inputs.map((x) => x.shape[i]).find((d) => typeof d === 'number') ?? dim,
  )
  return [{ dtype, shape: joined.with(axis, size) }]
}

const split: Rule = (rule) => {
  const { shape, dtype } = rule.inputs[0]
  const axis = axisOf(rule, shape.length, 0)
  const sizes = splitSizes(rule.node, shape[axis], rule.content(1))
  if (!sizes)
    return rule.node.outputs.map((name) => ({ dtype, shape: shape.with(axis, unknownDim(name, axis)) }))
  const total = sizes.reduce((a, b) => a + b, 0)
  if (typeof shape[axis] === 'number' && total !== shape[axis])
    throw rule.fail(`parts [${sizes}] do not add up to axis ${axis} of [${shape}]`)
  return sizes.map((size) => ({ dtype, shape: shape.with(axis, size) }))
}

const slice: Rule = ({ node, inputs, content, where }) => {
  const { shape, dtype } = inputs[0]
  const starts = content(1)
  const ends = content(2)
  const count = starts?.length ?? inputs[1].shape[0]
  if (typeof count !== 'number') return undefined
  const axes = node.inputs[3] ? content(3) : Array.from({ length: count }, (_, i) => i)
  const steps = node.inputs[4] ? content(4) : Array(count).fill(1)
  const result = [...shape]
  if (!axes) return [{ dtype, shape: shape.map((_, i) => unknownDim(node.outputs[0], i)) }]
  for (let i = 0; i < count; i++) {
    const axis = normalizeAxis(axes[i] as number, shape.length, where)
    if (!starts || !ends || !steps) {
      result[axis] = unknownDim(node.outputs[0], axis)
      continue
    }
    const range = sliceRange(shape[axis], starts[i], ends[i], steps[i])
    result[axis] = range?.size ?? `(${shape[axis]}[${starts[i]}:${ends[i]}:${steps[i]}])`
  }
  return [{ dtype, shape: result }]
}

const pad: Rule = ({ node, inputs, content, where }) => {
  const { shape, dtype } = inputs[0]
  const axesKnown = !node.inputs[3] || content(3)
  const amounts =
    axesKnown && padAmounts(shape.length, content(1), node.inputs[3] ? content(3) : undefined, where)
  return [
    {
      dtype,
      shape: shape.map((dim, i) =>
        amounts ? dimSum(dim, amounts[i][0] + amounts[i][1]) : unknownDim(node.outputs[0], i),
      ),
    },
  ]
}

const constantOfShape: Rule = ({ node, inputs, content }) => {
  const shape = content(0) ?? unknownShape(inputs[0], node.outputs[0])
  return shape && [{ dtype: tensorAttribute(node, 'value')?.dtype ?? 'float32', shape }]
}

const range: Rule = ({ node, inputs, content }) => {
  const [start, limit, delta] = [content(0)?.[0], content(1)?.[0], content(2)?.[0]]
  const numeric = [start, limit, delta].every((x) => typeof x === 'number')
  const count = numeric
    ? Math.max(0, Math.ceil(((limit as number) - (start as number)) / (delta as number)))
    : start === 0 && delta === 1 && limit !== undefined
      ? limit
      : unknownDim(node.outputs[0], 0)
  return [{ dtype: inputs[0].dtype, shape: [count] }]
}

const flatten: Rule = ({ node, inputs }) => {
  const { shape, dtype } = inputs[0]
  const at = intAttribute(node, 'axis', 1)
  const axis = at < 0 ? at + shape.length : at
  return [{ dtype, shape: [dimProduct(shape.slice(0, axis)), dimProduct(shape.slice(axis))] }]
}

/** Blocks of pixels to channels, or back. */
const blocks =
  (toDepth: boolean): Rule =>
  ({ node, inputs: [{ shape, dtype }], fail }) => {
    const size = intAttribute(node, 'blocksize', 1)
    if (shape.length !== 4) throw fail(`[${shape}] must have 4 axes`)
    const times = (dim: Dim, factor: number) => dimProduct([dim, factor])
    const divided = (dim: Dim, by: number) => dimQuotient(dim, by) ?? `(${dim}/${by})`
    const [batch, channels, ...image] = shape
    return [
      {
        dtype,
        shape: toDepth
          ? [batch, times(channels, size * size), ...image.map((dim) => divided(dim, size))]
          : [batch, divided(channels, size * size), ...image.map((dim) => times(dim, size))],
      },
    ]
  }

/** Tensors like another one, of the type in the attribute `dtype`. */
const likeWithType: Rule = ({ node, inputs, where }) => {
  const dtype = intAttribute(node, 'dtype', 0)
  return [like(inputs[0], dtype ? dtypeOfOnnx(dtype, where) : undefined)]
}

export const shape: Record<string, Rule> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Shape: ({ node, inputs }) => [{ dtype: 'int64', shape: [shapeRange(node, inputs[0].shape).length] }],
  Size: () => [{ dtype: 'int64', shape: [] }],
  ConstantOfShape: constantOfShape,
  Range: range,
  DepthToSpace: blocks(false),
  SpaceToDepth: blocks(true),
  EyeLike: likeWithType,
  RandomNormalLike: likeWithType,
  RandomUniformLike: likeWithType,
}
