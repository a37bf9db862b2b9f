/** Small steps of rewriting a model that keep it a valid one. */
import type { GraphNode, Model } from './model.js'

/** The nodes with inputs read under other names. */
export const renameInputs = (nodes: readonly GraphNode[], names: ReadonlyMap<string, string>): GraphNode[] =>
  nodes.map((node) =>
    node.inputs.some((name) => names.has(name))
      ? { ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) }
      : node,
  )

/** Names that no value of the model has: `base`, or `base` with a number. */
export function freshNames(model: Model): (base: string) => string {
  const taken = new Set([
    ...model.inputs.map((input) => input.name),
    ...model.initializers.keys(),
    ...model.nodes.flatMap((node) => node.outputs),
  ])
  return (base) => {
    let name = base
    for (let i = 2; taken.has(name); i++) name = `${base}.${i}`
    taken.add(name)
    return name
  }
}

/** The node that computes each value. */
export const producersOf = (nodes: readonly GraphNode[]): Map<string, GraphNode> =>
  new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
