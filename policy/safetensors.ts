import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { UserError } from '@vla-gym/gymnasium'
import type { DType, TensorData, TypedArray } from '@vla-gym/onnx-grad'

/**
 * The safetensors file format (github.com/huggingface/safetensors): u64 header length, JSON header of
 * {name: {dtype, shape, data_offsets}}, then the tensors' bytes, little endian, with neither gap nor overlap.
 */

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

type ArrayType = new (buffer: ArrayBuffer) => TypedArray

/** File name of each dtype, bytes an element, and its array (bool as bytes, float16 as raw bits). */
const dtypes: Record<DType, { tag: string; bytes: number; array: ArrayType }> = {
  float32: { tag: 'F32', bytes: 4, array: Float32Array },
  float64: { tag: 'F64', bytes: 8, array: Float64Array },
  float16: { tag: 'F16', bytes: 2, array: Uint16Array },
  bfloat16: { tag: 'BF16', bytes: 2, array: Uint16Array },
  int32: { tag: 'I32', bytes: 4, array: Int32Array },
  int64: { tag: 'I64', bytes: 8, array: BigInt64Array },
  uint8: { tag: 'U8', bytes: 1, array: Uint8Array },
  int8: { tag: 'I8', bytes: 1, array: Int8Array },
  bool: { tag: 'BOOL', bytes: 1, array: Uint8Array },
}
const dtypeOfTag = new Map(Object.entries(dtypes).map(([dtype, { tag }]) => [tag, dtype as DType]))
const maxHeaderBytes = 100_000_000
/** One system call moves no more than this. */
const callBytes = 2 ** 30

/**
 * A safetensors file as consecutive pieces, the tensors themselves among them, so that nothing large is copied;
 * tensors in map order, header padded with spaces to 8 bytes.
 */
export function safetensorsPieces(
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: Record<string, string>,
): Uint8Array[] {
  const fields = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : []
  let size = 0
  for (const [name, { dtype, shape, data }] of tensors) {
    const entry: Entry = {
      dtype: dtypes[dtype].tag,
      shape: [...shape],
      data_offsets: [size, size + data.byteLength],
    }
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
    size += data.byteLength
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`)
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  const bytesOf = ({ data }: TensorData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return [header, ...[...tensors.values()].map(bytesOf)]
}

/** Bytes of a safetensors file. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: Record<string, string>,
): Uint8Array {
  return new Uint8Array(Buffer.concat(safetensorsPieces(tensors, metadata)))
}

/** Where a file's bytes come from: `read` gives a copy in a buffer of its own. */
interface Source {
  readonly size: number
  read(offset: number, length: number): Uint8Array
}

/** Tensors of a safetensors file, copied. @throws UserError (prefixed with `where`) when it is malformed. */
export function decodeSafetensors(bytes: Uint8Array, where = 'safetensors'): Map<string, TensorData> {
  const source: Source = {
    size: bytes.length,
    // A copy by constructor: slice() of a Buffer would share its memory.
    read: (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  }
  return readTensors(source, where)
}

/**
 * Tensors of a safetensors file of any size, read one by one.
 * @param wanted names to read; the others are checked and left out
 * @throws UserError naming the file when it cannot be read or is malformed
 */
export function readSafetensors(
  path: string,
  wanted: (name: string) => boolean = () => true,
): Map<string, TensorData> {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    throw new UserError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
  try {
    return readTensors({ size: fstatSync(file).size, read: (o, n) => readRange(file, o, n) }, path, wanted)
  } finally {
    closeSync(file)
  }
}

function readRange(file: number, offset: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const count = readSync(file, out, done, Math.min(length - done, callBytes), offset + done)
    if (count === 0) throw new UserError('a file became shorter while it was read')
    done += count
  }
  return out
}

function readTensors(
  source: Source,
  where: string,
  wanted: (name: string) => boolean = () => true,
): Map<string, TensorData> {
  const bad = (why: string) => new UserError(`${where}: not a readable safetensors file: ${why}`)
  if (source.size < 8) throw bad(`${source.size} bytes`)
  const declared = new DataView(source.read(0, 8).buffer).getBigUint64(0, true)
  if (declared > BigInt(Math.min(maxHeaderBytes, source.size - 8))) throw bad(`header of ${declared} bytes`)
  const start = 8 + Number(declared)
  const bodyBytes = source.size - start
  const tensors = new Map<string, TensorData>()
  const spans: [number, number][] = []
  for (const [name, value] of Object.entries(parseHeader(source.read(8, Number(declared)), bad))) {
    if (name === '__metadata__') continue
    const { dtype, shape, begin, end } = checkEntry(name, value, bodyBytes, bad)
    if (wanted(name)) {
      const data = new dtypes[dtype].array(source.read(start + begin, end - begin).buffer as ArrayBuffer)
      tensors.set(name, { dtype, shape, data })
    }
    spans.push([begin, end])
  }
  let covered = 0
  for (const [begin, end] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== covered) throw bad(`tensors overlap or leave a gap at byte ${covered}`)
    covered = end
  }
  if (covered !== bodyBytes) throw bad(`${bodyBytes - covered} bytes belong to no tensor`)
  return tensors
}

function parseHeader(bytes: Uint8Array, bad: (why: string) => UserError): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw bad('its header is not JSON')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw bad('its header is not an object')
  return header as Record<string, unknown>
}

function checkEntry(name: string, value: unknown, bodyBytes: number, bad: (why: string) => UserError) {
  const { dtype: tag, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
  const dtype = dtypeOfTag.get(tag as string)
  if (!dtype) throw bad(`tensor '${name}' has dtype ${JSON.stringify(tag)}`)
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw bad(`tensor '${name}' has shape ${JSON.stringify(shape)}`)
  const [begin, end] =
    Array.isArray(offsets) && offsets.length === 2 && offsets.every(isSize) ? offsets : [1, 0]
  if (begin > end || end > bodyBytes) throw bad(`tensor '${name}' lies outside the file`)
  const expected = shape.reduce((product, size) => product * size, dtypes[dtype].bytes)
  if (end - begin !== expected)
    throw bad(`tensor '${name}' has ${end - begin} bytes, its shape asks for ${expected}`)
  return { dtype, shape, begin, end }
}
