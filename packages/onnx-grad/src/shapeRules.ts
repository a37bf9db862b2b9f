/** Output type of each operator from its inputs (ONNX operator specification, opset 13 to 21). */
import { intAttribute, intsAttribute, tensorAttribute } from './attributes.js'
import {
  normalizeAxis,
  padAmounts,
  reducedShape,
  reductionAxes,
  shapeRange,
  sliceRange,
  splitSizes,
} from './axes.js'
import { dtypeOfOnnx } from './codec.js'
import { broadcastShapes, dimProduct, dimQuotient, dimSum } from './dims.js'
import type { UserError } from './errors.js'
import type { Dim, DType, GraphNode, ValueInfo } from './model.js'

export interface OutputType {
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

export interface RuleInput {
  readonly node: GraphNode
  /** Present inputs by position; a hole for an absent optional input. */
  readonly inputs: readonly ValueInfo[]
  content(index: number): readonly Dim[] | undefined
  readonly where: string
  fail(problem: string): UserError
}
export type Rule = (rule: RuleInput) => OutputType[] | undefined

const like = (info: ValueInfo, dtype = info.dtype): OutputType => ({ dtype, shape: info.shape })
const same: Rule = ({ inputs }) => [like(inputs[0])]
const sameAsBool: Rule = ({ inputs }) => [like(inputs[0], 'bool')]

function broadcastAll(rule: RuleInput, infos: readonly ValueInfo[], dtype: DType): OutputType[] {
  const shape = infos
    .map((info) => info.shape)
    .reduce((a, b) => {
      const both = broadcastShapes(a, b)
      if (!both) throw rule.fail(`shapes ${infos.map(formatShape).join(' and ')} do not broadcast`)
      return both
    })
  return [{ dtype, shape }]
}

const formatShape = (info: ValueInfo): string => `'${info.name}' [${info.shape}]`

const arithmetic: Rule = (rule) => {
  const [first] = rule.inputs
  for (const input of rule.inputs)
    if (input.dtype !== first.dtype)
      throw rule.fail(`'${first.name}' is ${first.dtype} but '${input.name}' is ${input.dtype}: cast one`)
  return broadcastAll(rule, rule.inputs, first.dtype)
}
const power: Rule = (rule) => broadcastAll(rule, rule.inputs, rule.inputs[0].dtype)
const comparison: Rule = (rule) => [{ ...arithmetic(rule)![0], dtype: 'bool' }]

const matmul: Rule = (rule) => {
  const [a, b] = rule.inputs
  if (a.dtype !== b.dtype) throw rule.fail(`'${a.name}' is ${a.dtype} but '${b.name}' is ${b.dtype}`)
  if (a.shape.length === 0 || b.shape.length === 0) throw rule.fail('operands of MatMul cannot be scalars')
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
  const inner = [left.at(-1)!, right.at(-2)!]
  if (inner[0] !== inner[1] && inner.every((dim) => typeof dim === 'number'))
    throw rule.fail(`${formatShape(a)} and ${formatShape(b)}: inner sizes ${inner.join(' and ')} differ`)
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2))
  if (!batch) throw rule.fail(`batch axes of ${formatShape(a)} and ${formatShape(b)} do not broadcast`)
  const shape = [...batch]
  if (a.shape.length > 1) shape.push(left.at(-2)!)
  if (b.shape.length > 1) shape.push(right.at(-1)!)
  return [{ dtype: a.dtype, shape }]
}

const gemm: Rule = (rule) => {
  const [a, b] = rule.inputs
  if (a.shape.length !== 2 || b.shape.length !== 2) throw rule.fail('operands of Gemm must be matrices')
  const transA = intAttribute(rule.node, 'transA', 0)
  const transB = intAttribute(rule.node, 'transB', 0)
  const inner = [a.shape[transA ? 0 : 1], b.shape[transB ? 1 : 0]]
  if (inner[0] !== inner[1] && inner.every((dim) => typeof dim === 'number'))
    throw rule.fail(`${formatShape(a)} and ${formatShape(b)}: inner sizes ${inner.join(' and ')} differ`)
  return [{ dtype: a.dtype, shape: [a.shape[transA ? 1 : 0], b.shape[transB ? 0 : 1]] }]
}

const reduction: Rule = ({ node, inputs, content }) => {
  const { shape, dtype } = inputs[0]
  const axes = reductionAxes(node, shape.length, content(1))
  if (!axes) return undefined
  const keep = intAttribute(node, 'keepdims', 1) !== 0
  return [{ dtype, shape: reducedShape(shape, axes, keep) }]
}

const argReduction: Rule = ({ node, inputs, where }) => {
  const { shape } = inputs[0]
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length, where)
  return [{ dtype: 'int64', shape: reducedShape(shape, [axis], intAttribute(node, 'keepdims', 1) !== 0) }]
}

const layerNormalization: Rule = ({ node, inputs, where }) => {
  const { shape } = inputs[0]
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), shape.length, where)
  const statistics: OutputType = {
    dtype: 'float32',
    shape: shape.map((dim, i) => (i < axis ? dim : 1)),
  }
  return [like(inputs[0]), statistics, statistics]
}

const reshape: Rule = ({ node, inputs, content, fail }) => {
  const target = content(1)
  if (!target) return undefined
  const from = inputs[0].shape
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
  return [{ dtype: inputs[0].dtype, shape }]
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

const expand: Rule = ({ inputs, content, fail }) => {
  const target = content(1)
  if (!target) return undefined
  const shape = broadcastShapes(inputs[0].shape, target)
  if (!shape) throw fail(`[${inputs[0].shape}] does not expand to [${target}]`)
  return [{ dtype: inputs[0].dtype, shape }]
}

const concat: Rule = ({ node, inputs, fail, where }) => {
  const { dtype, shape } = inputs[0]
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length, where)
  for (const input of inputs) {
    const clash = input.shape.some(
      (dim, i) => i !== axis && dim !== shape[i] && typeof dim === 'number' && typeof shape[i] === 'number',
    )
    if (clash || input.shape.length !== shape.length || input.dtype !== dtype)
      throw fail(`${formatShape(inputs[0])} ${dtype} and ${formatShape(input)} ${input.dtype} do not join`)
  }
  const size = inputs.map((input) => input.shape[axis]).reduce(dimSum)
  return [{ dtype, shape: shape.with(axis, size) }]
}

const split: Rule = ({ node, inputs, content, fail, where }) => {
  const { shape, dtype } = inputs[0]
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length, where)
  const sizes = splitSizes(node, shape[axis], content(1))
  if (!sizes) return undefined
  const total = sizes.reduce((a, b) => a + b, 0)
  if (typeof shape[axis] === 'number' && total !== shape[axis])
    throw fail(`parts [${sizes}] do not add up to axis ${axis} of [${shape}]`)
  return sizes.map((size) => ({ dtype, shape: shape.with(axis, size) }))
}

const slice: Rule = ({ node, inputs, content, where }) => {
  const { shape, dtype } = inputs[0]
  const starts = content(1)
  const ends = content(2)
  const axes = node.inputs[3] ? content(3) : starts?.map((_, i) => i)
  const steps = node.inputs[4] ? content(4) : starts?.map(() => 1)
  if (!starts || !ends || !axes || !steps) return undefined
  const result = [...shape]
  for (let i = 0; i < starts.length; i++) {
    const axis = normalizeAxis(axes[i] as number, shape.length, where)
    const range = sliceRange(shape[axis], starts[i], ends[i], steps[i])
    result[axis] = range?.size ?? `(${shape[axis]}[${starts[i]}:${ends[i]}:${steps[i]}])`
  }
  return [{ dtype, shape: result }]
}

const gather: Rule = ({ node, inputs, fail, where }) => {
  const [{ shape, dtype }, indices] = inputs
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw fail(`indices '${indices.name}' must be int32 or int64, not ${indices.dtype}`)
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shape.length, where)
  return [{ dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)] }]
}

const pad: Rule = ({ node, inputs, content, where }) => {
  const { shape, dtype } = inputs[0]
  if (node.inputs[3] && !content(3)) return undefined
  const amounts = padAmounts(shape.length, content(1), node.inputs[3] ? content(3) : undefined, where)
  if (!amounts) return undefined
  return [
    {
      dtype,
      shape: shape.map((dim, i) => {
        const extra = amounts[i][0] + amounts[i][1]
        return extra === 0 ? dim : typeof dim === 'number' ? dim + extra : `(${dim}+${extra})`
      }),
    },
  ]
}

const select: Rule = (rule) => {
  const [condition, a, b] = rule.inputs
  if (condition.dtype !== 'bool') throw rule.fail(`the condition '${condition.name}' is ${condition.dtype}`)
  if (a.dtype !== b.dtype) throw rule.fail(`'${a.name}' is ${a.dtype} but '${b.name}' is ${b.dtype}`)
  return broadcastAll(rule, rule.inputs, a.dtype)
}

const constantOfShape: Rule = ({ node, content }) => {
  const shape = content(0)
  return shape && [{ dtype: tensorAttribute(node, 'value')?.dtype ?? 'float32', shape }]
}

const range: Rule = ({ node, inputs, content }) => {
  const [start, limit, delta] = [content(0)?.[0], content(1)?.[0], content(2)?.[0]]
  const numeric = [start, limit, delta].every((x) => typeof x === 'number')
  const count = numeric
    ? Math.max(0, Math.ceil(((limit as number) - (start as number)) / (delta as number)))
    : start === 0 && delta === 1 && limit !== undefined
      ? limit
      : `(range ${node.outputs[0]})`
  return [{ dtype: inputs[0].dtype, shape: [count] }]
}

const flatten: Rule = ({ node, inputs }) => {
  const { shape, dtype } = inputs[0]
  const at = intAttribute(node, 'axis', 1)
  const axis = at < 0 ? at + shape.length : at
  return [{ dtype, shape: [dimProduct(shape.slice(0, axis)), dimProduct(shape.slice(axis))] }]
}

export const shapeRules: Record<string, Rule> = {
  ...Object.fromEntries(
    'Neg Sqrt Exp Log Abs Erf Tanh Sigmoid Relu Gelu Softmax LogSoftmax Identity Sin Cos Clip Not Reciprocal'
      .concat(
        ' Softplus Sign Floor Ceil Round CumSum ScatterElements ScatterND Trilu LeakyRelu Elu HardSigmoid HardSwish',
      )
      .split(' ')
      .map((op) => [op, same]),
  ),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max', 'Sum', 'Mod', 'And', 'Or', 'Xor'].map((op) => [
      op,
      arithmetic,
    ]),
  ),
  ...Object.fromEntries(
    ['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'].map((op) => [op, comparison]),
  ),
  ...Object.fromEntries(
    'Sum Mean Max Min Prod L1 L2 SumSquare LogSum LogSumExp'
      .split(' ')
      .map((op) => [`Reduce${op}`, reduction]),
  ),
  IsNaN: sameAsBool,
  IsInf: sameAsBool,
  Pow: power,
  MatMul: matmul,
  Gemm: gemm,
  ArgMax: argReduction,
  ArgMin: argReduction,
  LayerNormalization: layerNormalization,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: ({ inputs }) => [like(inputs[1], inputs[0].dtype)],
  Pad: pad,
  Where: select,
  Cast: ({ node, inputs, where }) => [like(inputs[0], dtypeOfOnnx(intAttribute(node, 'to', 0), where))],
  CastLike: ({ inputs }) => [like(inputs[0], inputs[1].dtype)],
  Shape: ({ node, inputs }) => [{ dtype: 'int64', shape: [shapeRange(node, inputs[0].shape).length] }],
  Size: () => [{ dtype: 'int64', shape: [] }],
  ConstantOfShape: constantOfShape,
  Range: range,
}
