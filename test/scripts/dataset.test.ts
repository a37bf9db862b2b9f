import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { savePolicy } from '../../policy/index.js'
import { editJson } from '../rl/lerobot/rewrite.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { runCli, runJson, temporaryFolder } from './cli.js'

const foreign = join(import.meta.dirname, '../rl/fixtures/foreign-lerobot')
const dir = temporaryFolder()
const at = (name: string) => join(dir, name)

const mapping = {
  embodiment: 'widowx',
  camera: 'observation.images.wrist',
  every: 2,
  state: { feature: 'observation.state', channels: [0, 1, 2, 3, 4, 5, ...new Array(8).fill({ value: 0 })] },
  action: { feature: 'action', channels: ['dx', 'dy', 'dz', 'droll', 'dpitch', 'dyaw', 'grip'] },
}

async function complaint(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^[^\n]+\n$/)
  return stderr
}

it('info tells what a dataset holds', async () => {
  const info = await runJson<Record<string, unknown>>('dataset', 'info', foreign)
  expect(info).toMatchObject({
    dataset: foreign,
    robotType: 'someones_arm',
    fps: 10,
    episodes: 3,
    frames: 32,
  })
  expect(info.tasks).toEqual({ 'Pick up the cube.': 2, 'Open the drawer.': 1 })
  const { stdout } = await runCli('dataset', 'info', foreign)
  expect(stdout).toContain('3 episodes, 32 frames')
  expect(stdout).toMatch(/roll +0\.00 +0\.00 +0\.00/)
})

describe('check', () => {
  it('counts what it has read', async () => {
    const result = await runJson('dataset', 'check', foreign)
    expect(result).toEqual({ dataset: foreign, episodes: 3, frames: 32, images: 64 })
  })

  it('answers in one line with what is wrong', async () => {
    cpSync(foreign, at('wrong'), { recursive: true })
    editJson(join(at('wrong'), 'meta/stats.json'), 'action|mean|2', 0.5)
    editJson(join(at('wrong'), 'meta/info.json'), 'total_tasks', 3)
    const text = await complaint('dataset', 'check', at('wrong'))
    expect(text).toMatch(/2 problems: .*'total_tasks' is 3.*; .*'action.mean', channel 2/)
  })
})

describe('convert', () => {
  it('makes a dataset that passes the check', async () => {
    writeFileSync(at('mapping.json'), JSON.stringify(mapping))
    const convert = ['dataset', 'convert', foreign, '--out', at('ours'), '--mapping', at('mapping.json')]
    expect(await runJson(...convert)).toEqual({ dataset: at('ours'), episodes: 3, frames: 17 })
    expect(await runJson('dataset', 'check', at('ours'))).toMatchObject({ frames: 17, images: 17 })
  })

  it('answers in one line with what does not fit, and writes nothing', async () => {
    writeFileSync(at('fast.json'), JSON.stringify({ ...mapping, every: 1 }))
    const args = ['--out', at('none'), '--mapping', at('fast.json')]
    expect(await complaint('dataset', 'convert', foreign, ...args)).toMatch(/field 'fps' is 10/)
    expect(await complaint('dataset', 'convert', foreign, '--out', at('none'))).toMatch(/'--mapping <file>'/)
    expect(await complaint('dataset', 'convert', dir, ...args)).toMatch(/no meta\/info.json here/)
    expect(existsSync(at('none'))).toBe(false)
  })
})

describe('training on what does not fit stops before it begins', () => {
  const train = (stage: string, data: string) => [
    ...['train', stage, '--data', data, '--out', at('run')],
    ...(stage === 'sft' ? ['--init', at('policy')] : []),
  ]

  it('a dataset of another robot, one without grounding labels, and states in other units', async () => {
    expect(await complaint(...train('grounding', foreign))).toMatch(/'robot_type' is 'someones_arm'/)
    expect(await complaint(...train('grounding', at('ours')))).toMatch(/no feature 'grounding'/)
    mkdirSync(at('policy'), { recursive: true })
    savePolicy(at('policy'), randomPolicy(0))
    expect(await complaint(...train('sft', foreign))).toMatch(/'robot_type' is 'someones_arm'/)
    editJson(join(at('ours'), 'meta/stats.json'), 'observation.state|q99|0', 400)
    expect(await complaint(...train('sft', at('ours')))).toMatch(
      /channel 0 \(x\) lies in .*; .*policy was trained/,
    )
    expect(existsSync(at('run'))).toBe(false)
  })
})
