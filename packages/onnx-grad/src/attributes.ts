/** Reading and writing operator attributes. */
import type { Attribute, GraphNode, TensorData } from './model.js'

/** What `op` and the builder accept: tagged, or plain (see `toAttribute`). */
export type AttributeInput = Attribute | number | string | readonly number[]

/** Attributes that ONNX declares as floats, whatever their value: 1 must not become an integer there. */
const floatNames = new Set([
  'alpha',
  'beta',
  'gamma',
  'epsilon',
  'momentum',
  'lambd',
  'bias',
  'value_float',
  'cubic_coeff_a',
  'extrapolation_value',
])

/** Tags a plain value: a number is a float where ONNX has a float attribute of that name, otherwise an int. */
export function toAttribute(name: string, value: AttributeInput): Attribute {
  if (typeof value === 'number') {
    const float = floatNames.has(name) || !Number.isInteger(value)
    return { type: float ? 'float' : 'int', value }
  }
  if (typeof value === 'string') return { type: 'string', value }
  if (!Array.isArray(value)) return value as Attribute
  return { type: value.every(Number.isInteger) ? 'ints' : 'floats', value }
}

export function intAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes[name]
  return attribute?.type === 'int' ? attribute.value : fallback
}

export function floatAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes[name]
  return attribute?.type === 'float' || attribute?.type === 'int' ? attribute.value : fallback
}

export function intsAttribute(node: GraphNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes[name]
  return attribute?.type === 'ints' ? attribute.value : undefined
}

export function stringAttribute(node: GraphNode, name: string, fallback: string): string {
  const attribute = node.attributes[name]
  return attribute?.type === 'string' ? attribute.value : fallback
}

export function tensorAttribute(node: GraphNode, name: string): TensorData | undefined {
  const attribute = node.attributes[name]
  return attribute?.type === 'tensor' ? attribute.value : undefined
}
