import { UserError } from '@vla-gym/gymnasium'
import type { Model, TensorData } from '@vla-gym/onnx-grad'
import type { ForeignGraph } from './manifest.js'

/** What an exporter computed in advance: constants of the graph, unless they are matrices (weights it transposed). */
const isFoldedConstant = (name: string, { shape }: TensorData): boolean =>
  shape.length < 2 && /^(val_\d+|scalar_tensor.*)$/.test(name)

const matcher = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`)

/**
 * The model with its weights named as a policy names them: `<part>.<name>` for those that the manifest's patterns
 * choose to train, `fixed.<part>.<name>` for the others. Constants and integers are never trained.
 * @throws UserError naming a pattern that fits no weight, or a weight in half precision
 */
export function nameWeights(model: Model, graph: ForeignGraph, part: string, where: string): Model {
  const weights = [...model.initializers].filter(
    ([name, tensor]) =>
      tensor.dtype === 'float32' && tensor.data.length > 1 && !isFoldedConstant(name, tensor),
  )
  const half = [...model.initializers].find(([, { dtype }]) => dtype === 'float16' || dtype === 'bfloat16')
  if (half)
    throw new UserError(
      `${where}: weight '${half[0]}' is ${half[1].dtype}: export the model in float32 (model.float())`,
    )
  const trained = new Set<string>()
  for (const pattern of graph.trainable) {
    const expression = matcher(pattern.replace(/^!/, ''))
    const found = weights.filter(([name]) => expression.test(name)).map(([name]) => name)
    if (found.length === 0) {
      const names = weights.map(([name]) => name)
      const some = `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`
      throw new UserError(
        `${where}: no weight fits '${pattern}' of 'trainable'; there are: ${some || 'none'}`,
      )
    }
    for (const name of found) pattern.startsWith('!') ? trained.delete(name) : trained.add(name)
  }
  const rename = (name: string): string => {
    if (!model.initializers.has(name)) return name
    return trained.has(name) ? `${part}.${name}` : `fixed.${part}.${name}`
  }
  return {
    ...model,
    initializers: new Map([...model.initializers].map(([name, tensor]) => [rename(name), tensor])),
    nodes: model.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    outputs: model.outputs,
  }
}
