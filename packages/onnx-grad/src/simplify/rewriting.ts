import { GraphBuilder, type Value } from '../builder.js'
import type { Attribute, Dim, GraphNode, Model, TensorData } from '../model.js'
import { typedArrayOf } from '../model.js'

/** A model being rewritten node by node: who makes and who uses a value, and the nodes that take a node's place. */
export class Rewriting {
  private readonly known: GraphBuilder
  private readonly producers = new Map<string, GraphNode>()
  private readonly uses = new Map<string, number>()
  private readonly initializers: Map<string, TensorData>
  private readonly names = new Set<string>()
  private readonly made = new Map<string, string>()
  private written: GraphNode[] = []
  private counter = 0

  constructor(model: Model) {
    this.known = GraphBuilder.from(model)
    this.initializers = new Map(model.initializers)
    for (const { name } of model.inputs) this.names.add(name)
    for (const name of model.initializers.keys()) this.names.add(name)
    for (const { name } of model.outputs) this.count(name)
    for (const node of model.nodes) {
      this.names.add(node.name)
      for (const name of node.inputs) this.count(name)
      for (const name of node.outputs) {
        this.names.add(name)
        if (name) this.producers.set(name, node)
      }
    }
  }

  /** The model with every node replaced for which the rewrite writes others; a rewrite returns whether it did. */
  static of(model: Model, rewrite: (node: GraphNode, rewriting: Rewriting) => boolean): Model {
    const rewriting = new Rewriting(model)
    const nodes: GraphNode[] = []
    for (const node of model.nodes) {
      const replaced = rewrite(node, rewriting)
      nodes.push(...rewriting.written, ...(replaced ? [] : [node]))
      rewriting.written = []
    }
    return { ...model, nodes, initializers: rewriting.initializers }
  }

  private count(name: string): void {
    if (name) this.uses.set(name, (this.uses.get(name) ?? 0) + 1)
  }

  /** Type of a value of the original model, when known. */
  info = (name: string): Value | undefined => this.known.info(name)

  /** Content of a small integer tensor of the original model, when known. */
  content = (name: string): readonly Dim[] | undefined => this.known.content(name)

  /** Whether a value is one number, known before the graph runs. */
  isNumber(name: string): boolean {
    const tensor = this.initializers.get(name)
    return tensor?.dtype === 'float32' && tensor.data.length === 1 && tensor.shape.length <= 1
  }

  producer = (name: string): GraphNode | undefined => this.producers.get(name)

  /** The producer of a value that nothing else reads, if it is such an operator. */
  onlyFor(name: string, op: string): GraphNode | undefined {
    const node = this.producers.get(name)
    return node?.op === op && this.uses.get(name) === 1 ? node : undefined
  }

  ints(values: readonly number[]): string {
    return this.once(`ints ${values}`, () => {
      const name = this.fresh('constant')
      this.initializers.set(name, {
        dtype: 'int64',
        shape: [values.length],
        data: typedArrayOf('int64', values),
      })
      return name
    })
  }

  /** Writes a node with outputs of these names, or with that many. */
  write(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    outputs: readonly string[] | number = 1,
  ): readonly string[] {
    const names =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.fresh(op)) : [...outputs]
    this.written.push({ name: this.fresh(op), op, inputs: [...inputs], outputs: names, attributes })
    return names
  }

  /** Gives the first output of the node written last another name. */
  renameLast(name: string): void {
    this.written.at(-1)!.outputs[0] = name
  }

  /** A value that is written when it is first asked for. */
  once(key: string, make: () => string): string {
    const known = this.made.get(key)
    if (known !== undefined) return known
    const name = make()
    this.made.set(key, name)
    return name
  }

  private fresh(base: string): string {
    let name: string
    do name = `${base}.simple.${this.counter++}`
    while (this.names.has(name))
    this.names.add(name)
    return name
  }
}

/** Target of a Reshape to sizes of which at most one is symbolic; undefined for more. */
export function reshapeTarget(shape: readonly Dim[]): number[] | undefined {
  if (shape.filter((dim) => typeof dim === 'string').length > 1) return undefined
  return shape.map((dim) => (typeof dim === 'string' ? -1 : dim))
}
