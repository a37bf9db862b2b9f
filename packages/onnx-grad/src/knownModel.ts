import type { Dim, GraphNode, TensorData, ValueInfo } from './model.js'
import { contentOf, inferContent, inferOutputs, type KnownValues } from './shapeInference.js'

/** What is known about the values of a model from a file, node after node. */
export class KnownModel implements KnownValues {
  private readonly infos = new Map<string, ValueInfo>()
  private readonly contents = new Map<string, readonly Dim[]>()

  constructor(given: readonly ValueInfo[]) {
    for (const info of given) this.infos.set(info.name, info)
  }

  info(name: string): ValueInfo | undefined {
    return this.infos.get(name)
  }

  content(name: string): readonly Dim[] | undefined {
    return this.contents.get(name)
  }

  addTensor(name: string, { dtype, shape, data }: TensorData): void {
    this.infos.set(name, { name, dtype, shape })
    const content = data instanceof Uint16Array ? undefined : contentOf(data)
    if (content) this.contents.set(name, content)
  }

  /** A node whose inputs were added before it. */
  addNode(node: GraphNode): void {
    const types = inferOutputs(node, this)
    node.outputs.forEach((name, i) => {
      if (name && types?.[i]) this.infos.set(name, { name, ...types[i] })
    })
    const content = inferContent(node, this)
    if (content) this.contents.set(node.outputs[0], content)
  }
}
