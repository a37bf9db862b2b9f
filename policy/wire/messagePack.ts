import { WireError } from './wireError.js'

/** What a frame may hold. */
export interface WireLimits {
  /** Of the whole frame. */
  readonly maxBytes: number
  readonly maxDepth: number
  /** Values in the frame, keys included: they take far more memory than the byte each of them needs on the wire. */
  readonly maxValues: number
}

export const defaultLimits: WireLimits = { maxBytes: 32 * 2 ** 20, maxDepth: 16, maxValues: 50_000 }

/** A map as it comes off the wire: no prototype, so that no key of a peer means anything. */
export type PlainMap = Record<string, unknown>

/** Bytes that stand where MessagePack has a string: a key of openpi's arrays. */
export class BinaryKeys {
  readonly entries: readonly (readonly [key: string, value: unknown])[]
  constructor(entries: readonly (readonly [key: string, value: unknown])[]) {
    this.entries = entries
  }
}

/**
 * MessagePack (the specification of msgpack.org, without extensions) as bytes. Objects and arrays nest; `replace` may
 * give something else for an object, as JSON's replacer does. Integral numbers become integers.
 * @throws WireError for what MessagePack cannot carry
 */
export function encodeMessagePack(value: unknown, replace: (value: object) => unknown): Uint8Array {
  const writer = new Writer(replace)
  writer.write(value, 0)
  return writer.bytes()
}

class Writer {
  private buffer = Buffer.allocUnsafe(1024)
  private at = 0
  private readonly replace: (value: object) => unknown

  constructor(replace: (value: object) => unknown) {
    this.replace = replace
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset, this.at)
  }

  write(value: unknown, depth: number): void {
    if (depth > defaultLimits.maxDepth)
      throw new WireError(`nested deeper than ${defaultLimits.maxDepth} levels`)
    if (value === null) this.byte(0xc0)
    else if (typeof value === 'boolean') this.byte(value ? 0xc3 : 0xc2)
    else if (typeof value === 'number') this.number(value)
    else if (typeof value === 'bigint') this.bigint(value)
    else if (typeof value === 'string') this.string(value)
    else if (typeof value === 'object') this.object(this.replace(value) as object, depth)
    else throw new WireError(`cannot send a ${typeof value}`)
  }

  private object(value: object, depth: number): void {
    if (value instanceof Uint8Array) this.binary(value)
    else if (Array.isArray(value)) {
      this.header(value.length, 0x90, 0xdc)
      for (const item of value) this.write(item, depth + 1)
    } else if (value instanceof BinaryKeys) {
      this.header(value.entries.length, 0x80, 0xde)
      for (const [key, item] of value.entries) {
        this.binary(Buffer.from(key))
        this.write(item, depth + 1)
      }
    } else {
      const entries = Object.entries(value).filter(([, item]) => item !== undefined)
      this.header(entries.length, 0x80, 0xde)
      for (const [key, item] of entries) {
        this.string(key)
        this.write(item, depth + 1)
      }
    }
  }

  private reserve(bytes: number): void {
    const needed = this.at + bytes
    if (needed <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.buffer.length))
    larger.set(this.buffer.subarray(0, this.at))
    this.buffer = larger
  }

  private byte(value: number): void {
    this.reserve(1)
    this.buffer[this.at++] = value
  }

  private uint16(tag: number, value: number): void {
    this.reserve(3)
    this.buffer[this.at] = tag
    this.buffer.writeUInt16BE(value, this.at + 1)
    this.at += 3
  }

  private uint32(tag: number, value: number): void {
    this.reserve(5)
    this.buffer[this.at] = tag
    this.buffer.writeUInt32BE(value, this.at + 1)
    this.at += 5
  }

  /** Length of an array or a map: in the first byte, in 16 or in 32 bits. */
  private header(length: number, small: number, tag: number): void {
    if (length < 16) this.byte(small | length)
    else if (length < 2 ** 16) this.uint16(tag, length)
    else this.uint32(tag + 1, length)
  }

  private number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (value >= 0 && value < 128) this.byte(value)
      else if (value < 0 && value >= -32) this.byte(value & 0xff)
      else if (value >= 0 && value < 2 ** 32) this.uint32(0xce, value)
      else if (value < 0 && value >= -(2 ** 31)) this.uint32(0xd2, value >>> 0)
      else this.bigint(BigInt(value))
      return
    }
    this.reserve(9)
    this.buffer[this.at] = 0xcb
    this.buffer.writeDoubleBE(value, this.at + 1)
    this.at += 9
  }

  private bigint(value: bigint): void {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new WireError('an integer of more than 64 bits')
    this.reserve(9)
    this.buffer[this.at] = value < 0 ? 0xd3 : 0xcf
    this.buffer.writeBigUInt64BE(BigInt.asUintN(64, value), this.at + 1)
    this.at += 9
  }

  private string(value: string): void {
    const length = Buffer.byteLength(value)
    if (length < 32) this.byte(0xa0 | length)
    else if (length < 2 ** 16) this.uint16(0xda, length)
    else this.uint32(0xdb, length)
    this.reserve(length)
    this.at += this.buffer.write(value, this.at)
  }

  private binary(value: Uint8Array): void {
    if (value.length < 2 ** 8) {
      this.byte(0xc4)
      this.byte(value.length)
    } else this.uint32(0xc6, value.length)
    this.reserve(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }
}

/**
 * One MessagePack value. Binary data are views of `bytes`; map keys are strings, whether sent as strings or as bytes;
 * integers beyond 2^53 are bigint. Nothing is allocated for a length that the frame does not hold.
 * @param onMap may give something else for a map
 * @throws WireError for anything that is not one whole value within the limits
 */
export function decodeMessagePack(
  bytes: Uint8Array,
  limits: WireLimits,
  onMap: (map: PlainMap) => unknown,
): unknown {
  if (bytes.length > limits.maxBytes)
    throw new WireError(`frame of ${bytes.length} bytes, the limit is ${limits.maxBytes}`)
  const reader = new Reader(bytes, limits, onMap)
  const value = reader.read(0)
  reader.end()
  return value
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly limits: WireLimits
  private readonly onMap: (map: PlainMap) => unknown
  private at = 0
  private values = 0

  constructor(bytes: Uint8Array, limits: WireLimits, onMap: (map: PlainMap) => unknown) {
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.limits = limits
    this.onMap = onMap
  }

  end(): void {
    if (this.at !== this.bytes.length)
      throw new WireError(`${this.bytes.length - this.at} bytes after the message`)
  }

  read(depth: number): unknown {
    if (depth > this.limits.maxDepth) throw new WireError(`nested deeper than ${this.limits.maxDepth} levels`)
    if (++this.values > this.limits.maxValues)
      throw new WireError(`more than ${this.limits.maxValues} values in a frame; send numbers as arrays`)
    const tag = this.uint(1)
    if (tag < 0x80) return tag
    if (tag >= 0xe0) return tag - 0x100
    if (tag < 0x90) return this.map(tag & 0x0f, depth)
    if (tag < 0xa0) return this.array(tag & 0x0f, depth)
    if (tag < 0xc0) return this.string(tag & 0x1f)
    switch (tag) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.take(this.uint(1 << (tag - 0xc4)))
      case 0xca:
        return this.view.getFloat32(this.skip(4))
      case 0xcb:
        return this.view.getFloat64(this.skip(8))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.uint(1 << (tag - 0xcc))
      case 0xcf:
        return plainInteger(this.view.getBigUint64(this.skip(8)))
      case 0xd0:
        return this.view.getInt8(this.skip(1))
      case 0xd1:
        return this.view.getInt16(this.skip(2))
      case 0xd2:
        return this.view.getInt32(this.skip(4))
      case 0xd3:
        return plainInteger(this.view.getBigInt64(this.skip(8)))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.string(this.uint(1 << (tag - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.array(this.uint(2 << (tag - 0xdc)), depth)
      case 0xde:
      case 0xdf:
        return this.map(this.uint(2 << (tag - 0xde)), depth)
    }
    throw new WireError(`not MessagePack that is understood here (byte 0x${tag.toString(16)})`)
  }

  /** Place of the next `count` bytes. */
  private skip(count: number): number {
    const start = this.at
    if (count > this.bytes.length - start) throw new WireError('message cut short')
    this.at += count
    return start
  }

  private uint(bytes: number): number {
    const start = this.skip(bytes)
    if (bytes === 1) return this.bytes[start]
    return bytes === 2 ? this.view.getUint16(start) : this.view.getUint32(start)
  }

  private take(length: number): Uint8Array {
    const start = this.skip(length)
    return this.bytes.subarray(start, start + length)
  }

  private string(length: number): string {
    const bytes = this.take(length)
    try {
      return utf8.decode(bytes)
    } catch {
      throw new WireError('text that is not UTF-8')
    }
  }

  private array(length: number, depth: number): unknown[] {
    if (length > this.bytes.length - this.at) throw new WireError('message cut short')
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.read(depth + 1))
    return items
  }

  private map(length: number, depth: number): unknown {
    if (2 * length > this.bytes.length - this.at) throw new WireError('message cut short')
    const map: PlainMap = Object.create(null)
    for (let i = 0; i < length; i++) {
      const key = this.read(depth + 1)
      const name = key instanceof Uint8Array ? Buffer.from(key).toString('latin1') : key
      if (typeof name !== 'string') throw new WireError('a map key that is neither text nor bytes')
      map[name] = this.read(depth + 1)
    }
    return this.onMap(map)
  }
}

const plainInteger = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
