import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'

/**
 * Folders that are whole or absent. `manifest.json` lists size and SHA-256 of every file; a folder is written
 * beside its place and renamed into it. Replacing takes two renames, so the old folder waits as
 * `.<name>.previous` in between, where a reader finds it if the writer died there.
 */

export interface FolderManifest {
  readonly files: Record<string, { readonly bytes: number; readonly sha256: string }>
  /** SHA-256 over the manifest's own fields and every file's hash: the identity of the folder's content. */
  readonly contentHash: string
  readonly [field: string]: unknown
}

/** Content of a file: its bytes, or pieces of them in order (a file may be larger than one array can be). */
export type FileContent = Uint8Array | readonly Uint8Array[]

export interface Folder {
  readonly manifest: FolderManifest
  /** Bytes of a listed file. @throws UserError when the folder has none of that name */
  read(name: string): Uint8Array
  /** Where a listed file lies. @throws UserError when the folder has none of that name */
  path(name: string): string
}

const manifestName = 'manifest.json'
/** Files are hashed in pieces of this size, and one system call writes no more. */
const pieceBytes = 2 ** 22
const piecesOf = (content: FileContent): readonly Uint8Array[] =>
  content instanceof Uint8Array ? [content] : content

function sha256(...pieces: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

const previousOf = (path: string): string => join(dirname(path), `.${basename(path)}.previous`)

/** File names are plain: a manifest from elsewhere must not reach outside its folder. */
const isFileName = (name: string): boolean => /^[\w][\w.-]*$/.test(name) && name !== manifestName

function contentHash(fields: Record<string, unknown>, files: FolderManifest['files']): string {
  const lines = Object.keys(files)
    .sort()
    .map((name) => `${files[name].sha256} ${name}`)
  return sha256([JSON.stringify(fields), ...lines].join('\n'))
}

/**
 * Writes a folder atomically and reads it back.
 * @throws UserError when it cannot be written there (the folder's place then holds what it held before).
 */
export function writeFolder(
  path: string,
  files: ReadonlyMap<string, FileContent>,
  manifest: Record<string, unknown>,
): void {
  const place = resolve(path)
  for (const name of files.keys())
    if (!isFileName(name)) throw new UserError(`${path}: '${name}' is no file name`)
  try {
    fs.mkdirSync(dirname(place), { recursive: true })
    removeLeftovers(place)
    const temporary = join(
      dirname(place),
      `.${basename(place)}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`,
    )
    try {
      writeFiles(temporary, files, manifest)
      readFolder(temporary)
      moveIntoPlace(temporary, place)
    } finally {
      fs.rmSync(temporary, { recursive: true, force: true })
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${path}: cannot write this folder (${(error as Error).message})`)
  }
}

function writeFiles(
  dir: string,
  files: ReadonlyMap<string, FileContent>,
  manifest: Record<string, unknown>,
): void {
  fs.mkdirSync(dir)
  const entries: FolderManifest['files'] = {}
  for (const [name, content] of files) {
    const pieces = piecesOf(content)
    entries[name] = { bytes: pieces.reduce((sum, { length }) => sum + length, 0), sha256: sha256(...pieces) }
    writeDurably(join(dir, name), pieces)
  }
  const { files: _files, contentHash: _hash, ...fields } = JSON.parse(JSON.stringify(manifest))
  const whole = { ...fields, files: entries, contentHash: contentHash(fields, entries) }
  writeDurably(join(dir, manifestName), [Buffer.from(JSON.stringify(whole, null, 2) + '\n')])
  syncFolder(dir)
}

function writeDurably(path: string, pieces: readonly Uint8Array[]): void {
  const file = fs.openSync(path, 'w')
  try {
    for (const piece of pieces)
      for (let done = 0; done < piece.length; )
        done += fs.writeSync(file, piece, done, Math.min(piece.length - done, pieceBytes))
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** Makes renames and new names in a folder durable; systems that cannot sync a folder are left to themselves. */
function syncFolder(dir: string): void {
  try {
    const handle = fs.openSync(dir, 'r')
    try {
      fs.fsyncSync(handle)
    } finally {
      fs.closeSync(handle)
    }
  } catch {}
}

function moveIntoPlace(temporary: string, place: string): void {
  const previous = previousOf(place)
  const replacing = fs.existsSync(place)
  if (replacing) {
    if (!fs.existsSync(join(place, manifestName)) && fs.readdirSync(place).length > 0) {
      throw new UserError(
        `${place}: holds files that are not ours (no ${manifestName}); choose another folder`,
      )
    }
    fs.rmSync(previous, { recursive: true, force: true })
    fs.renameSync(place, previous)
  }
  try {
    fs.renameSync(temporary, place)
  } catch (error) {
    if (replacing) fs.renameSync(previous, place)
    throw error
  }
  syncFolder(dirname(place))
  fs.rmSync(previous, { recursive: true, force: true })
}

/** Temporary folders of writers that died, and an old folder that a dead writer had put aside. */
function removeLeftovers(place: string): void {
  const prefix = `.${basename(place)}.tmp-`
  for (const name of fs.readdirSync(dirname(place))) {
    if (name.startsWith(prefix) && !isAlive(Number.parseInt(name.slice(prefix.length), 10))) {
      fs.rmSync(join(dirname(place), name), { recursive: true, force: true })
    }
  }
  if (!fs.existsSync(place) && fs.existsSync(previousOf(place))) fs.renameSync(previousOf(place), place)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Verifies a folder, every byte of it, and opens it.
 * @throws UserError naming the file that is missing, truncated or changed.
 */
export function readFolder(path: string): Folder {
  const place = resolve(path)
  const dir = !fs.existsSync(place) && fs.existsSync(previousOf(place)) ? previousOf(place) : place
  const manifest = readManifest(dir, path)
  for (const [name, { bytes, sha256: expected }] of Object.entries(manifest.files)) {
    if (!isFileName(name))
      throw new UserError(`${path}: ${manifestName} lists '${name}', which is no file name`)
    const found = hashFile(join(dir, name), `${path}: ${name}`)
    if (found.bytes !== bytes)
      throw new UserError(`${path}: ${name} has ${found.bytes} bytes, not ${bytes}: copy it again`)
    if (found.sha256 !== expected)
      throw new UserError(`${path}: ${name} was changed (SHA-256 differs): copy it again`)
  }
  const pathOf = (name: string) => {
    if (!Object.hasOwn(manifest.files, name)) throw new UserError(`${path}: ${name} is missing`)
    return join(dir, name)
  }
  return { manifest, path: pathOf, read: (name) => read(pathOf(name), `${path}: ${name}`) }
}

function hashFile(path: string, what: string): { bytes: number; sha256: string } {
  const hash = createHash('sha256')
  const piece = new Uint8Array(pieceBytes)
  let bytes = 0
  try {
    const file = fs.openSync(path, 'r')
    try {
      for (let count = -1; count !== 0; bytes += count) {
        count = fs.readSync(file, piece, 0, piece.length, null)
        hash.update(piece.subarray(0, count))
      }
    } finally {
      fs.closeSync(file)
    }
  } catch (error) {
    throw new UserError(`${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
  return { bytes, sha256: hash.digest('hex') }
}

function readManifest(dir: string, path: string): FolderManifest {
  const data = read(join(dir, manifestName), `${path}: ${manifestName}`)
  let manifest: Partial<FolderManifest>
  try {
    manifest = JSON.parse(new TextDecoder().decode(data))
  } catch {
    throw new UserError(`${path}: ${manifestName} is not JSON: copy the folder again`)
  }
  const { files, contentHash: hash, ...fields } = manifest ?? {}
  if (typeof files !== 'object' || files === null || Object.values(files).some((entry) => !entry)) {
    throw new UserError(`${path}: ${manifestName} has no list of files`)
  }
  if (hash !== contentHash(fields, files))
    throw new UserError(`${path}: ${manifestName} was changed (contentHash differs)`)
  return manifest as FolderManifest
}

function read(path: string, what: string): Uint8Array {
  try {
    return new Uint8Array(fs.readFileSync(path))
  } catch (error) {
    throw new UserError(`${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
}
