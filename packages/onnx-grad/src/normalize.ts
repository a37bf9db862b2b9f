/** Brings models from files into the form that builder and differentiator work on. */
import { floatAttribute, intsAttribute, tensorAttribute } from './attributes.js'
import { UserError } from './errors.js'
import { defaultOpset, type GraphNode, type Model, type TensorData, typedArrayOf } from './model.js'
import { sortNodes } from './prune.js'

const oldestOpset = 13

/**
 * The same model at opset 21: nodes sorted, Constant nodes turned into initializers, attributes that became
 * inputs in opset 18 moved. UserError below opset 13, where several operators meant something else.
 */
export function normalizeOpset(model: Model): Model {
  if (model.opset < oldestOpset)
    throw new UserError(
      `model '${model.name}' has opset ${model.opset}: convert it to ${oldestOpset} or later`,
    )
  const initializers = new Map(model.initializers)
  const nodes: GraphNode[] = []
  for (const node of sortNodes(model)) {
    const constant = node.op === 'Constant' ? constantTensor(node) : undefined
    if (constant) initializers.set(node.outputs[0], constant)
    else nodes.push(model.opset < 18 ? toOpset18(node, initializers) : node)
  }
  return { ...model, opset: Math.max(defaultOpset, model.opset), nodes, initializers }
}

function constantTensor(node: GraphNode): TensorData | undefined {
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
    const name = `${node.name || node.outputs[0]}.axes`
    initializers.set(name, { dtype: 'int64', shape: [axes.length], data: typedArrayOf('int64', axes) })
    const { axes: _, ...attributes } = node.attributes
    return { ...node, inputs: [node.inputs[0], name], attributes }
  }
  if (node.op === 'Split' && !node.inputs[1])
    return {
      ...node,
      attributes: { ...node.attributes, num_outputs: { type: 'int', value: node.outputs.length } },
    }
  return node
}
