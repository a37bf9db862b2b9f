/** Linear layers: x [..., in] · W [in, out] + b [out]. */

import { intAttribute } from '../attributes.js'
import { normalizeAxis, splitSizes } from '../axes.js'
import type { Dim, GraphNode } from '../model.js'
import type { Rewriting } from './rewriting.js'

interface Linear {
  readonly x: string
  readonly weight: string
  readonly bias: string | undefined
}

/** Reads MatMul, or MatMul and Add of a vector, out of the node that ends it. */
function linearOf(node: GraphNode, r: Rewriting): Linear | undefined {
  if (node.op === 'MatMul') {
    const [x, weight] = node.inputs
    const rows = r.info(x)?.shape.length ?? 0
    return rows > 1 && r.info(weight)?.shape.length === 2 ? { x, weight, bias: undefined } : undefined
  }
  if (node.op !== 'Add') return undefined
  for (const i of [0, 1]) {
    const product = r.onlyFor(node.inputs[i], 'MatMul')
    const linear = product && linearOf(product, r)
    const bias = node.inputs[1 - i]
    const width = linear && r.info(linear.weight)?.shape[1]
    if (linear && typeof width === 'number' && r.info(bias)?.shape.join() === String(width))
      return { ...linear, bias }
  }
  return undefined
}

/** Whether activations are likely to be larger than the weight: sequences of tokens, not one vector a sample. */
const hasManyRows = (shape: readonly Dim[]): boolean => shape.length > 2 && shape.at(-2) !== 1

/**
 * The parts of a linear layer's output, each by a layer of its own: what is split (and in the backward pass joined)
 * is then the weight instead of the activations.
 */
export function splitOfLinear(node: GraphNode, r: Rewriting): boolean {
  const whole = node.op === 'Split' && r.info(node.inputs[0])
  if (!whole || !hasManyRows(whole.shape)) return false
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), whole.shape.length, node.name)
  const end = r.onlyFor(node.inputs[0], 'Add') ?? r.onlyFor(node.inputs[0], 'MatMul')
  const linear = end && linearOf(end, r)
  const sizes = splitSizes(node, whole.shape[axis], node.inputs[1] ? r.content(node.inputs[1]) : undefined)
  if (!linear || !sizes || axis !== whole.shape.length - 1 || node.outputs.includes('')) return false
  const partsOf = (name: string, at: number): readonly string[] =>
    r.write('Split', [name, r.ints(sizes)], { axis: { type: 'int', value: at } }, sizes.length)
  const weights = partsOf(linear.weight, 1)
  const biases = linear.bias === undefined ? undefined : partsOf(linear.bias, 0)
  node.outputs.forEach((output, i) => {
    if (!biases) r.write('MatMul', [linear.x, weights[i]], {}, [output])
    else r.write('Add', [r.write('MatMul', [linear.x, weights[i]])[0], biases[i]], {}, [output])
  })
  return true
}

/**
 * A number that multiplies a linear layer's output, also behind Reshape and Transpose, multiplies its weight and bias
 * instead: those are smaller. (Attention scales its queries so.)
 */
export function scaledLinear(node: GraphNode, r: Rewriting): boolean {
  if (node.op !== 'Mul') return false
  const at = node.inputs.findIndex((name) => r.isNumber(name))
  if (at < 0) return false
  const scale = node.inputs[at]
  const chain: GraphNode[] = []
  let name = node.inputs[1 - at]
  for (;;) {
    const step = r.onlyFor(name, 'Reshape') ?? r.onlyFor(name, 'Transpose')
    if (!step) break
    chain.unshift(step)
    name = step.inputs[0]
  }
  const end = r.onlyFor(name, 'Add') ?? r.onlyFor(name, 'MatMul')
  const linear = end && linearOf(end, r)
  if (!linear || !hasManyRows(r.info(linear.x)!.shape)) return false
  const scaled = (value: string): string => r.write('Mul', [value, scale])[0]
  let [result] = r.write('MatMul', [linear.x, scaled(linear.weight)])
  if (linear.bias !== undefined) [result] = r.write('Add', [result, scaled(linear.bias)])
  for (const step of chain) [result] = r.write(step.op, [result, ...step.inputs.slice(1)], step.attributes)
  r.renameLast(node.outputs[0])
  return true
}
