/**
 * Types and shapes of operator outputs, for the builder and for models read from files. Sizes may be symbolic.
 * What cannot be known is left out, never guessed.
 */
import { UserError } from './errors.js'
import type { Dim, GraphNode, ValueInfo } from './model.js'
import { type OutputType, shapeRules } from './shapeRules/index.js'

export { contentOf, inferContent, trackable } from './contentRules.js'

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
  const misfit = (cause?: unknown) =>
    new UserError(`${where}: its inputs and attributes do not fit the operator`, { cause })
  try {
    const types = rule({
      node,
      inputs,
      where,
      content: (index) => (node.inputs[index] ? known.content(node.inputs[index]) : undefined),
      fail: (problem) => new UserError(`${where}: ${problem}`),
    })
    // A damaged file may have operands of any number, rank and type: rules do not check them all.
    if (types?.some(({ shape }) => shape.includes(undefined as unknown as Dim))) throw misfit()
    return types
  } catch (error) {
    throw error instanceof UserError ? error : misfit(error)
  }
}
