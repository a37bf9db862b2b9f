import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadPolicyData, savePolicy } from '../../policy/index.js'
import { lastCheckpoint } from '../../rl/checkpoint.js'
import type { EvaluationReport } from '../../rl/evaluate.js'
import type { RlSummary } from '../../rl/runReport.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { runCli, runJson, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const at = (name: string) => join(dir, name)
const task = 'widowx_stack_cube'

beforeAll(() => {
  // Demonstrations must lie in the range that a policy's states were normalised with.
  const { embodiments } = loadPolicyData('assets/checkpoints/widowx-sft-early').manifest
  const base = randomPolicy(1)
  savePolicy(at('base'), { ...base, manifest: { ...base.manifest, embodiments } })
  const fixture = join(import.meta.dirname, '..', 'policy', 'fixtures', 'expert.onnx')
  copyFileSync(fixture, at('expert.onnx'))
  const manifest = {
    format: 'vla-gym-expert/1',
    base: 'base',
    action_expert: { file: 'expert.onnx', trainable: ['*', '!frequencies'] },
  }
  writeFileSync(at('expert.json'), JSON.stringify(manifest))
})

/** Names of weights and constants of the action expert that differ between two folders. */
function changed(a: string, b: string): { weights: string[]; constants: string[] } {
  const [one, two] = [a, b].map((folder) => loadPolicyData(folder))
  const differs = (x: { data: ArrayLike<unknown> }, y: { data: ArrayLike<unknown> }) =>
    Array.from(x.data).some((value, i) => value !== y.data[i])
  const constants = [...one.models!.dit!.initializers].filter(([name]) => name.startsWith('fixed.'))
  expect(constants.length).toBeGreaterThan(0)
  return {
    weights: [...one.parameters.keys()].filter((name) =>
      differs(one.parameters.get(name)!, two.parameters.get(name)!),
    ),
    constants: constants
      .filter(([name, tensor]) => differs(tensor, two.models!.dit!.initializers.get(name)!))
      .map(([name]) => name),
  }
}

const metrics = (run: string) =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>)

// The tests go from file to evaluation and build on each other. About 20 s on a quiet core, half of it episodes.
describe('an action expert exported from PyTorch', () => {
  it('becomes a policy', async () => {
    const result = await runJson<Record<string, unknown>>(
      'policy',
      'import',
      at('expert.json'),
      '--out',
      at('mine'),
    )
    expect(result).toMatchObject({
      policy: at('mine'),
      actionExpert: { trainable: 13232 },
      chunkSize: 8,
      actionDim: 16,
      embodiments: ['widowx'],
    })
    const { stdout } = await runCli('policy', 'import', at('expert.json'), '--out', at('mine'))
    expect(stdout).toContain('13,232 weights to train; fixed: frequencies')
    const wrong = await runCli('policy', 'import', at('mine/manifest.json'), '--out', at('other'))
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/^vla-gym: .*manifest\.json: unknown field 'config'; nearest known: .*\n$/)
  })

  it('is fine-tuned on demonstrations', async () => {
    await runJson('collect', '--task', task, '--episodes', '2', '--out', at('data'), '--workers', '1')
    const settings = [
      '--steps',
      '40',
      '--batch-size',
      '16',
      '--lr',
      '0.01',
      '--evaluate-every',
      '20',
      '--threads',
      '1',
    ]
    const sft = ['train', 'sft', '--init', at('mine'), '--data', at('data'), ...settings]
    await runJson(...sft, '--out', at('sft'))
    const losses = metrics(at('sft')).flatMap(({ loss }) => (loss === undefined ? [] : [loss]))
    expect(losses.at(-1)).toBeLessThan(0.95 * losses[0])
    const { weights, constants } = changed(at('mine'), lastCheckpoint(at('sft'))!)
    expect(weights.length).toBe(
      [...loadPolicyData(at('mine')).parameters.keys()].filter((n) => n.startsWith('dit.')).length,
    )
    expect(weights.every((name) => name.startsWith('dit.'))).toBe(true)
    expect(constants).toEqual([])
  })

  it('improves by PPO, whole or by low-rank adapters', async () => {
    const rl = (out: string, ...more: string[]) =>
      runJson<RlSummary>(
        ...[
          'train',
          'rl',
          '--init',
          at('sft'),
          '--out',
          at(out),
          '--task',
          task,
          '--minutes',
          '0.01',
          '--threads',
          '1',
        ],
        ...['--episodes-per-iteration', '4', '--minibatch-size', '16', '--critic-warmup-iterations', '0'],
        ...['--evaluation-episodes', '1', ...more],
      )
    const whole = await rl('rl')
    expect(whole.iterations).toBeGreaterThanOrEqual(1)
    const [first] = metrics(at('rl'))
    expect(first.actorSteps).toBeGreaterThan(0)
    expect(first.skippedSteps).toBe(0)
    expect(Number.isFinite(first.policyLoss)).toBe(true)
    const moved = changed(lastCheckpoint(at('sft'))!, whole.checkpoint)
    expect(moved.weights.some((name) => name.startsWith('dit.'))).toBe(true)
    expect(moved.weights.every((name) => /^(dit|value)\./.test(name))).toBe(true)
    expect(moved.constants).toEqual([])

    const adapted = await rl('lora', '--lora-rank', '2')
    const names = changed(lastCheckpoint(at('sft'))!, adapted.checkpoint).weights
    const ofExpert = names.filter((name) => name.startsWith('dit.'))
    expect(ofExpert.length).toBeGreaterThan(0)
    // Adapters are merged into matrices; biases and embeddings stay.
    const { parameters } = loadPolicyData(adapted.checkpoint)
    expect(ofExpert.every((name) => parameters.get(name)!.shape.length === 2)).toBe(true)
    expect(ofExpert).not.toContain('dit.velocity.bias')
  })

  it('is evaluated', async () => {
    const report = await runJson<EvaluationReport>(
      'eval',
      '--policy',
      at('rl'),
      '--task',
      task,
      '--episodes',
      '1',
    )
    expect(report.tasks[0]).toMatchObject({ task, episodes: 1 })
  })
})

describe('a new action expert', () => {
  it('of a preset, on a backbone that is there', async () => {
    const result = await runJson<Record<string, unknown>>(
      ...['policy', 'new', '--preset', 'small', '--from', at('base'), '--seed', '3', '--out', at('small')],
    )
    expect(result).toMatchObject({ preset: 'small', actionExpert: { trainable: 7465232 } })
    expect(loadPolicyData(at('small')).manifest.config).toMatchObject({ ditWidth: 256, ditLayers: 6 })
  })
})

// Where a GPU is, these calls do their work; where none is, they say so before anything is written.
describe.each(['webgpu', 'cuda'])('--device %s', (device) => {
  it.each([
    ['eval', '--policy', at('base'), '--task', task, '--episodes', '1'],
    [
      'train',
      'sft',
      '--init',
      at('base'),
      '--data',
      at('data'),
      '--out',
      at(`gpu-${device}`),
      '--steps',
      '1',
    ],
  ])('%s %s', async (...call) => {
    const { code, stderr, stdout } = await runCli(...call, '--device', device)
    if (code === 0) return
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      new RegExp(`^vla-gym: device '${device}' does not work here \\(.+\\): .+; or use --device cpu\\n$`),
    )
  })
})
