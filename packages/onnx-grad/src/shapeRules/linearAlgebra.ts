/** Matrix products and Einsum. */
import { intAttribute, stringAttribute } from '../attributes.js'
import { broadcastDim, broadcastShapes } from '../dims.js'
import { parseEinsum } from '../einsum.js'
import type { Dim } from '../model.js'
import { formatShape, type Rule, requireOneType } from './rule.js'

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

const einsum: Rule = (rule) => {
  requireOneType(rule, rule.inputs)
  const ranks = rule.inputs.map((input) => input.shape.length)
  const { operands, output } = parseEinsum(stringAttribute(rule.node, 'equation', ''), ranks, rule.where)
  const sizes = new Map<string, Dim>()
  operands.forEach((labels, k) => {
    labels.forEach((label, axis) => {
      const size = rule.inputs[k].shape[axis]
      const both = broadcastDim(sizes.get(label) ?? size, size)
      if (both === undefined)
        throw rule.fail(
          `axis ${axis} of ${formatShape(rule.inputs[k])} does not fit the size ${sizes.get(label)}`,
        )
      sizes.set(label, both)
    })
  })
  return [{ dtype: rule.inputs[0].dtype, shape: output.map((label) => sizes.get(label)!) }]
}

export const linearAlgebra: Record<string, Rule> = { MatMul: matmul, Gemm: gemm, Einsum: einsum }
