import {
  BinaryKeys,
  decodeMessagePack,
  defaultLimits,
  encodeMessagePack,
  type PlainMap,
  type WireLimits,
} from './messagePack.js'
import { WireError } from './wireError.js'

export type DType = keyof typeof kinds
export type ArrayData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array

/** NumPy's names of element types (dtype.str without the byte order), and the typed arrays that hold them. */
const kinds = {
  b1: Uint8Array,
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
  f4: Float32Array,
  f8: Float64Array,
} as const

const maxRank = 8
/** Texts in an array of them, and their dtype: 'U' and the longest text's length. */
const maxTexts = 1000
const textKind = /^U\d{1,6}$/

/** A NumPy array: element type, shape and elements in C order. */
export class NdArray {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: ArrayData

  /** @throws WireError when the data do not fill the shape */
  constructor(dtype: DType, shape: readonly number[], data: ArrayData) {
    if (data.length !== sizeOf(shape))
      throw new WireError(`array of shape [${shape.join(', ')}] with ${data.length} elements`)
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }
}

/** An image that travels as a PNG or JPEG: vla-eval's `__image__` maps. */
export class EncodedImage {
  readonly format: 'png' | 'jpeg'
  /** [height, width, channels], as the sender says. */
  readonly shape: readonly number[]
  readonly bytes: Uint8Array

  constructor(format: 'png' | 'jpeg', shape: readonly number[], bytes: Uint8Array) {
    this.format = format
    this.shape = shape
    this.bytes = bytes
  }
}

export type WireValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | NdArray
  | EncodedImage
  | readonly WireValue[]
  | WireMap

export interface WireMap {
  readonly [key: string]: WireValue | undefined
}

/** How arrays are written: their maps have keys of bytes (openpi) or of text (vla-eval). Both are read. */
export type ArrayStyle = 'openpi' | 'vla-eval'

/**
 * MessagePack with NumPy arrays inside, as openpi-client's `msgpack_numpy` and vla-eval's `numpy_codec` write it.
 * @throws WireError for a value that has no place in MessagePack
 */
export function packArrays(value: WireValue, style: ArrayStyle): Uint8Array {
  return encodeMessagePack(value, (item) => {
    if (item instanceof NdArray) {
      const { data, dtype } = item
      const fields = {
        __ndarray__: true,
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        dtype: `${dtype.endsWith('1') ? '|' : '<'}${dtype}`,
        shape: item.shape,
      }
      return style === 'openpi' ? new BinaryKeys(Object.entries(fields)) : fields
    }
    if (item instanceof EncodedImage)
      return { __image__: true, format: item.format, data: item.bytes, shape: item.shape }
    return item
  })
}

/**
 * Reads what either protocol's packer wrote. Arrays of bytes are views of the frame; others too where they lie well.
 * @throws WireError for a frame that is broken, too large or holds arrays whose type, shape and length disagree
 */
export function unpackArrays(bytes: Uint8Array, limits: WireLimits = defaultLimits): WireValue {
  return decodeMessagePack(bytes, limits, readMarked) as WireValue
}

/** The array, number or image that a map stands for, or the map. */
function readMarked(map: PlainMap): unknown {
  if ('__ndarray__' in map) return readArray(map)
  if ('__npgeneric__' in map) return readScalar(map)
  if ('__image__' in map) return readImage(map)
  return map
}

function readArray({ data, dtype, shape: given }: PlainMap): NdArray | WireValue {
  const shape = readShape(given)
  if (!(data instanceof Uint8Array)) throw new WireError('array without data')
  const [order, kind] = splitDtype(dtype)
  const size = sizeOf(shape)
  if (textKind.test(kind)) return readText(data, Number(kind.slice(1)), size, shape, order)
  const width = elementBytes(kind)
  if (size * width !== data.length) {
    throw new WireError(
      `array of shape [${shape.join(', ')}] and type ${kind} takes ${size * width} bytes, got ${data.length}`,
    )
  }
  const aligned = alignedData(data, width, order === '>')
  if (kind === 'f2') return new NdArray('f4', shape, fromHalf(aligned))
  const Data = kinds[kind as DType]
  return new NdArray(kind as DType, shape, new Data(aligned.buffer as ArrayBuffer, aligned.byteOffset, size))
}

function readScalar({ data, dtype }: PlainMap): WireValue {
  const [, kind] = splitDtype(dtype)
  const isText = textKind.test(kind)
  if (!isText) elementBytes(kind)
  if (isText ? typeof data === 'string' : ['number', 'bigint', 'boolean'].includes(typeof data))
    return data as WireValue
  throw new WireError(`NumPy scalar of type ${kind} with a ${typeof data}`)
}

function readImage({ format, data, dtype, shape: given }: PlainMap): NdArray | EncodedImage | WireValue {
  if (format === 'raw') return readArray({ data, dtype, shape: given })
  if (format !== 'png' && format !== 'jpeg')
    throw new WireError(`image format ${printable(format)}; known: raw, png, jpeg`)
  if (!(data instanceof Uint8Array)) throw new WireError('image without data')
  return new EncodedImage(format, readShape(given), data)
}

function readShape(shape: unknown): number[] {
  if (
    !Array.isArray(shape) ||
    shape.length > maxRank ||
    !shape.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32) ||
    !Number.isSafeInteger(sizeOf(shape))
  )
    throw new WireError(`an array's shape must be up to ${maxRank} whole numbers`)
  return shape
}

/** @throws WireError for text that is no dtype.str */
function splitDtype(dtype: unknown): [order: string, kind: string] {
  const match = typeof dtype === 'string' && /^([<>|=]?)([a-zA-Z]\d{0,8})$/.exec(dtype)
  if (!match) throw new WireError(`array type ${printable(dtype)} is not NumPy's`)
  return [match[1], match[2]]
}

function elementBytes(kind: string): number {
  if (kind === 'f2') return 2
  if (!Object.hasOwn(kinds, kind))
    throw new WireError(
      `arrays of type ${printable(kind)} are not read; send bool, int, uint or float of 8 to 64 bits`,
    )
  return kinds[kind as DType].BYTES_PER_ELEMENT
}

/** The bytes where a typed array can view them, in this machine's order (little). */
function alignedData(data: Uint8Array, width: number, isBigEndian: boolean): Uint8Array {
  if (!isBigEndian && data.byteOffset % width === 0) return data
  const copy = new Uint8Array(data)
  if (!isBigEndian || width === 1) return copy
  const buffer = Buffer.from(copy.buffer)
  return width === 2 ? buffer.swap16() : width === 4 ? buffer.swap32() : buffer.swap64()
}

/** IEEE 754 half precision, which is exact in single precision. */
function fromHalf(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 2)
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1
    const exponent = (half >> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0) return sign * fraction * 2 ** -24
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
}

/** NumPy text: UTF-32, padded with zeros. One string, or a list of them. */
function readText(
  data: Uint8Array,
  length: number,
  size: number,
  shape: readonly number[],
  order: string,
): string | string[] {
  if (size * 4 * length !== data.length || order === '>' || shape.length > 1 || size > maxTexts)
    throw new WireError('array of text: its type, shape and length disagree')
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const texts: string[] = []
  for (let i = 0; i < size; i++) {
    let text = ''
    for (let k = 0; k < length; k++) {
      const code = view.getUint32(4 * (i * length + k), true)
      if (code > 0x10ffff) throw new WireError('array of text: not Unicode')
      if (code > 0) text += String.fromCodePoint(code)
    }
    texts.push(text)
  }
  return shape.length === 0 ? texts[0] : texts
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

/** A peer's value as part of a one-line message. */
export function printable(value: unknown): string {
  if (typeof value === 'string') return `'${value.replace(/\p{Cc}+/gu, ' ').slice(0, 40)}'`
  return value === null || ['number', 'boolean', 'undefined'].includes(typeof value)
    ? String(value)
    : `a ${typeof value}`
}

export const isMap = (value: WireValue | undefined): value is WireMap =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof NdArray) &&
  !(value instanceof EncodedImage) &&
  !(value instanceof Uint8Array)

export interface FloatArray {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/**
 * Numbers of any type, an array or lists of lists, as float32.
 * @throws WireError for anything else, and for NaN and infinity
 */
export function toFloats(value: WireValue | undefined, what: string): FloatArray {
  const { shape, data } = value instanceof NdArray ? floatsOf(value) : floatsOfLists(value, what)
  const bad = data.findIndex((x) => !Number.isFinite(x))
  if (bad >= 0) throw new WireError(`${what}: number ${bad} is ${data[bad]}`)
  return { shape, data }
}

function floatsOf({ shape, data }: NdArray): FloatArray {
  if (data instanceof Float32Array) return { shape, data }
  return {
    shape,
    data: Float32Array.from(data as ArrayLike<number | bigint>, Number),
  }
}

function floatsOfLists(value: WireValue | undefined, what: string): FloatArray {
  const shape: number[] = []
  for (let item = value; Array.isArray(item); item = item[0]) shape.push(item.length)
  const numbers: number[] = []
  const collect = (item: WireValue | undefined, level: number): void => {
    if (level === shape.length) {
      if (typeof item !== 'number') throw new WireError(`${what}: expected numbers`)
      numbers.push(item)
    } else if (Array.isArray(item) && item.length === shape[level]) {
      for (const inner of item) collect(inner, level + 1)
    } else throw new WireError(`${what}: lists of unequal length`)
  }
  if (shape.length === 0) throw new WireError(`${what}: expected an array of numbers`)
  collect(value, 0)
  return { shape, data: Float32Array.from(numbers) }
}
