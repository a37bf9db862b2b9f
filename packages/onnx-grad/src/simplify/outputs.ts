import { stopGradientPrefix } from '../graphWriter.js'
import type { Model } from '../model.js'

/**
 * Gives values the names of the outputs that they are, where an Identity node did: that node copies the tensor.
 * A value that is two outputs keeps one copy, and so does an input that is an output.
 */
export function withoutOutputCopies(model: Model): Model {
  const outputs = new Set(model.outputs.map((output) => output.name))
  const produced = new Set(model.nodes.flatMap((node) => node.outputs))
  const names = new Map<string, string>()
  const nodes = model.nodes.filter(({ name, op, inputs: [source], outputs: [target] }) => {
    if (op !== 'Identity' || !outputs.has(target) || name.startsWith(stopGradientPrefix)) return true
    if (outputs.has(source) || !produced.has(source) || names.has(source)) return true
    names.set(source, target)
    return false
  })
  if (names.size === 0) return model
  const renamed = (name: string): string => names.get(name) ?? name
  return {
    ...model,
    nodes: nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
    })),
  }
}
