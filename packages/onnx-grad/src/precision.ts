/** Weights in half precision: stored in 16 bits, computed with in float32. */
import { intAttribute } from './attributes.js'
import { onnxDataType } from './codec.js'
import { UserError } from './errors.js'
import { type GraphNode, isHalf, type Model, type TensorData } from './model.js'
import { freshNames, renameInputs } from './rewrite.js'

export type HalfDType = 'float16' | 'bfloat16'

const cast = (from: string, to: string, dtype: HalfDType | 'float32'): GraphNode => ({
  name: to,
  op: 'Cast',
  inputs: [from],
  outputs: [to],
  attributes: { to: { type: 'int', value: onnxDataType(dtype) } },
})

/**
 * The model with weights stored in half precision, rounded to nearest even, and a Cast to float32 before they
 * are read: half the bytes, the same operators. Without `names`, the float32 matrices, kernels and tables that
 * products, convolutions and Gather read; vectors (biases, scales) stay float32. In memory the weights stay
 * half as large only if the runtime does not fold the casts away when it loads the model (see the README).
 * UserError: a name that is no float32 initializer, or a weight too large for the type.
 */
export function castWeights(
  model: Model,
  dtype: HalfDType,
  names: readonly string[] = castableWeights(model),
): Model {
  const fresh = freshNames(model)
  const initializers = new Map(model.initializers)
  const renamed = new Map<string, string>()
  const casts: GraphNode[] = []
  for (const name of names) {
    const tensor = initializers.get(name)
    if (tensor?.dtype !== 'float32')
      throw new UserError(`castWeights: '${name}' is no float32 initializer of model '${model.name}'`)
    initializers.set(name, { ...tensor, dtype, data: halfData(name, tensor, dtype) })
    renamed.set(name, fresh(`${name}.float32`))
    casts.push(cast(name, renamed.get(name)!, 'float32'))
  }
  return { ...model, initializers, nodes: [...casts, ...renameInputs(model.nodes, renamed)] }
}

/**
 * The model with its half precision weights back in float32, without the casts: the master copies to train.
 * UserError: a half precision weight that is read otherwise than through a Cast to float32.
 */
export function widenWeights(model: Model): Model {
  const initializers = new Map(model.initializers)
  for (const [name, { dtype, shape, data }] of model.initializers)
    if (isHalf(dtype))
      initializers.set(name, { dtype: 'float32', shape, data: halfValues(data as Uint16Array, dtype) })
  const renamed = new Map<string, string>()
  const widened = (name: string): boolean => model.initializers.get(name) !== initializers.get(name)
  const nodes = model.nodes.filter((node) => {
    const weight = node.inputs.find(widened)
    if (weight === undefined) return true
    if (node.op !== 'Cast' || intAttribute(node, 'to', 0) !== onnxDataType('float32'))
      throw new UserError(
        `widenWeights: node '${node.name}' (${node.op}) computes with '${weight}' in half precision`,
      )
    renamed.set(node.outputs[0], weight)
    return false
  })
  return { ...model, initializers, nodes: renameInputs(nodes, renamed) }
}

/**
 * A differentiated model that computes with its parameters rounded to half precision, while the parameters
 * themselves stay float32: the master copies, which an optimiser then improves (Micikevicius et al., arXiv
 * 1710.03740). What is trained is what castWeights stores, to the bit. Gradients are those at the rounded
 * parameters and stay in float32, so there is no loss to be scaled.
 */
export function withMasterWeights(model: Model, dtype: HalfDType, names: readonly string[]): Model {
  const fresh = freshNames(model)
  const renamed = new Map<string, string>()
  const casts: GraphNode[] = []
  for (const name of names) {
    const info = model.initializers.get(name) ?? model.inputs.find((input) => input.name === name)
    if (info?.dtype !== 'float32')
      throw new UserError(`withMasterWeights: '${name}' is no float32 weight of model '${model.name}'`)
    const half = fresh(`${name}.${dtype}`)
    renamed.set(name, fresh(`${name}.rounded`))
    casts.push(cast(name, half, dtype), cast(half, renamed.get(name)!, 'float32'))
  }
  return { ...model, nodes: [...casts, ...renameInputs(model.nodes, renamed)] }
}

/** Operators whose operands are weights rather than, say, a mask of large numbers. */
const weighing = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum', 'Gather', 'Transpose'])

/** float32 initializers of two axes or more that such an operator reads. */
export function castableWeights(model: Model): string[] {
  const read = new Set(model.nodes.flatMap((node) => (weighing.has(node.op) ? node.inputs : [])))
  return [...model.initializers]
    .filter(([name, { dtype, shape }]) => dtype === 'float32' && shape.length >= 2 && read.has(name))
    .map(([name]) => name)
}

function halfData(name: string, { data }: TensorData, dtype: HalfDType): Uint16Array {
  const bits = halfBits(data as Float32Array, dtype)
  const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80
  const large = bits.findIndex((word, i) => (word & 0x7fff) === infinity && Number.isFinite(data[i]))
  if (large >= 0)
    throw new UserError(`castWeights: '${name}' holds ${data[large]}, which is too large for ${dtype}`)
  return bits
}

/** The tensor rounded to half precision, in float32. */
export const roundedTo = (tensor: TensorData, dtype: HalfDType): TensorData => ({
  ...tensor,
  data: halfValues(halfBits(tensor.data as Float32Array, dtype), dtype),
})

/** Bits of float32 numbers in half precision, rounded to nearest even. */
export function halfBits(values: Float32Array, dtype: HalfDType): Uint16Array {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length)
  const result = new Uint16Array(values.length)
  if (dtype === 'float16') for (let i = 0; i < words.length; i++) result[i] = float16OfWord(words[i])
  else for (let i = 0; i < words.length; i++) result[i] = bfloat16OfWord(words[i])
  return result
}

/** float32 numbers of half precision bits; exact. */
export function halfValues(bits: Uint16Array, dtype: HalfDType): Float32Array {
  const result = new Float32Array(bits.length)
  const words = new Int32Array(result.buffer)
  if (dtype === 'bfloat16') for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16
  else
    for (let i = 0; i < bits.length; i++) {
      const exponent = bits[i] & 0x7c00
      const sign = (bits[i] & 0x8000) << 16
      if (exponent === 0) result[i] = (sign ? -1 : 1) * (bits[i] & 1023) * 2 ** -24
      else if (exponent === 0x7c00) words[i] = sign | 0x7f800000 | ((bits[i] & 1023) << 13)
      else words[i] = sign | (((bits[i] & 0x7fff) << 13) + 0x38000000)
    }
  return result
}

function bfloat16OfWord(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return 0x7fc0
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
}

function float16OfWord(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 the result is a multiple of 2^-24.
  if (magnitude < 0x38800000) {
    const shift = 126 - (magnitude >>> 23)
    if (shift > 24) return sign
    const mantissa = (magnitude & 0x7fffff) | 0x800000
    const half = 1 << (shift - 1)
    const odd = (mantissa >>> shift) & 1
    return sign | ((mantissa + half - 1 + odd) >>> shift)
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}
