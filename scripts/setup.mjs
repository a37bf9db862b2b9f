// Installs what is missing and builds, so that `npm run demo` and `npm test` work on a fresh clone.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (command, args) => {
  const options = { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' }
  const { status } = spawnSync(command, args, options)
  if (status !== 0) process.exit(status ?? 1)
}
const installed = `${root}node_modules/.package-lock.json`
const isStale =
  !existsSync(installed) || statSync(installed).mtimeMs < statSync(`${root}package-lock.json`).mtimeMs
if (isStale) run('npm', ['ci', '--no-audit', '--no-fund'])
run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b'])
