import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { flowSdeCoefficients, nanoConfig, PolicyRuntime } from '../../policy/index.js'
import { evaluate, findSuite } from '../../rl/evaluate.js'
import { flowSdePolicy } from '../../rl/rollout/flowSdePolicy.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { randomPolicy } from './testPolicy.js'

const pools = [new RolloutPool(1), new RolloutPool(2)]
afterAll(() => Promise.all(pools.map((pool) => pool.close())))

const tasks = ['widowx_stack_cube', 'widowx_carrot_on_plate']

describe('rollouts', () => {
  it('give the same bytes with one worker and with two', async () => {
    const episodes = Array.from({ length: 6 }, (_, i) => ({ task: tasks[i % 2], seed: 100 + i }))
    const hashes: string[] = []
    for (const pool of pools) {
      const runtime = await PolicyRuntime.create(randomPolicy(3))
      const { policy, experience } = flowSdePolicy(runtime, 'widowx', episodes, flowSdeCoefficients(4, 0.5))
      const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
      const { records } = await pool.runSegment(policy, {
        episodes,
        env: { image: { width, height, crop }, successSteps: 5 },
        stateDim: 14,
        actionDim: 7,
        executedSteps: nanoConfig.executedSteps,
      })
      await runtime.release()
      expect(records.map((r) => r.length)).toEqual(episodes.map(() => 60))
      expect(experience.decisions.map((d) => d.length)).toEqual(episodes.map(() => 12))
      expect(experience.finalHiddenStates.every((h) => h!.every(Number.isFinite))).toBe(true)
      const hash = createHash('sha256')
      for (const d of experience.decisions.flat()) hash.update(d.hiddenStates).update(d.x).update(d.xNext)
      hashes.push(hash.digest('hex'))
    }
    expect(hashes[0]).toBe(hashes[1])
  })

  it('report a failing worker instead of waiting for it', async () => {
    const episodes = [{ task: 'no_such_task', seed: 1 }]
    const options = { episodes, env: { image: null }, stateDim: 14, actionDim: 7, executedSteps: 5 }
    const act = async () => new Float32Array(35)
    await expect(pools[1].runSegment({ act }, options)).rejects.toThrow(/no_such_task/)
  })

  it('the expert succeeds and random actions do not', async () => {
    const suite = findSuite('simpler-widowx')
    const options = { suite, tasks, episodes: 8, placement: 'official', seed: 0 } as const
    const expert = await evaluate(pools[1], { kind: 'expert' }, 'expert', options)
    expect(expert.report.mean.rate).toBeGreaterThanOrEqual(0.9)
    expect(expert.records.map((r) => r.episodeId)).toEqual([...Array(8).keys(), ...Array(8).keys()])
    const random = await evaluate(pools[1], { kind: 'random' }, 'random', options)
    expect(random.report.mean.rate).toBeLessThan(0.2)
  })
})
