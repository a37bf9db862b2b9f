/** The graph as plain data: what builder, differentiator and codec share. Mirrors ONNX, minus control flow. */

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'int8'
  | 'bool'

/** A string is a symbolic size, for example 'batch'; products are written '39*batch'. */
export type Dim = number | string

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array
  | Uint16Array

/** A dense row-major tensor. float16 and bfloat16 are held as bits in a Uint16Array, bool as 0/1 in a Uint8Array. */
export interface TensorData {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TypedArray
}

export interface ValueInfo {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

/** ONNX tells integers from floats in attributes, JavaScript does not: hence the tag. */
export type Attribute =
  | { readonly type: 'int' | 'float'; readonly value: number }
  | { readonly type: 'ints' | 'floats'; readonly value: readonly number[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: TensorData }

/** One operator. `op` is the ONNX name ('MatMul'), outside the default domain 'domain::Name'; '' = absent input. */
export interface GraphNode {
  name: string
  op: string
  inputs: string[]
  outputs: string[]
  attributes: Record<string, Attribute>
}

export interface Model {
  name: string
  opset: number
  inputs: ValueInfo[]
  outputs: ValueInfo[]
  nodes: GraphNode[]
  initializers: Map<string, TensorData>
  /** Types of intermediate values, by name (ONNX value_info); optional, inferred where absent. */
  valueInfo?: Map<string, ValueInfo>
}

export const defaultOpset = 21

export const bytesPerElement: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  int8: 1,
  bool: 1,
}

/** Whether values of this type carry gradients. */
export const isFloat = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64' || isHalf(dtype)

/** Whether values of this type are held as 16 bits of a float. */
export const isHalf = (dtype: DType): dtype is 'float16' | 'bfloat16' =>
  dtype === 'float16' || dtype === 'bfloat16'

/** Number of elements of a static shape. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** A typed array for this dtype over a copy of the bytes (little endian, as ONNX raw_data). */
export function typedArrayFromBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  const buffer = bytes.slice().buffer
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer)
    case 'float64':
      return new Float64Array(buffer)
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer)
    case 'int32':
      return new Int32Array(buffer)
    case 'int64':
      return new BigInt64Array(buffer)
    case 'int8':
      return new Int8Array(buffer)
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer)
  }
}

/** The largest int64, which exporters write for 'to the end', is no number of JavaScript: it is rounded up. */
export function toInt64(value: number): bigint {
  const whole = BigInt(value)
  return whole >= 2n ** 63n ? 2n ** 63n - 1n : whole
}

/** A typed array for this dtype from ordinary numbers. float16 is not offered: convert with a Cast node. */
export function typedArrayOf(dtype: DType, values: readonly number[]): TypedArray {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values)
    case 'float64':
      return Float64Array.from(values)
    case 'int32':
      return Int32Array.from(values)
    case 'int64':
      return BigInt64Array.from(values, toInt64)
    case 'int8':
      return Int8Array.from(values)
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values)
    case 'float16':
      return Uint16Array.from(values, float16Bits)
    case 'bfloat16':
      return Uint16Array.from(values, bfloat16Bits)
  }
}

const scratch = new DataView(new ArrayBuffer(4))

/** Bits of a number in IEEE half precision, rounded to nearest even. */
export function float16Bits(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  const exponent = Math.max(Math.floor(Math.log2(magnitude || 2 ** -30)), -14)
  const mantissa = roundHalfEven(magnitude / 2 ** (exponent - 10))
  return sign | (mantissa + ((exponent + 14) << 10))
}

/** Bits of a number in bfloat16 (the upper half of float32), rounded to nearest even. */
export function bfloat16Bits(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  if (Number.isNaN(value)) return 0x7fc0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
