import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/*
 * TensorBoard's event files: TFRecord framing (tensorflow/core/lib/io/record_writer.h) around Event messages
 * (tensorflow/core/util/event.proto), of which scalars need five fields.
 */

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  // Castagnoli's polynomial, reflected.
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC-32C (Castagnoli) of bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** TFRecord's checksum: a CRC rotated and offset, so that a CRC of data that hold CRCs stays strong. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** length (uint64), its masked CRC, data, their masked CRC; little-endian. */
function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.length + 4)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc(data), true)
  return record
}

type Bytes = number[]

function varint(value: number): Bytes {
  const bytes: Bytes = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

/** A key is (field number << 3) | wire type: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
function lengthDelimited(field: number, bytes: Bytes | Uint8Array): Bytes {
  return [(field << 3) | 2, ...varint(bytes.length), ...bytes]
}

function double(field: number, value: number): Bytes {
  return [(field << 3) | 1, ...new Uint8Array(Float64Array.of(value).buffer)]
}

function float(field: number, value: number): Bytes {
  return [(field << 3) | 5, ...new Uint8Array(Float32Array.of(value).buffer)]
}

const utf8 = (text: string) => new TextEncoder().encode(text)

/** Event { wall_time = 1, step = 2, file_version = 3 | summary = 5 { value = 1 { tag = 1, simple_value = 2 } } } */
function scalarEvent(wallTime: number, step: number, values: Record<string, number>): Uint8Array {
  const summary = Object.entries(values).flatMap(([tag, value]) =>
    lengthDelimited(1, [...lengthDelimited(1, utf8(tag)), ...float(2, value)]),
  )
  const stepField = [(2 << 3) | 0, ...varint(step)]
  return Uint8Array.from([...double(1, wallTime), ...stepField, ...lengthDelimited(5, summary)])
}

function versionEvent(wallTime: number): Uint8Array {
  return Uint8Array.from([...double(1, wallTime), ...lengthDelimited(3, utf8('brain.Event:2'))])
}

/** A new event file in a folder; TensorBoard shows all of a folder's files as one run. */
export class EventFile {
  readonly path: string
  private readonly file: number

  constructor(dir: string, name = 'vla-gym') {
    mkdirSync(dir, { recursive: true })
    const seconds = Date.now() / 1000
    const [path, file] = createFirst(join(dir, `events.out.tfevents.${Math.floor(seconds)}.${name}`))
    this.path = path
    this.file = file
    writeSync(file, tfRecord(versionEvent(seconds)))
  }

  /** Writes one event at once. `step` is an integer, `wallTime` in seconds since 1970. */
  scalars(step: number, values: Record<string, number>, wallTime = Date.now() / 1000): void {
    writeSync(this.file, tfRecord(scalarEvent(wallTime, step, values)))
  }

  close(): void {
    closeSync(this.file)
  }
}

/** Opens the first of path, path.1, path.2, … that does not exist: a run may be resumed within a second. */
function createFirst(path: string): [path: string, file: number] {
  for (let i = 0; ; i++) {
    const candidate = i === 0 ? path : `${path}.${i}`
    try {
      return [candidate, openSync(candidate, 'wx')]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
