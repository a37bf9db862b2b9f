import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the project: the nearest folder upwards of this file that holds assets/ (sources and dist alike). */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'assets', 'robots'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('assets/robots is missing beside the sources')
    folder = parent
  }
  return folder
}

/** Parsed JSON file of assets/, for example `readAsset('robots/widowx250s.json')`. */
export function readAsset<T>(path: string): T {
  return JSON.parse(readAssetText(path)) as T
}

/** Text of a file of assets/. */
export function readAssetText(path: string): string {
  return readFileSync(join(projectRoot(), 'assets', path), 'utf8')
}
