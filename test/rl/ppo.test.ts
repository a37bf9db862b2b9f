import { Rng } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flowSdeCoefficients, nanoConfig, PolicyRuntime } from '../../policy/index.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import type { TrainingBackend } from '../../rl/backend/trainingBackend.js'
import { ppoLoss } from '../../rl/losses/ppo.js'
import { actorFeeds } from '../../rl/ppo.js'
import { type DecisionRecord, flowSdePolicy } from '../../rl/rollout/flowSdePolicy.js'
import { trainableDit } from '../../rl/trainableDit.js'
import { randomPolicy } from './testPolicy.js'

const { denoisingSteps, imageWidth, imageHeight, chunkSize, actionDim } = nanoConfig
const coefficients = flowSdeCoefficients(denoisingSteps, 0.5)
let runtime: PolicyRuntime
let actor: TrainingBackend
let decisions: DecisionRecord[]

beforeAll(async () => {
  const data = randomPolicy(1)
  runtime = await PolicyRuntime.create(data)
  const expert = trainableDit(data)
  actor = await createOrtBackend(ppoLoss(nanoConfig, expert.model), {
    loss: 'loss',
    groups: [{ parameters: expert.trained, lr: 'actorLr' }],
    maxGradNorm: 1,
  })

  const episodes = Array.from({ length: 16 }, (_, seed) => ({ task: 'widowx_stack_cube', seed }))
  const { policy, experience } = flowSdePolicy(runtime, 'widowx', episodes, coefficients)
  const rng = Rng.fromSeed(2)
  for (let decision = 0; decision < 3; decision++) {
    await policy.act(
      {
        batch: episodes.length,
        episodes: Int32Array.from(episodes, (_, i) => i),
        images: Uint8Array.from({ length: 16 * imageWidth * imageHeight * 3 }, () => rng.integers(0, 256)),
        states: rng.fillNormal(new Float32Array(16 * 14)),
        instructions: episodes.map(() => 'put carrot on plate'),
      },
      decision,
    )
  }
  decisions = experience.decisions.flat()
})

afterAll(async () => {
  await actor.release()
  await runtime.release()
})

const bytesOf = ({ data }: { data: { buffer: ArrayBufferLike } }) => new Uint8Array(data.buffer)

const rowsWhere = (test: (d: DecisionRecord) => boolean) =>
  Uint32Array.from(decisions.flatMap((d, i) => (test(d) ? [i] : [])))

function step(
  rows: Uint32Array,
  actorLr: number,
  change: (feeds: ReturnType<typeof actorFeeds>) => void = () => {},
) {
  const feeds = actorFeeds(decisions, rows, runtime, 'widowx', coefficients)
  change(feeds)
  const advantage = Float32Array.from(rows, (row) => Math.sin(row))
  return actor.step({
    ...feeds,
    advantage: { dtype: 'float32', shape: [rows.length], data: advantage },
    clipRange: 0.2,
    actorLr,
  })
}

describe('PPO on Flow-SDE', () => {
  it('has ratio 1 before the first optimiser step, for every denoising index', async () => {
    for (let index = 0; index < denoisingSteps; index++) {
      const rows = rowsWhere((d) => d.denoiseIndex === index)
      expect(rows.length).toBeGreaterThan(2)
      const { maxLogRatio, approxKl, clipFraction } = await step(rows, 0)
      expect(maxLogRatio).toBeLessThan(1e-4)
      expect(Math.abs(approxKl)).toBeLessThan(1e-6)
      expect(clipFraction).toBe(0)
    }
  })

  it('ignores padding channels and steps that are not executed', async () => {
    const rows = rowsWhere(() => true)
    const plain = await step(rows, 0)
    const changed = await step(rows, 0, (feeds) => {
      for (let i = 0; i < feeds.xNext.data.length; i++) if (feeds.mask.data[i] === 0) feeds.xNext.data[i] += 5
    })
    expect(feedsMaskSum(rows)).toBe(rows.length * nanoConfig.executedSteps * 7)
    expect(changed.loss).toBe(plain.loss)
    expect(changed.gradNorm).toBe(plain.gradNorm)
  })

  it('skips a step whose gradient is not finite and keeps the parameters', async () => {
    const before = actor.parameters()
    const result = await step(
      rowsWhere(() => true),
      1e-3,
      (feeds) => feeds.x.data.fill(Number.NaN, 0, 1),
    )
    expect(result.applied).toBe(0)
    for (const [name, tensor] of actor.parameters())
      expect(Buffer.compare(bytesOf(tensor), bytesOf(before.get(name)!)), name).toBe(0)
  })

  it('raises the log-probability of decisions with positive advantage', async () => {
    const rows = rowsWhere(() => true)
    const first = await step(rows, 3e-4)
    const second = await step(rows, 3e-4)
    expect(first.applied).toBe(1)
    expect(second.loss).toBeLessThan(first.loss)
    expect(second.approxKl).toBeGreaterThan(0)
  })
})

function feedsMaskSum(rows: Uint32Array): number {
  const { mask } = actorFeeds(decisions, rows, runtime, 'widowx', coefficients)
  expect(mask.shape).toEqual([rows.length, chunkSize, actionDim])
  return mask.data.reduce((a, b) => a + b, 0)
}
