import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'

/** Creates a folder and its parents. @throws UserError when that is not possible */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    throw new UserError(`${path}: cannot create the folder (${(error as Error).message})`)
  }
}

/** Writes a file so that a reader sees the old bytes or the new ones, never a part. @throws UserError */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  const temporary = `${path}.tmp-${process.pid}`
  makeFolder(dirname(path))
  try {
    const file = openSync(temporary, 'w')
    try {
      writeFileSync(file, data)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new UserError(`${path}: cannot be written (${(error as Error).message})`)
  }
}
