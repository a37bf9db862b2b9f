/** Brings models from files into the form that builder and differentiator work on. */
import { floatAttribute, intAttribute, intsAttribute, tensorAttribute } from './attributes.js'
import { UserError } from './errors.js'
import {
  type Attribute,
  defaultOpset,
  type GraphNode,
  type Model,
  type TensorData,
  typedArrayOf,
} from './model.js'
import { sortNodes } from './prune.js'
import { splitPart } from './sequences.js'

const oldestOpset = 13

/**
 * The same model at opset 21 (later ones stay): nodes sorted, Constant nodes turned into initializers, operators
 * rewritten that changed between the two. UserError below opset 13, where several operators meant something else.
 */
export function normalizeOpset(model: Model): Model {
  if (model.opset < oldestOpset)
    throw new UserError(
      `model '${model.name}' has opset ${model.opset}: convert it to ${oldestOpset} or later`,
    )
  const initializers = new Map(model.initializers)
  const nodes: GraphNode[] = []
  const sequences = new Map<string, GraphNode>()
  for (const node of sortNodes(model)) {
    if (node.op === 'SplitToSequence') sequences.set(node.outputs[0], node)
    if (node.op === 'Constant') initializers.set(node.outputs[0], constantTensor(node))
    else if (model.opset < 21 && node.op === 'GroupNormalization')
      nodes.push(...groupPerChannel(node, initializers))
    else if (node.op === 'SequenceAt') nodes.push(sliceOfSequence(node, sequences, initializers))
    else nodes.push(model.opset < 18 ? toOpset18(node, initializers) : node)
  }
  return { ...model, opset: Math.max(defaultOpset, model.opset), nodes, initializers }
}

/** The tensor that a Constant node holds; UserError for strings and sparse tensors. */
export function constantTensor(node: GraphNode): TensorData {
  const tensor = tensorAttribute(node, 'value')
  if (tensor) return tensor
  const attribute = node.attributes.value_int ?? node.attributes.value_ints
  if (attribute?.type === 'int')
    return { dtype: 'int64', shape: [], data: typedArrayOf('int64', [attribute.value]) }
  if (attribute?.type === 'ints')
    return { dtype: 'int64', shape: [attribute.value.length], data: typedArrayOf('int64', attribute.value) }
  const floats = node.attributes.value_floats
  if (floats?.type === 'floats')
    return { dtype: 'float32', shape: [floats.value.length], data: typedArrayOf('float32', floats.value) }
  if (node.attributes.value_float)
    return { dtype: 'float32', shape: [], data: Float32Array.of(floatAttribute(node, 'value_float', 0)) }
  throw new UserError(`node '${node.name}' (Constant) holds no tensor of a supported type`)
}

function toOpset18(node: GraphNode, initializers: Map<string, TensorData>): GraphNode {
  const axes = intsAttribute(node, 'axes')
  if (node.op.startsWith('Reduce') && axes) {
    const { axes: _, ...attributes } = node.attributes
    return { ...node, inputs: [node.inputs[0], addVector(node, 'axes', axes, initializers)], attributes }
  }
  if (node.op === 'Split' && !node.inputs[1])
    return {
      ...node,
      attributes: { ...node.attributes, num_outputs: { type: 'int', value: node.outputs.length } },
    }
  return node
}

/** A Slice in the place of a SequenceAt, where the sequence is a tensor that was split at constant places. */
function sliceOfSequence(
  node: GraphNode,
  sequences: ReadonlyMap<string, GraphNode>,
  initializers: Map<string, TensorData>,
): GraphNode {
  const split = sequences.get(node.inputs[0])
  const part = split && splitPart(node, split, initializers)
  if (!part) return node
  const bounds = Object.entries(part).map(([what, value]) => addVector(node, what, [value], initializers))
  return { ...node, op: 'Slice', inputs: [split.inputs[0], ...bounds] }
}

/** An int64 initializer named after the node's output, which is its own; node names may repeat. */
function addVector(
  node: GraphNode,
  what: string,
  values: readonly number[],
  initializers: Map<string, TensorData>,
): string {
  const name = `${node.outputs[0]}.${what}`
  initializers.set(name, { dtype: 'int64', shape: [values.length], data: typedArrayOf('int64', values) })
  return name
}

/** Scale and bias per group, [groups], as per channel, [channels], which they are since opset 21. */
function groupPerChannel(node: GraphNode, initializers: Map<string, TensorData>): GraphNode[] {
  const groups = addVector(node, 'groups', [intAttribute(node, 'num_groups', 1)], initializers)
  const column = addVector(node, 'column', [-1, 1], initializers)
  const flat = addVector(node, 'flat', [-1], initializers)
  const [x] = node.inputs
  const nodes: GraphNode[] = []
  const emit = (
    op: string,
    inputs: string[],
    what: string,
    attributes: Record<string, Attribute> = {},
  ): string => {
    const name = `${node.outputs[0]}.${what}`
    nodes.push({ name, op, inputs, outputs: [name], attributes })
    return name
  }
  const channels = emit('Shape', [x], 'channels', {
    start: { type: 'int', value: 1 },
    end: { type: 'int', value: 2 },
  })
  const width = emit('Div', [channels, groups], 'width')
  const shape = emit('Concat', [groups, width], 'shape', { axis: { type: 'int', value: 0 } })
  const [scale, bias] = [1, 2].map((i) => {
    const rows = emit('Reshape', [node.inputs[i], column], `column${i}`)
    return emit('Reshape', [emit('Expand', [rows, shape], `rows${i}`), flat], `perChannel${i}`)
  })
  return [...nodes, { ...node, inputs: [x, scale, bias] }]
}
