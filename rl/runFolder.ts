import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { makeFolder, writeFileAtomic } from './atomicFile.js'
import { MetricsLog } from './reporting/metrics.js'

/** Folder of one training run: config.json, metrics, checkpoints/, report.html and videos. */
export interface RunFolder {
  readonly dir: string
  readonly metrics: MetricsLog
}

/**
 * Opens a run folder, new or to be resumed.
 * @throws UserError when it holds a run with another configuration (the field is named) or an unknown one, or cannot be
 * written
 */
export function openRunFolder(dir: string, config: Record<string, unknown>): RunFolder {
  makeFolder(dir)
  const path = join(dir, 'config.json')
  const text = JSON.stringify(config, null, 2)
  if (existsSync(path)) {
    const previous = parseConfig(path)
    const next = JSON.parse(text) as Record<string, unknown>
    for (const field of new Set([...Object.keys(previous), ...Object.keys(next)])) {
      if (JSON.stringify(previous[field]) !== JSON.stringify(next[field])) {
        throw new UserError(
          `${path}: '${field}' was ${JSON.stringify(previous[field])}, now ${JSON.stringify(next[field])}; ` +
            'give the same settings to resume, or another --out',
        )
      }
    }
  } else {
    if (existsSync(join(dir, 'checkpoints'))) {
      throw new UserError(
        `${dir}: has checkpoints but no config.json, which a resume needs; choose another --out`,
      )
    }
    writeFileAtomic(path, text)
  }
  return { dir, metrics: new MetricsLog(dir) }
}

function parseConfig(path: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path}: not readable as JSON (${(error as Error).message}); choose another --out`)
  }
}
