/**
 * Types and shapes of operator outputs, for the builder and for models read from files. Sizes may be symbolic.
 * What cannot be known is left out, never guessed.
 */
import { shapeRange } from './axes.js'
import { dimProduct } from './dims.js'
import { UserError } from './errors.js'
import type { Dim, GraphNode, ValueInfo } from './model.js'
import { type OutputType, shapeRules } from './shapeRules.js'

/** What is known about values: types, and the content of small integer tensors (shapes, axes, sizes). */
export interface KnownValues {
  info(name: string): ValueInfo | undefined
  content(name: string): readonly Dim[] | undefined
}

/** Whether the operator has a shape rule. */
export const hasShapeRule = (op: string): boolean => Object.hasOwn(shapeRules, op)

/**
 * Types of a node's outputs in order; undefined when the operator has no rule or an input is not known.
 * UserError naming node and shapes when the operands cannot go together.
 */
export function inferOutputs(node: GraphNode, known: KnownValues): OutputType[] | undefined {
  const rule = hasShapeRule(node.op) ? shapeRules[node.op] : undefined
  if (!rule) return undefined
  const inputs: ValueInfo[] = []
  for (let i = 0; i < node.inputs.length; i++) {
    if (!node.inputs[i]) continue
    const info = known.info(node.inputs[i])
    if (!info) return undefined
    inputs[i] = info
  }
  const where = `node '${node.name}' (${node.op})`
  return rule({
    node,
    inputs,
    where,
    content: (index) => (node.inputs[index] ? known.content(node.inputs[index]) : undefined),
    fail: (problem) => new UserError(`${where}: ${problem}`),
  })
}

/**
 * Content of a small integer output, with symbolic entries: what exporters compute shapes with
 * (Shape, Gather, Concat, …). Undefined when not known.
 */
export function inferContent(node: GraphNode, known: KnownValues): readonly Dim[] | undefined {
  const inputs = node.inputs.map((name) => (name ? known.content(name) : undefined))
  const [first, second] = inputs
  switch (node.op) {
    case 'Shape': {
      const info = known.info(node.inputs[0])
      return info && shapeRange(node, info.shape)
    }
    case 'Identity':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
      return first
    case 'Concat':
      return inputs.every((part) => part) ? inputs.flatMap((part) => part!) : undefined
    case 'Gather': {
      const picked = first && second?.map((i) => first.at(i as number))
      return picked?.every((dim) => dim !== undefined) ? (picked as Dim[]) : undefined
    }
    case 'Slice':
      if (!first || inputs[1]?.length !== 1 || inputs[2]?.length !== 1 || (inputs[4]?.[0] ?? 1) !== 1)
        return undefined
      return first.slice(inputs[1][0] as number, inputs[2][0] as number)
    case 'Mul':
      if (!first || !second || (first.length !== second.length && second.length !== 1)) return undefined
      return first.map((dim, i) => dimProduct([dim, second[i] ?? second[0]]))
    default:
      return undefined
  }
}
