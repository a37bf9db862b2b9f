import { expect, it } from 'vitest'
import { runCli, runJson } from './cli.js'

interface Result {
  readonly name: string
  readonly value: number
  readonly interval: readonly [number, number]
  readonly n: number
}

it('says where the time of an iteration goes, and leaves nothing out', async () => {
  const options = [
    '--seconds',
    '0.01',
    '--iterations',
    '1',
    '--episodes',
    '4',
    '--workers',
    '1',
    '--threads',
    '1',
  ]
  const { results } = await runJson<{ results: Result[] }>('bench', 'policy', ...options)
  const value = new Map(results.map((result) => [result.name, result.value]))
  for (const { name, value, interval, n } of results) {
    expect(n, name).toBeGreaterThanOrEqual(1)
    expect(value, name).toBeGreaterThanOrEqual(interval[0])
    expect(value, name).toBeLessThanOrEqual(interval[1])
  }
  for (const batch of [1, 32])
    for (const part of ['backbone', 'denoising-4-steps', 'chunk'])
      expect(value.get(`policy/nano/${part}/batch-${batch}`), part).toBeGreaterThan(0)
  const sumOf = (prefix: string) =>
    [...value].filter(([name]) => name.startsWith(prefix)).reduce((sum, [, part]) => sum + part, 0)
  const iteration = value.get('rl/iteration')!
  expect(value.get('rl/iteration/rollout')! + value.get('rl/iteration/update')!).toBeCloseTo(iteration, 9)
  expect(sumOf('rl/iteration/update/')).toBeCloseTo(value.get('rl/iteration/update')!, 9)
  expect(sumOf('rl/processor/')).toBeCloseTo(100, 6)
  expect(sumOf('rl/rollout/processor/')).toBeCloseTo(100, 6)
  expect(value.get('rl/rollouts')).toBeCloseTo((60 * 4) / iteration, 6)
  for (const share of ['rl/rollout/workers-idle', 'rl/other-programs']) {
    expect(value.get(share), share).toBeGreaterThanOrEqual(0)
    expect(value.get(share), share).toBeLessThanOrEqual(100)
  }
})

it.each([
  [['--policy', 'no-such-policy'], 'no-such-policy'],
  [['--suite', 'simpler-widowq'], 'simpler-widowx'],
])('%j is refused in one line', async (options, named) => {
  const { code, stdout, stderr } = await runCli('bench', 'policy', ...options)
  expect({ code, stdout, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, stdout: '', lines: 1 })
  expect(stderr).toContain(named)
})
