/** Operators on images and signals [N, C, …]: convolution, pooling, resizing. */
import { intAttribute, intsAttribute, stringAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import { dimProduct, unknownDim } from '../dims.js'
import type { Dim } from '../model.js'
import { transposedSize, windowCount, windowsOf } from '../windows.js'
import { formatShape, like, type Rule, requireOneType } from './rule.js'

const convolution: Rule = (rule) => {
  const [x, weight] = rule.inputs
  requireOneType(rule, rule.inputs)
  if (x.shape.length < 3 || weight.shape.length !== x.shape.length)
    throw rule.fail(`${formatShape(x)} and the kernel ${formatShape(weight)} must have one rank of 3 or more`)
  const channels = dimProduct([weight.shape[1], intAttribute(rule.node, 'group', 1)])
  if (typeof channels === 'number' && typeof x.shape[1] === 'number' && channels !== x.shape[1])
    throw rule.fail(
      `the kernel ${formatShape(weight)} wants ${channels} channels, ${formatShape(x)} has ${x.shape[1]}`,
    )
  const windows = windowsOf(rule.node, x.shape.slice(2), weight.shape.slice(2), rule.where)
  return [{ dtype: x.dtype, shape: [x.shape[0], weight.shape[0], ...windowCount(windows)] }]
}

const transposedConvolution: Rule = (rule) => {
  const [x, weight] = rule.inputs
  requireOneType(rule, rule.inputs)
  if (x.shape.length < 3 || weight.shape.length !== x.shape.length)
    throw rule.fail(`${formatShape(x)} and the kernel ${formatShape(weight)} must have one rank of 3 or more`)
  const channels = dimProduct([weight.shape[1], intAttribute(rule.node, 'group', 1)])
  const image = transposedSize(rule.node, x.shape.slice(2), weight.shape.slice(2), rule.where)
  return [{ dtype: x.dtype, shape: [x.shape[0], channels, ...image] }]
}

const pooling: Rule = (rule) => {
  const [x] = rule.inputs
  const kernel = intsAttribute(rule.node, 'kernel_shape')
  if (kernel?.length !== x.shape.length - 2)
    throw rule.fail(`kernel_shape [${kernel}] does not fit ${formatShape(x)}`)
  const shape = [
    ...x.shape.slice(0, 2),
    ...windowCount(windowsOf(rule.node, x.shape.slice(2), kernel, rule.where)),
  ]
  return [
    { dtype: x.dtype, shape },
    { dtype: 'int64', shape },
  ]
}

const globalPooling: Rule = ({ inputs: [x] }) => [
  { dtype: x.dtype, shape: x.shape.map((dim, i) => (i < 2 ? dim : 1)) },
]

const resize: Rule = ({ node, inputs, content, where }) => {
  const { shape } = inputs[0]
  const axes =
    intsAttribute(node, 'axes')?.map((axis) => normalizeAxis(axis, shape.length, where)) ??
    shape.map((_, i) => i)
  const [scales, sizes] = [content(2), content(3)]
  const stretched = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') === 'stretch'
  const scaled = (dim: Dim, scale: Dim): Dim | undefined => {
    if (scale === 1) return dim
    if (typeof scale !== 'number') return undefined
    if (typeof dim === 'number') return Math.floor(dim * Math.fround(scale))
    return Number.isInteger(scale) ? dimProduct([dim, scale]) : undefined
  }
  const result = [...shape]
  axes.forEach((axis, i) => {
    const given = node.inputs[3] ? stretched && sizes?.[i] : scales && scaled(shape[axis], scales[i])
    result[axis] = given || unknownDim(node.outputs[0], axis)
  })
  return [like({ ...inputs[0], shape: result })]
}

export const windows: Record<string, Rule> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  AveragePool: pooling,
  MaxPool: pooling,
  GlobalAveragePool: globalPooling,
  GlobalMaxPool: globalPooling,
  Resize: resize,
}
