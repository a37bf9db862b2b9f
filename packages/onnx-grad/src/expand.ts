/** Functions of a model file are written out, and conditions that never change are decided, before it is decoded. */
import { create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
} from 'onnx-buf'
import { UserError } from './errors.js'
import type { KnownModel } from './knownModel.js'
import type { GraphNode, TensorData } from './model.js'

/** Functions may call functions; deeper than this they call themselves. */
const deepest = 32

const functionKey = (domain: string, name: string, overload: string): string =>
  `${domain === 'ai.onnx' ? '' : domain}::${name}::${overload}`

/** Replaces calls of the model's own functions by their bodies. UserError for one that calls itself. */
export function inlineFunctions(proto: ModelProto): void {
  const graph = proto.graph
  if (!graph || proto.functions.length === 0) return
  const functions = new Map(proto.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]))
  let calls = 0
  const expand = (nodes: readonly NodeProto[], depth: number): NodeProto[] =>
    nodes.flatMap((node) => {
      for (const attribute of node.attribute)
        if (attribute.g) attribute.g.node = expand(attribute.g.node, depth)
      const definition = functions.get(functionKey(node.domain, node.opType, node.overload))
      if (!definition) return [node]
      if (depth > deepest)
        throw new UserError(`function '${definition.name}' of model '${graph.name}' calls itself`)
      return expand(functionBody(definition, node, `${node.name || node.opType}/${calls++}`), depth + 1)
    })
  graph.node = expand(graph.node, 0)
}

/** The nodes of a function as one call of it has them: its own values get the prefix. */
function functionBody(definition: FunctionProto, call: NodeProto, prefix: string): NodeProto[] {
  const names = new Map<string, string>([['', '']])
  definition.input.forEach((name, i) => {
    names.set(name, call.input[i] ?? '')
  })
  const passedOn: [string, string][] = []
  definition.output.forEach((name, i) => {
    if (!call.output[i]) return
    if (names.has(name)) passedOn.push([names.get(name)!, call.output[i]])
    else names.set(name, call.output[i])
  })
  const rename = (name: string): string => names.get(name) ?? `${prefix}/${name}`
  const defaults = definition.attributeProto
  const given = (name: string) =>
    [...call.attribute, ...defaults].find((attribute) => attribute.name === name)
  const copies = definition.node.map((node) => copyNode(node, rename, `${prefix}/${node.name}`, given))
  return [...copies, ...passedOn.map(([from, to]) => identity(from, to))]
}

const identity = (from: string, to: string): NodeProto =>
  create(NodeProtoSchema, { name: `Identity/${to}`, opType: 'Identity', input: [from], output: [to] })

/** A copy with other fields; fields that are not set have their defaults in the prototype, so a spread loses them. */
const changed = <T extends object>(message: T, fields: Partial<T>): T =>
  Object.assign(Object.create(Object.getPrototypeOf(message)), message, fields)

/** A copy under other names; attributes that refer to those of a function get the values of the call. */
function copyNode(
  node: NodeProto,
  rename: (name: string) => string,
  name: string,
  given?: (name: string) => AttributeProto | undefined,
): NodeProto {
  const attribute = node.attribute.flatMap((own) => {
    const referred = own.refAttrName && given ? given(own.refAttrName) : own
    if (!referred) return []
    const copy = changed(referred, { name: own.name })
    return [copy.g ? changed(copy, { g: copyGraph(copy.g, rename, given) }) : copy]
  })
  return changed(node, { name, input: node.input.map(rename), output: node.output.map(rename), attribute })
}

const copyGraph = (
  graph: GraphProto,
  rename: (name: string) => string,
  given?: (name: string) => AttributeProto | undefined,
): GraphProto =>
  changed(graph, {
    node: graph.node.map((node) => copyNode(node, rename, node.name, given)),
    initializer: graph.initializer.map((tensor) => changed(tensor, { name: rename(tensor.name) })),
    input: graph.input.map((info) => changed(info, { name: rename(info.name) })),
    output: graph.output.map((info) => changed(info, { name: rename(info.name) })),
    valueInfo: [],
  })

export interface Decoders {
  readonly node: (node: NodeProto, index: number) => GraphNode
  readonly tensor: (tensor: TensorProto) => TensorData
}

/**
 * Puts the branch that is always taken in the place of every If whose condition can be known from shapes and
 * constants. `known` has the inputs of the graph. UserError naming an If whose condition depends on data.
 */
export function decideConditions(graph: GraphProto, known: KnownModel, decode: Decoders): void {
  if (!graph.node.some((node) => node.opType === 'If')) return
  for (const tensor of graph.initializer) known.addTensor(tensor.name, decode.tensor(tensor))
  const result: NodeProto[] = []
  const visit = (node: NodeProto, index: number): void => {
    if (node.opType !== 'If' || node.domain) {
      known.addNode(decode.node(node, index))
      result.push(node)
      return
    }
    const name = node.name || String(index)
    const [condition] = known.content(node.input[0]) ?? []
    if (typeof condition !== 'number')
      throw new UserError(
        `node '${name}' (If): its condition '${node.input[0]}' depends on data or symbolic sizes`,
      )
    const wanted = condition ? 'then_branch' : 'else_branch'
    const branch = node.attribute.find((attribute) => attribute.name === wanted)
    if (branch?.type !== AttributeType.GRAPH || !branch.g)
      throw new UserError(`node '${name}' (If) has no ${wanted}`)
    const own = new Set([
      ...branch.g.initializer.map((tensor) => tensor.name),
      ...branch.g.node.flatMap((inner) => inner.output),
    ])
    own.delete('')
    const rename = (value: string): string => (own.has(value) ? `${name}/${index}/${value}` : value)
    const body = copyGraph(branch.g, rename)
    for (const tensor of body.initializer) {
      graph.initializer.push(tensor)
      known.addTensor(tensor.name, decode.tensor(tensor))
    }
    for (const inner of body.node) visit(inner, index)
    node.output.forEach((output, i) => {
      if (output) visit(identity(body.output[i]?.name ?? '', output), index)
    })
  }
  graph.node.forEach(visit)
  graph.node = result
}
