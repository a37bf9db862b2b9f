import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Which parts a part may import: packages know no robot; envs and policy do not know each other. */
const allowed: Record<string, readonly string[]> = {
  'packages/gymnasium': [],
  'packages/onnx-grad': [],
  envs: ['@vla-gym/gymnasium'],
  policy: ['@vla-gym/gymnasium', '@vla-gym/onnx-grad'],
  rl: ['@vla-gym/gymnasium', '@vla-gym/onnx-grad', 'envs', 'policy'],
  scripts: ['@vla-gym/gymnasium', '@vla-gym/onnx-grad', 'envs', 'policy', 'rl'],
}

function sources(dir: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
    .map((file) => join(dir, file))
}

/** Part that an import specifier of a file leads to; null when it stays inside or leaves the project. */
function importedPart(file: string, specifier: string, part: string): string | null {
  if (specifier.startsWith('@vla-gym/')) return specifier
  if (!specifier.startsWith('.')) return null
  const target = join(file, '..', specifier)
  if (target === part || target.startsWith(`${part}/`)) return null
  return Object.keys(allowed).find((other) => target.startsWith(`${other}/`)) ?? target
}

it.each(Object.keys(allowed))('%s imports only what the design allows', (part) => {
  const files = sources(part)
  expect(files.length).toBeGreaterThan(0)
  const violations = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)]
      .map((match) => importedPart(file, match[1], part))
      .filter((imported) => imported !== null && !allowed[part].includes(imported))
      .map((imported) => `${file} imports ${imported}`),
  )
  // onnx-grad shares error and random types with gymnasium; it knows nothing else.
  expect(violations.filter((v) => !/^packages\/onnx-grad.*imports @vla-gym\/gymnasium$/.test(v))).toEqual([])
})
