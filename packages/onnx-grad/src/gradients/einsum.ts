import { stringAttribute } from '../attributes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { parseEinsum } from '../einsum.js'
import { eye, type GradientRule, unbroadcast } from './rule.js'

/**
 * The gradient of an operand is the Einsum of dy and the other operands with that operand's labels as output.
 * Labels that only this operand has were summed over: there the gradient is repeated. A label that it has twice
 * took a diagonal: there the gradient is zero beside the diagonal.
 */
const einsum: GradientRule = ({ g, node, dy, needs, input }) => {
  const values = node.inputs.map((_, i) => input(i))
  const ranks = values.map((value) => value.shape.length)
  const equation = stringAttribute(node, 'equation', '')
  const { operands, output } = parseEinsum(equation, ranks, `node '${node.name}' (Einsum)`)
  return values.map((value, k) => {
    if (!needs(k)) return undefined
    const others = operands.flatMap((labels, i) => (i === k ? [] : [{ labels, value: values[i] }]))
    const factors = output.length ? [{ labels: output, value: dy }, ...others] : others
    const distinct = [...new Set(operands[k])]
    const present = distinct.filter((label) => factors.some((factor) => factor.labels.includes(label)))
    const terms = factors.map((factor) => factor.labels.join('')).join()
    let gradient = factors.length
      ? g.emit(
          'Einsum',
          factors.map((factor) => factor.value),
          { equation: `${terms}->${present.join('')}` },
        )[0]
      : dy
    if (!output.length && factors.length) gradient = g.mul(gradient, dy)
    const absent = distinct.flatMap((label, axis) => (present.includes(label) ? [] : [axis]))
    const spread = g.unsqueeze(gradient, absent)
    const sizes = distinct.map((label, axis) =>
      spread.shape[axis] === 1 ? value.shape[operands[k].indexOf(label)] : spread.shape[axis],
    )
    return unbroadcast(g, onDiagonals(g, g.expand(spread, sizes), distinct, operands[k]), value)
  })
}

/** x with an axis for each of the distinct labels, as a tensor with an axis for each label. */
function onDiagonals(
  g: GraphBuilder,
  x: Value,
  distinct: readonly string[],
  labels: readonly string[],
): Value {
  if (distinct.length === labels.length) return x
  const repeated = labels.flatMap((label, axis) => (labels.indexOf(label) < axis ? [axis] : []))
  let result = g.unsqueeze(x, repeated)
  for (const axis of repeated) {
    const first = labels.indexOf(labels[axis])
    const size = x.shape[distinct.indexOf(labels[axis])]
    const elsewhere = labels.map((_, i) => i).filter((i) => i !== axis && i !== first)
    result = g.mul(result, g.unsqueeze(eye(g, size, x.dtype), elsewhere))
  }
  return result
}

export const einsums: Record<string, GradientRule> = { Einsum: einsum }
