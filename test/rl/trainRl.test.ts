import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicyData } from '../../policy/index.js'
import { lastCheckpoint, loadTrainingState } from '../../rl/checkpoint.js'
import { findSuite } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { type TrainRlOptions, trainRl } from '../../rl/stages/rl.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-rl-'))
const pools = [new RolloutPool(1), new RolloutPool(2)]
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  rmSync(root, { recursive: true, force: true })
})

const [task, other] = ['widowx_carrot_on_plate', 'widowx_stack_cube']
const base = {
  init: join(import.meta.dirname, '..', '..', 'assets', 'checkpoints', 'widowx-sft-early'),
  suite: findSuite('simpler-widowx'),
  seed: 0,
  minutes: 10,
  evaluationEpisodes: 1,
  // One thread: sums over several threads need not come in the same order.
  threads: 1,
  checkpointSeconds: 0,
}

/** Everything in a run's last checkpoint that training goes on from, without the seconds it took. */
function stateOf(run: string): Record<string, unknown> {
  const checkpoint = lastCheckpoint(run)!
  const { progress, tensors } = loadTrainingState(checkpoint)
  const all = [...tensors, ...loadPolicyData(checkpoint).parameters]
  const bytes = all.map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('base64')])
  return { ...progress, seconds: undefined, ...Object.fromEntries(bytes) }
}

type Variant = Pick<TrainRlOptions, 'algorithm' | 'sampler' | 'config' | 'tasks' | 'microBatch' | 'recompute'>

const variants: [string, Variant][] = [
  [
    'PPO with Flow-Noise, in micro-batches, activations computed again',
    {
      microBatch: 16,
      recompute: 1,
      algorithm: 'ppo',
      sampler: 'flow-noise',
      tasks: [task],
      config: { episodesPerIteration: 2, criticWarmupIterations: 1, updateEpochs: 1, targetKl: 10 },
    },
  ],
  [
    'GRPO with a learned Gaussian',
    {
      algorithm: 'grpo',
      sampler: 'gaussian',
      tasks: [task, other],
      config: { episodesPerIteration: 5, groupSize: 4, updateEpochs: 1, targetKl: 10, actionStdLr: 1e-3 },
    },
  ],
]

it('settings that the sampler refuses leave nothing behind', async () => {
  const out = join(root, 'refused')
  const options = { ...base, out, tasks: [task], sampler: 'flow-noise', config: { noiseStdMin: 1 } } as const
  await expect(trainRl(pools[0], options)).rejects.toThrow(/noiseStdMin 1 and noiseStdMax 0.16/)
  expect(existsSync(out)).toBe(false)
})

describe.each(variants)('%s', (name, variant) => {
  it('stopped and resumed, with another number of workers, ends with the very same bytes', async () => {
    const [straight, resumed] = ['straight', 'resumed'].map((run) => join(root, `${name} ${run}`))
    const rounded = variant.algorithm === 'grpo' ? 8 : 2
    const options = { ...base, ...variant, episodes: 2 * rounded }
    const result = await trainRl(pools[0], { ...options, out: straight })
    expect(result).toMatchObject({ iterations: 2, episodes: 2 * rounded })

    const controller = new AbortController()
    const stop = (_: string, __: number, ___: number, fields: Record<string, number>) => {
      if (fields.approxKl !== undefined) controller.abort(new Error('stopped'))
    }
    const { signal } = controller
    await expect(trainRl(pools[1], { ...options, out: resumed, signal, onProgress: stop })).rejects.toThrow(
      'stopped',
    )
    expect(stateOf(resumed)).toMatchObject({ iteration: 1 })
    await trainRl(pools[1], { ...options, out: resumed })
    expect(stateOf(resumed)).toEqual(stateOf(straight))

    const first = loadPolicyData(base.init).parameters
    const last = loadPolicyData(lastCheckpoint(straight)!).parameters
    const changed = [...last].filter(([weight, { data }]) => {
      return !Buffer.from(data.buffer).equals(Buffer.from(first.get(weight)!.data.buffer))
    })
    const parts = variant.algorithm === 'grpo' ? ['dit'] : ['dit', 'value']
    expect(new Set(changed.map(([weight]) => weight.split('.')[0]))).toEqual(new Set(parts))
    expect([...last.keys()].filter((weight) => /^(noise|gaussian)/.test(weight))).toEqual([])
    const config = JSON.parse(readFileSync(join(straight, 'config.json'), 'utf8'))
    expect(config).toMatchObject({ algorithm: variant.algorithm, sampler: variant.sampler })
    const lines = readFileSync(join(straight, 'metrics.jsonl'), 'utf8').trim().split('\n')
    const tasks = variant.tasks.length > 1 ? variant.tasks : []
    for (const line of lines) {
      const figures = JSON.parse(line)
      expect(figures).toMatchObject({ entropy: expect.any(Number) })
      expect(figures.actorSeconds > 0).toBe(figures.actorSteps > 0)
      expect(figures.criticSeconds > 0).toBe(variant.algorithm === 'ppo')
      expect(figures.actorSeconds + figures.criticSeconds).toBeLessThan(figures.updateSeconds)
      const processor = ['physics', 'rendering', 'resets', 'policy', 'transfer', 'other']
      const shares = processor.map((phase) => figures[`rollout/${phase}`])
      expect(shares.slice(0, -1).every((share) => share > 0)).toBe(true)
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
      expect(Object.keys(JSON.parse(line))).toEqual(expect.arrayContaining(tasks.map((t) => `success/${t}`)))
    }
    await expect(trainRl(pools[1], { ...options, sampler: 'flow-sde', out: resumed })).rejects.toThrow(
      /'sampler' was/,
    )
  })
})
