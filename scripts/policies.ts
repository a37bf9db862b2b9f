import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's root, from the sources as from the compiled files. */
export const projectRoot = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '..' : '../..', import.meta.url),
)

export const demoCheckpoint = join(projectRoot, 'assets', 'checkpoints', 'widowx-sft-early')

/** Policy folders that come with the repository, relative to the working directory. */
export function shippedPolicies(): string[] {
  const dir = join(projectRoot, 'assets', 'checkpoints')
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => existsSync(join(dir, name, 'manifest.json')))
    .map((name) => relative(process.cwd(), join(dir, name)))
}
