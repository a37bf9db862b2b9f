import { setTimeout } from 'node:timers/promises'
import { Rng } from '@vla-gym/gymnasium'
import { afterAll, describe, expect, it } from 'vitest'
import { policyThreads } from '../../rl/rollout/policyThreads.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { rolloutShares, segmentTimes } from '../../rl/rollout/segmentTimes.js'

const pool = new RolloutPool(1)
afterAll(() => pool.close())

const sum = (numbers: Readonly<Record<string, number>>) => Object.values(numbers).reduce((a, b) => a + b, 0)

describe('the time of a rollout', () => {
  it('is that of the policy when this is slow, and the worker is idle meanwhile', async () => {
    const task = 'widowx_carrot_on_plate'
    const thinking = 0.05
    let decisions = 0
    const act = async ({ batch }: { batch: number }) => {
      decisions += 1
      await setTimeout(1000 * thinking)
      return new Float32Array(batch * 35)
    }
    const start = performance.now()
    const { times } = await pool.runSegment(
      { act },
      {
        episodes: [{ task, seed: 1 }],
        env: { image: { width: 80, height: 80 } },
        stateDim: 14,
        actionDim: 7,
        executedSteps: 5,
      },
    )
    const { learner, workers, wall } = times
    expect(wall).toBeLessThanOrEqual((performance.now() - start) / 1000)
    expect(decisions).toBe(12)
    // Timers may be a millisecond early.
    expect(learner.policy).toBeGreaterThan(0.95 * decisions * thinking)
    expect(sum(learner)).toBeCloseTo(wall, 9)
    expect(sum(workers)).toBeCloseTo(wall, 9)
    // There is one group with an episode: the worker has nothing to do while the policy thinks.
    expect(workers.idle).toBeGreaterThan(0.95 * decisions * thinking)
    for (const phase of ['resets', 'physics', 'rendering', 'transfer'] as const)
      expect(workers[phase], phase).toBeGreaterThan(0)
    expect(times.cpu).toBeGreaterThan(0)
    const { threads } = times
    // The kernel counts a thread's time at its ticks, of 10 ms at most.
    if (process.platform === 'linux')
      expect(threads!.workers + threads!.learner).toBeLessThan(times.cpu + 0.03)
  })

  it('has shares of the processor that make up the whole, known threads or not', () => {
    const rng = Rng.fromSeed(0, 'rollout times')
    const some = () => rng.uniform(0.01, 1)
    for (let i = 0; i < 100; i++) {
      const cpu = i % 2 ? some() : undefined
      const learnerCpu = i % 3 ? some() : undefined
      const phases = { resets: some(), physics: some(), rendering: some(), transfer: some(), waiting: some() }
      const learner = { policy: some(), transfer: some(), waiting: some() }
      const workers = [0, 1].map(() => ({ phases, cpu }))
      const shares = rolloutShares(segmentTimes(workers, { cpu: 4, learner, learnerCpu }))
      const { idle, ...processor } = shares
      const busy = sum(phases) - phases.waiting
      expect(sum(processor)).toBeCloseTo(1, 12)
      expect(processor.physics / processor.rendering).toBeCloseTo(phases.physics / phases.rendering, 9)
      expect(idle).toBeCloseTo(1 - busy / sum(learner), 12)
      const { policy, transfer } = learner
      if (cpu === undefined || learnerCpu === undefined) {
        expect(processor.policy).toBeCloseTo(policy / (policy + transfer + 2 * busy), 12)
        expect(processor.other).toBe(0)
      } else {
        expect(processor.policy).toBeCloseTo(((learnerCpu / 4) * policy) / (policy + transfer), 12)
        expect(processor.other).toBeCloseTo(1 - (2 * cpu + learnerCpu) / 4, 12)
      }
    }
  })
})

it('a policy leaves the workers their cores, and has at least one thread', () => {
  expect(policyThreads(4, 10_000)).toBe(1)
  expect(policyThreads(1, 1)).toBe(1)
  expect(policyThreads(4, 0)).toBeLessThanOrEqual(4)
})
