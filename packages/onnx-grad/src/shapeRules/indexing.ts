/** Picking, placing and counting elements. */
import { intAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import { unknownDim } from '../dims.js'
import { axisOf, forAll, like, type Rule, same } from './rule.js'

const gather: Rule = (rule) => {
  const [{ shape, dtype }, indices] = rule.inputs
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw rule.fail(`indices '${indices.name}' must be int32 or int64, not ${indices.dtype}`)
  const axis = axisOf(rule, shape.length, 0)
  return [{ dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)] }]
}

const gatherND: Rule = ({ node, inputs, fail }) => {
  const [data, indices] = inputs
  const batch = intAttribute(node, 'batch_dims', 0)
  const width = indices.shape.at(-1)
  if (typeof width !== 'number') return undefined
  if (batch + width > data.shape.length)
    throw fail(`indices of ${width} numbers after ${batch} batch axes do not fit [${data.shape}]`)
  return [{ dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(batch + width)] }]
}

const oneHot: Rule = ({ node, inputs, content, where }) => {
  const rank = inputs[0].shape.length + 1
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), rank, where)
  const depth = content(1)?.[0] ?? unknownDim(node.outputs[0], axis)
  return [{ dtype: inputs[2].dtype, shape: inputs[0].shape.toSpliced(axis, 0, depth) }]
}

export const indexing: Record<string, Rule> = {
  ...forAll('ScatterElements ScatterND Trilu', same),
  Gather: gather,
  GatherElements: ({ inputs }) => [like(inputs[1], inputs[0].dtype)],
  GatherND: gatherND,
  OneHot: oneHot,
  NonZero: ({ node, inputs }) => [
    { dtype: 'int64', shape: [inputs[0].shape.length, unknownDim(node.outputs[0], 1)] },
  ],
}
