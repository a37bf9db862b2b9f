import { expect, it } from 'vitest'
import { runCli } from './cli.js'

const commands = [
  '',
  'list',
  'check',
  'demo',
  'collect',
  'eval',
  'train',
  'train grounding',
  'train t2a',
  'train sft',
  'train rl',
  'bench',
  'bench env',
  'bench policy',
  'bench train',
  'grad',
  'policy new',
  'policy import',
]
const groups = ['', 'train', 'bench', 'policy']

it.concurrent.each(commands)('vla-gym %s --help', async (name) => {
  const words = name.split(' ').filter(Boolean)
  const { code, stdout, stderr } = await runCli(...words, '--help')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(['Usage: vla-gym', ...words].join(' '))
  if (groups.includes(name)) {
    const children = commands.filter(
      (other) => other.startsWith(name) && other.split(' ').length === words.length + 1,
    )
    for (const child of children)
      if (child !== name) expect(stdout).toMatch(new RegExp(`^ +${child.split(' ').at(-1)} `, 'm'))
  } else {
    expect(stdout).toContain('--json')
    // list, check, grad and policy import have switches, filters and names only.
    if (!['list', 'check', 'grad', 'policy import'].includes(name)) expect(stdout).toMatch(/\(default:\s/)
  }
})
