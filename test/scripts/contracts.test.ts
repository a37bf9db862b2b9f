import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from '@msgpack/msgpack'
import { expect, it } from 'vitest'
import { hiddenTokens, nanoConfig } from '../../policy/index.js'
import type { EvaluationReport } from '../../rl/evaluate.js'
import { runCli, runJson, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const task = 'widowx_stack_cube'
const someTask = ['--suite', 'simpler-widowx', '--task', task]

interface Benchmark {
  machine: { cpu: string; cores: number }
  results: { name: string; unit: string; value: number }[]
}

it('list names suites with their tasks, embodiments and policies', async () => {
  const tasks = [task, 'widowx_carrot_on_plate', 'widowx_spoon_on_towel', 'widowx_put_eggplant_in_basket']
  const result = await runJson<Record<string, unknown>>('list')
  expect(result).toMatchObject({
    suites: expect.arrayContaining([{ id: 'simpler-widowx', tasks }]),
    embodiments: ['widowx', 'google_robot', 'aloha'],
  })
  expect(result.policies).toEqual(expect.arrayContaining(['expert', 'random']))
  const { stdout } = await runCli('list')
  for (const id of ['simpler-widowx', ...tasks, 'widowx', 'expert']) expect(stdout).toContain(id)
})

it('eval answers with rates and intervals, the same ones for the same seed', async () => {
  const command = ['eval', ...someTask, '--policy', 'random', '--episodes', '2', '--seed', '7']
  const out = join(dir, 'eval')
  const report = await runJson<EvaluationReport>(...command, '--out', out, '--videos', '1', '--workers', '2')
  expect(report).toMatchObject({ suite: 'simpler-widowx', policy: 'random', seed: 7 })
  expect(report.protocol).toMatch(/official placement.*success at the last step/)
  const [result] = report.tasks
  const { successes } = result
  expect(result).toMatchObject({ task, episodes: 2, rate: successes / 2 })
  expect(result.ci95[0] <= result.rate && result.rate <= result.ci95[1] && result.ci95[1] < 1).toBe(true)
  expect(report.mean).toEqual({ rate: result.rate, ci95: expect.any(Array) })

  expect(readdirSync(out).sort()).toEqual([
    'episodes.mp4',
    'episodes.msgpack',
    'evaluation.json',
    'report.html',
  ])
  expect(JSON.parse(readFileSync(join(out, 'evaluation.json'), 'utf8'))).toEqual(report)
  const records = decode(readFileSync(join(out, 'episodes.msgpack'))) as {
    episodeId: number
    length: number
  }[]
  expect(records.map((r) => [r.episodeId, r.length])).toEqual([
    [0, 60],
    [1, 60],
  ])

  const { stdout } = await runCli(...command, '--workers', '1')
  expect(stdout).toContain(`${task}        ${successes}/2`)
})

it('collect keeps successful demonstrations', async () => {
  const out = join(dir, 'data')
  const info = await runJson<Record<string, unknown>>(
    'collect',
    ...someTask,
    '--episodes',
    '2',
    '--out',
    out,
    '--workers',
    '1',
  )
  expect(info).toMatchObject({ dataset: out, tasks: [task], demonstrations: { [task]: 2 } })
})

it('check runs the environments and finds nothing', async () => {
  const { checked } = await runJson<{ checked: string[] }>('check', ...someTask)
  expect(checked).toEqual([`simpler-widowx/${task}`])
})

it.each([
  [
    'train --only train/nano-dit/batch-32',
    [`train/nano-dit/batch-32x${hiddenTokens(nanoConfig) + nanoConfig.chunkSize}`],
    'ms/step',
  ],
  [
    'env',
    ['state', '640x480-every-8', '640x480', '128x128'].map((what) => `simpler-widowx/${task}/${what}/1`),
    'control-steps/s',
  ],
])('bench %s answers with figures and the machine', async (part, names, unit) => {
  const { machine, results } = await runJson<Benchmark>(
    'bench',
    ...part.split(' '),
    '--seconds',
    '0.02',
    '--workers',
    '1',
  )
  expect(machine.cores).toBeGreaterThan(0)
  expect(results.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
  for (const result of results) expect([result.unit, result.value > 0]).toEqual([unit, true])
})
