import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const command = join(import.meta.dirname, '..', '..', 'bin', 'vla-gym.mjs')

export interface CliResult {
  /** Exit code; null when a signal ended the process. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the compiled command; `kill` reaches its own process only. */
export function startCli(...args: readonly string[]) {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const finished = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...output }))
  })
  return { finished, kill: (signal: NodeJS.Signals) => child.kill(signal), output }
}

export const runCli = (...args: readonly string[]): Promise<CliResult> => startCli(...args).finished

/** The result of a command run with `--json`: one line, and nothing else on stdout. */
export async function runJson<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await runCli(...args, '--json')
  if (code !== 0) throw new Error(`vla-gym ${args.join(' ')} exited with ${code}: ${stderr}`)
  if (!/^[^\n]+\n$/.test(stdout)) throw new Error(`not one line on stdout: ${stdout}`)
  return JSON.parse(stdout)
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'vla-gym-test-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Polls until `value` gives something, for at most a minute. */
export async function eventually<T>(value: () => T | undefined | null | false): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    const found = value()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('waited for a minute in vain')
}
