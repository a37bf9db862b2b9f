/** The typed array that holds values of each element type. */
export interface TypedArrays {
  float32: Float32Array
  float64: Float64Array
  int8: Int8Array
  uint8: Uint8Array
  int16: Int16Array
  uint16: Uint16Array
  int32: Int32Array
  uint32: Uint32Array
}

export type DType = keyof TypedArrays

interface ArrayConstructor<A> {
  new (length: number): A
}

const constructors: { [D in DType]: ArrayConstructor<TypedArrays[D]> } = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
}

/** A zero-filled array of an element type. */
export function zeros<D extends DType>(dtype: D, length: number): TypedArrays[D] {
  return new constructors[dtype](length)
}

export function isOfDType<D extends DType>(x: unknown, dtype: D): x is TypedArrays[D] {
  return x instanceof constructors[dtype]
}

export function isDType(name: string): name is DType {
  return Object.hasOwn(constructors, name)
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64'
}

/** Smallest and largest value of an integer type; of a float type, minus and plus infinity. */
export function rangeOf(dtype: DType): [low: number, high: number] {
  if (isFloat(dtype)) return [-Infinity, Infinity]
  const bits = Number(dtype.replace(/\D+/, ''))
  return dtype.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, n) => size * n, 1)
}

/** Element-wise equality; two NaNs are equal. */
export function sameElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i]) && a[i] !== b[i]) return false
  return true
}
