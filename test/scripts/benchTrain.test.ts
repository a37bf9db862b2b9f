import { expect, it } from 'vitest'
import { medianInterval } from '../../scripts/benchmarks/medianInterval.js'
import { type OperatorTime, timesByOperator } from '../../scripts/benchmarks/operatorProfile.js'
import { runCli, runJson } from './cli.js'

const small = ['bench', 'train', '--only', 'train/nano-dit/batch-32', '--threads', '1', '--seconds', '0.02']

it('profile says what each operator takes, and the shares make up the whole', async () => {
  const { results } = await runJson<{ results: { value: number; operators: OperatorTime[] }[] }>(
    ...small,
    '--profile',
  )
  const [{ value, operators }] = results
  const sum = (of: (operator: OperatorTime) => number) => operators.reduce((all, o) => all + of(o), 0)
  expect(sum(({ share }) => share)).toBeCloseTo(1)
  expect(sum(({ ms }) => ms)).toBeCloseTo(value)
  expect(operators.find(({ operator }) => operator === 'LayerNormalization')?.count).toBeGreaterThan(3)
})

it.each([
  [['bench', 'train', '--only', 'train/8M'], 'train/1M'],
  [[...small, '--peer', 'no-such-python'], 'no-such-python'],
])('%j is refused in one line', async (args, named) => {
  const { code, stderr } = await runCli(...args)
  expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, lines: 1 })
  expect(stderr).toContain(named)
})

it('times by operator are sums over nodes of medians over runs, the first run left out', () => {
  const run = (op_name: string, node_index: string, dur: number) => ({
    cat: 'Node',
    name: `${op_name}.${node_index}_kernel_time`,
    dur,
    args: { op_name, node_index },
  })
  const events = [
    { cat: 'Session', name: 'model_run', dur: 1e9, args: {} },
    ...[9000, 1000, 3000, 2000].map((dur) => run('Mul', '0', dur)),
    ...[9000, 4000, 4000, 4000].map((dur) => run('Mul', '1', dur)),
    ...[9000, 2000, 2000, 2000].map((dur) => run('Add', '2', dur)),
  ]
  expect(timesByOperator(JSON.stringify(events))).toEqual([
    { operator: 'Mul', count: 2, ms: 6, share: 0.75 },
    { operator: 'Add', count: 1, ms: 2, share: 0.25 },
  ])
})

// Order statistics whose coverage of the median is 95 % or more (binomial table, p = 1/2): with 9 values 96.1 % without
// the extremes, 82.0 % without the next two; with 6 values 96.9 % from least to largest.
it.each([
  [[5, 1, 9, 3, 7, 2, 8, 4, 6], 5, [2, 8]],
  [[1, 2, 3, 4, 5, 6], 3.5, [1, 6]],
  [[3], 3, [3, 3]],
])('median of %j is %d within %j', (values, median, interval) => {
  expect(medianInterval(values)).toEqual({ median, interval })
})
