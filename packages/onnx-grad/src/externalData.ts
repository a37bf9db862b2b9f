/**
 * Models in files, with weights beside them where there are too many for one: ONNX's external data
 * (github.com/onnx/onnx, docs/ExternalData.md).
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import {
  decodeModel,
  type ExternalLocation,
  type ExternalReader,
  encodeModel,
  maxInlineBytes,
  weightBytes,
} from './codec.js'
import { UserError } from './errors.js'
import type { Model, TensorData } from './model.js'

/** Tensors below this many bytes stay inside the model: shapes, axes, scalars. */
const smallestExternal = 1024
/** Page size: lets a reader map the tensors into memory. */
const alignment = 4096
/** One system call moves no more than this. */
const chunkBytes = 2 ** 30

export interface ModelFiles {
  readonly model: Model
  /** Absolute paths of all files that it was read from, the .onnx file first. */
  readonly files: readonly string[]
}

/**
 * Model of an .onnx file, with weights from the files that it names. UserError, starting with the path: no such
 * file, no readable ONNX model, external data that is missing, short, or outside the model's folder.
 */
export function readModel(path: string): ModelFiles {
  const files = [resolve(path)]
  try {
    const bytes = readWhole(path)
    const read = folderReader(path, (file) => {
      if (!files.includes(file)) files.push(file)
    })
    return { model: decodeModel(bytes, read), files }
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${path}: ${error.message}`)
    throw error
  }
}

function readWhole(path: string): Uint8Array {
  try {
    if (!statSync(path).isFile()) throw new UserError('not a file')
    return readFileSync(path)
  } catch (error) {
    if (error instanceof UserError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new UserError(code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`)
  }
}

/** Reads external data from the folder of a model, and from nowhere else: the file may come from anyone. */
function folderReader(modelPath: string, opened: (file: string) => void): ExternalReader {
  const folder = dirname(resolve(modelPath))
  return (place, bytes, where) => {
    const { location, offset, length } = place
    const fail = (problem: string) => new UserError(`${where}: its external data '${location}' ${problem}`)
    const path = resolve(folder, location)
    if (isAbsolute(location) || !isInside(folder, path)) throw fail("lies outside the model's folder")
    if (length !== undefined && length !== bytes) throw fail(`has ${length} bytes for it, not ${bytes}`)
    let file: number
    try {
      // Links may lead elsewhere, and reading from a pipe or device may never end.
      const target = realpathSync(path)
      const homes = [realpathSync(folder), dirname(realpathSync(modelPath))]
      if (!homes.some((home) => isInside(home, target))) throw fail("is a link out of the model's folder")
      if (!statSync(target).isFile()) throw fail('is not a file')
      file = openSync(target, 'r')
    } catch (error) {
      if (error instanceof UserError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      throw fail(code === 'ENOENT' ? 'is missing' : `cannot be read (${message})`)
    }
    try {
      const { size } = fstatSync(file)
      if (offset + bytes > size)
        throw fail(`is too short: ${bytes} bytes from byte ${offset} on are needed, the file has ${size}`)
      opened(path)
      return readRange(file, offset, bytes)
    } finally {
      closeSync(file)
    }
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function readRange(file: number, offset: number, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes)
  for (let done = 0; done < bytes; ) {
    const count = readSync(file, out, done, Math.min(bytes - done, chunkBytes), offset + done)
    if (count === 0) throw new UserError('external data ended while it was read')
    done += count
  }
  return out
}

export interface WriteModelOptions {
  /** Bytes of weights above which they go into `<file name>.data` (default: what one ONNX file cannot hold). */
  readonly externalAbove?: number
  /** Called with the path of the finished model in a temporary folder, before it replaces what is at `path`. */
  readonly verify?: (path: string) => Promise<void>
}

/**
 * Writes an .onnx file, all or nothing: what is at `path` changes only when everything is written and verified.
 * Returns the names of the files written, the .onnx file last. UserError when that is not possible.
 */
export async function writeModel(
  path: string,
  model: Model,
  options: WriteModelOptions = {},
): Promise<string[]> {
  const folder = dirname(resolve(path))
  const name = basename(path)
  const isExternal = weightBytes(model) > (options.externalAbove ?? maxInlineBytes)
  const plan = isExternal ? planExternal(model, `${name}.data`) : undefined
  const bytes = encodeModel(model, plan)
  let staging: string | undefined
  try {
    mkdirSync(folder, { recursive: true })
    staging = mkdtempSync(join(folder, `.${name}-`))
    const files: string[] = []
    if (plan) {
      writeExternal(join(staging, `${name}.data`), model.initializers, plan)
      files.push(`${name}.data`)
    }
    writeFileSync(join(staging, name), bytes, { flush: true })
    files.push(name)
    await options.verify?.(join(staging, name))
    for (const file of files) renameSync(join(staging, file), join(folder, file))
    return files
  } catch (error) {
    if (error instanceof UserError || !(error as NodeJS.ErrnoException).code) throw error
    throw new UserError(`${path}: cannot be written (${(error as Error).message})`)
  } finally {
    if (staging) rmSync(staging, { recursive: true, force: true })
  }
}

function planExternal(model: Model, location: string): Map<string, Required<ExternalLocation>> {
  const plan = new Map<string, Required<ExternalLocation>>()
  let end = 0
  for (const [name, { data }] of model.initializers) {
    if (data.byteLength < smallestExternal) continue
    const offset = Math.ceil(end / alignment) * alignment
    plan.set(name, { location, offset, length: data.byteLength })
    end = offset + data.byteLength
  }
  return plan
}

function writeExternal(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  plan: ReadonlyMap<string, Required<ExternalLocation>>,
): void {
  const file = openSync(path, 'wx')
  try {
    for (const [name, { offset, length }] of plan) {
      const { data } = tensors.get(name)!
      const bytes = new Uint8Array(data.buffer, data.byteOffset, length)
      for (let done = 0; done < length; )
        done += writeSync(file, bytes, done, Math.min(length - done, chunkBytes), offset + done)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
