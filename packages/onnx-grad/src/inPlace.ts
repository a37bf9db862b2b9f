import type { GraphNode, Model } from './model.js'

/** Operators whose result onnxruntime may lay over their first input. */
const views = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])
/** Operators that read each element of an input before they write the same element of the result. */
const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div'])

/**
 * Of the inputs `s` that have an output `next.s`, those whose buffer may take `next.s` in the same run, which
 * halves the memory of parameters and optimiser state. That is so when all that read `s`, also through views of
 * it, must have run before `next.s` can be computed, whatever order the runtime chooses.
 */
export function updatableInPlace(model: Model): Set<string> {
  const producers = new Map<string, GraphNode>()
  const readers = new Map<string, GraphNode[]>()
  for (const node of model.nodes) {
    for (const name of node.outputs) producers.set(name, node)
    for (const name of new Set(node.inputs)) {
      const list = readers.get(name)
      if (list) list.push(node)
      else readers.set(name, [node])
    }
  }
  const readersOf = (name: string): GraphNode[] =>
    (readers.get(name) ?? []).flatMap((node) =>
      views.has(node.op) ? [node, ...readersOf(node.outputs[0])] : [node],
    )
  const outputs = new Set(model.outputs.map((output) => output.name))
  const result = new Set<string>()
  for (const { name } of model.inputs) {
    if (!outputs.has(`next.${name}`)) continue
    const writer = writerOf(`next.${name}`, producers)
    if (!writer) continue
    const before = ancestors(writer, producers)
    const isSafe = (reader: GraphNode) =>
      reader === writer ? elementwise.has(writer.op) : before.has(reader)
    if (readersOf(name).every(isSafe)) result.add(name)
  }
  return result
}

/** The node that computes a value; an Identity is looked through, since the runtime removes it. */
function writerOf(name: string, producers: ReadonlyMap<string, GraphNode>): GraphNode | undefined {
  const node = producers.get(name)
  return node?.op === 'Identity' ? writerOf(node.inputs[0], producers) : node
}

function ancestors(of: GraphNode, producers: ReadonlyMap<string, GraphNode>): Set<GraphNode> {
  const found = new Set<GraphNode>()
  const open = [of]
  for (let node = open.pop(); node; node = open.pop()) {
    for (const name of node.inputs) {
      const producer = producers.get(name)
      if (!producer || found.has(producer)) continue
      found.add(producer)
      open.push(producer)
    }
  }
  return found
}
