import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countParameters, hiddenTokens, initParameters, nanoConfig, savePolicy } from '../policy/index.js'
import { randomPolicy } from './rl/testPolicy.js'

const root = join(import.meta.dirname, '..')
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
)
const textOf = (document: string) => readFileSync(join(root, document), 'utf8')
const run = promisify(execFile)

/** Working directory of the examples: inside the repository, so that packages are found. */
const dir = mkdtempSync(join(root, 'test', '.tmp-docs-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

beforeAll(() => {
  const checkpoint = 'assets/checkpoints/widowx-sft-early'
  mkdirSync(dirname(join(dir, checkpoint)), { recursive: true })
  if (existsSync(join(root, checkpoint, 'manifest.json')))
    symlinkSync(join(root, checkpoint), join(dir, checkpoint))
  else savePolicy(join(dir, checkpoint), randomPolicy(0))
})

const examples = documents.flatMap((document) =>
  [...textOf(document).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match, i) => ({
    name: `${document} example ${i + 1}`,
    code: match[1],
  })),
)

/** Lines of a document that call the command, continued lines joined, comments dropped; once each. */
const calls = [
  ...new Set(
    documents.flatMap((document) =>
      [
        ...textOf(document)
          .replace(/[ \t]*\\\n\s*/g, ' ')
          .matchAll(/^ *(npx vla-gym .*)$/gm),
      ].map((match) => match[1].replace(/ #.*/, '').trim()),
    ),
  ),
]

describe('documents', () => {
  it('have examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4)
    expect(calls.length).toBeGreaterThanOrEqual(4)
  })

  it.each(examples)('$name runs', async ({ name, code }) => {
    const file = join(dir, `${name.replaceAll(/\W+/g, '-')}.mjs`)
    writeFileSync(file, code.replaceAll(/(from|import\() ?'\.\//g, `$1 '${root}/dist/`))
    const { stdout } = await run(process.execPath, [file], { cwd: dir })
    if (code.includes('console.log')) expect(stdout).not.toBe('')
  })

  it.each(calls)('%s is a call that the command knows', async (call) => {
    const words = call.split(/\s+/).slice(2)
    const firstOption = words.findIndex((word) => word.startsWith('-'))
    const leading = firstOption < 0 ? words : words.slice(0, firstOption)
    const command = leading.filter((word) => !word.includes('.')) // a file is an argument
    const { stdout } = await run(process.execPath, [join(root, 'bin', 'vla-gym.mjs'), ...command, '--help'])
    expect(stdout).toContain(`Usage: vla-gym ${command.join(' ')}`)
    for (const option of words.filter((word) => word.startsWith('--'))) {
      expect(stdout, option).toMatch(new RegExp(`^ +${option}[ \\n]`, 'm'))
    }
  })

  it.each(documents)('%s has links that lead somewhere', (document) => {
    const links = [...textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1])
    const broken = links.filter((link) => !existsSync(join(root, dirname(document), link)))
    expect(broken).toEqual([])
  })

  it('docs/policy.md gives the sizes of the model as it is', () => {
    const parameters = initParameters(nanoConfig, 0)
    const text = textOf('docs/policy.md')
    for (const part of ['backbone', 'dit', 'value', 'grounding'])
      expect(text).toContain(countParameters(parameters, `${part}.`).toLocaleString('en'))
    const { width, chunkSize, actionDim, imageWidth, imageHeight, stateDim, promptLength } = nanoConfig
    for (const shape of [
      `[batch, ${hiddenTokens(nanoConfig)}, ${width}]`,
      `[batch, ${chunkSize}, ${actionDim}]`,
      `[batch, ${imageHeight}, ${imageWidth}, 3]`,
      `[batch, ${stateDim}]`,
      `[prompts, ${promptLength}]`,
    ]) {
      expect(text).toContain(shape)
    }
  })
})
