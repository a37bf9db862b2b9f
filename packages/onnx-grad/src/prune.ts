import { UserError } from './errors.js'
import type { GraphNode, Model } from './model.js'

/** Nodes in execution order. UserError naming a value of the cycle, or one that nothing defines. */
export function sortNodes(model: Model): GraphNode[] {
  const producers = new Map<string, GraphNode>()
  for (const node of model.nodes) for (const name of node.outputs) if (name) producers.set(name, node)
  const given = new Set([...model.inputs.map((input) => input.name), ...model.initializers.keys()])
  const state = new Map<GraphNode, 'open' | 'done'>()
  const sorted: GraphNode[] = []
  const visit = (start: GraphNode): void => {
    const stack = [{ node: start, next: 0 }]
    state.set(start, 'open')
    while (stack.length) {
      const top = stack.at(-1)!
      if (top.next === top.node.inputs.length) {
        stack.pop()
        state.set(top.node, 'done')
        sorted.push(top.node)
        continue
      }
      const name = top.node.inputs[top.next++]
      if (!name || given.has(name)) continue
      const producer = producers.get(name)
      const where = `node '${top.node.name}' (${top.node.op}) of model '${model.name}'`
      if (!producer)
        throw new UserError(`${where} reads '${name}', which is no input, initializer or node output`)
      if (state.get(producer) === 'open') throw new UserError(`${where} is part of a cycle through '${name}'`)
      if (state.has(producer)) continue
      state.set(producer, 'open')
      stack.push({ node: producer, next: 0 })
    }
  }
  for (const node of model.nodes) if (!state.has(node)) visit(node)
  return sorted
}

/**
 * The part of a model that these outputs need: other outputs, dead nodes, unread inputs and weights go.
 * `outputs` may also name inner values with a known type. UserError for an unknown name.
 */
export function pruneModel(model: Model, outputs: readonly string[]): Model {
  const needed = new Set(outputs)
  const nodes: GraphNode[] = []
  for (const node of sortNodes(model).reverse()) {
    if (!node.outputs.some((name) => name && needed.has(name))) continue
    nodes.push(node)
    for (const name of node.inputs) if (name) needed.add(name)
  }
  const produced = new Set(nodes.flatMap((node) => node.outputs))
  const infos = outputs.map((name) => {
    const info = model.outputs.find((output) => output.name === name) ?? model.valueInfo?.get(name)
    if (!info || !produced.has(name)) throw new UserError(`model '${model.name}' has no output '${name}'`)
    return info
  })
  return {
    ...model,
    outputs: infos,
    inputs: model.inputs.filter((input) => needed.has(input.name)),
    nodes: nodes.reverse(),
    initializers: new Map([...model.initializers].filter(([name]) => needed.has(name))),
    ...(model.valueInfo && {
      valueInfo: new Map([...model.valueInfo].filter(([name]) => produced.has(name))),
    }),
  }
}

export const extractSubgraph = pruneModel
