import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PolicyRuntime } from '../../../policy/index.js'
import { Batcher } from '../../../policy/serve/batcher.js'
import type { DecisionRequest, ServedPolicy } from '../../../policy/serve/servedPolicy.js'
import { evaluationPolicy } from '../../../rl/rollout/evaluationPolicy.js'
import { sight, testPolicy } from './served.js'

let runtime: PolicyRuntime
let policy: ServedPolicy
beforeAll(async () => {
  ;({ runtime, policy } = await testPolicy())
})
afterAll(() => runtime.release())

const instruction = 'put carrot on plate'

/** A request with observations `first`, `first` + 1, …, keyed by their numbers. */
function request(first: number, rows = 1, decision = 3): DecisionRequest {
  const numbers = Array.from({ length: rows }, (_, row) => first + row)
  const sights = numbers.map(sight)
  return {
    rows,
    images: Buffer.concat(sights.map(({ image }) => image)),
    states: Float32Array.from(sights.flatMap(({ state }) => [...state])),
    instructions: numbers.map(() => instruction),
    key: { episodeSeeds: numbers.map((i) => 100 + i), decision },
  }
}

const furthest = (a: Float32Array, b: Float32Array) =>
  a.length === b.length ? a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0) : Infinity

describe('requests that come together', () => {
  it('of as many clients as there are make one batch, and each gets its own answer', async () => {
    const batcher = new Batcher(policy, { maxBatch: 32, maxWaitMs: 60_000 })
    batcher.clients = 5
    const decided = await Promise.all([0, 1, 2, 3, 4].map((i) => batcher.decide(request(i))))
    expect(decided.map(({ batchSize }) => batchSize)).toEqual([5, 5, 5, 5, 5])
    for (const [i, { actions }] of decided.entries()) {
      const alone = await new Batcher(policy).decide(request(i))
      expect(alone.batchSize).toBe(1)
      // Kernels for other numbers of rows round differently.
      expect(furthest(actions, alone.actions)).toBeLessThan(1e-5)
      expect(furthest(actions, decided[(i + 1) % 5].actions)).toBeGreaterThan(1e-3)
    }
  })

  it('wait for others only so long, and batches are no larger than allowed', async () => {
    const batcher = new Batcher(policy, { maxBatch: 2, maxWaitMs: 30 })
    batcher.clients = 9
    const decided = await Promise.all([0, 1, 2, 3, 4].map((i) => batcher.decide(request(i))))
    expect(decided.map(({ batchSize }) => batchSize)).toEqual([2, 2, 2, 2, 1])
    expect(decided[4].queueMs).toBeGreaterThanOrEqual(29)
  })

  it('of several rows stay by themselves, and answers come in the order of the requests', async () => {
    const batcher = new Batcher(policy, { maxBatch: 32, maxWaitMs: 0 })
    const order: number[] = []
    const rows = [1, 1, 3, 1, 2]
    const decided = await Promise.all(
      rows.map(async (n, i) => {
        const result = await batcher.decide(request(10 * i, n))
        order.push(i)
        return result
      }),
    )
    expect(order).toEqual([0, 1, 2, 3, 4])
    expect(decided.map(({ actions }) => actions.length)).toEqual(rows.map((n) => n * 56))
    expect([2, 4].map((i) => decided[i].batchSize)).toEqual([3, 2])
  })
})

it('gives a batch the very numbers of an evaluation in this process, noise and all', async () => {
  const rows = 6
  const { executedSteps, chunkSize } = policy.config
  const { actions } = await new Batcher(policy).decide(request(0, rows))
  const { images, states, instructions, key } = request(0, rows)
  const episodes = key!.episodeSeeds.map((seed) => ({ task: 'any', seed }))
  const local = await evaluationPolicy(runtime, 'widowx', episodes).act(
    {
      batch: rows,
      episodes: Int32Array.from({ length: rows }, (_, i) => i),
      images,
      states,
      instructions: [...instructions],
    },
    3,
  )
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < executedSteps * 7; k++)
      expect(actions[row * chunkSize * 7 + k]).toBe(local[row * executedSteps * 7 + k])
})

it('draws new noise for every request that names no episode, the same for the same seed', async () => {
  const { key: _, ...plain } = request(0)
  const [first, second] = [await policy.decide([plain]), await policy.decide([plain])]
  expect(furthest(first, second)).toBeGreaterThan(1e-3)
  const { policy: again, runtime: other } = await testPolicy()
  expect(await again.decide([plain])).toEqual(first)
  await other.release()
})

it('tells every waiting client when the policy fails, and goes on', async () => {
  const batcher = new Batcher(policy, { maxBatch: 8, maxWaitMs: 5 })
  const bad = { ...request(0), states: new Float32Array(3) }
  await expect(batcher.decide(bad)).rejects.toThrow(/states/)
  expect((await batcher.decide(request(0))).actions.length).toBe(56)
})
