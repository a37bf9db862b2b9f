import { Rng } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createSampler,
  flowSdeCoefficients,
  gaussianLogProb,
  localExplorer,
  nanoConfig,
  PolicyRuntime,
  type Sampler,
  type SamplerId,
} from '../../policy/index.js'
import { actorFeeds, updateActor } from '../../rl/actorUpdate.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import type { TrainingBackend } from '../../rl/backend/trainingBackend.js'
import { ppoLoss } from '../../rl/losses/ppo.js'
import { ppoDefaults } from '../../rl/ppo.js'
import { type DecisionRecord, explorationPolicy } from '../../rl/rollout/explorationPolicy.js'
import { trainableDit } from '../../rl/trainableDit.js'
import { logNormal, noiseStd, sumCounted } from '../policy/samplerOracles.js'
import { randomPolicy } from './testPolicy.js'

const { denoisingSteps, imageWidth, imageHeight, chunkSize, actionDim, executedSteps } = nanoConfig
const size = chunkSize * actionDim
const data = randomPolicy(1)
const settings = { actionStdLr: 1e-3 }
const bytesOf = ({ data }: { data: { buffer: ArrayBufferLike } }) => new Uint8Array(data.buffer)
type FloatFeed = { data: Float32Array }

describe.each<SamplerId>(['flow-sde', 'flow-noise', 'gaussian'])('PPO on %s', (id) => {
  let runtime: PolicyRuntime
  let sampler: Sampler
  let actor: TrainingBackend
  let decisions: DecisionRecord[]
  let rows: Uint32Array

  beforeAll(async () => {
    runtime = await PolicyRuntime.create(data)
    const expert = trainableDit(data)
    sampler = await createSampler(id, { config: nanoConfig, activeChannels: 7, seed: 1 }, settings)
    const own = [...sampler.parameters.keys()]
    actor = await createOrtBackend(ppoLoss(nanoConfig, expert.model, sampler), {
      loss: 'loss',
      groups: [
        { parameters: expert.trained, lr: 'actorLr' },
        ...(own.length > 0 ? [{ parameters: own, lr: 'samplerLr' }] : []),
      ],
      maxGradNorm: 1,
    })

    const episodes = Array.from({ length: 16 }, (_, seed) => ({ task: 'widowx_stack_cube', seed }))
    const { policy, experience } = explorationPolicy(localExplorer(runtime, 'widowx', sampler), episodes)
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
    rows = Uint32Array.from(decisions, (_, i) => i)
  })

  afterAll(() => Promise.all([actor.release(), sampler.release(), runtime.release()]))

  function step(
    chosen: Uint32Array,
    rate: number,
    change: (feeds: Record<string, FloatFeed>) => void = () => {},
    records = decisions,
  ) {
    const feeds = actorFeeds(records, chosen, { runtime, embodiment: 'widowx', sampler })
    change(feeds as never)
    const advantage = Float32Array.from(chosen, (row) => Math.sin(row))
    return actor.step({
      ...feeds,
      ...(sampler.parameters.size > 0 && { samplerLr: rate }),
      advantage: { dtype: 'float32', shape: [chosen.length], data: advantage },
      clipRange: 0.2,
      actorLr: rate,
    })
  }

  it('has ratio 1 before the first optimiser step, for every denoising index', async () => {
    for (let index = 0; index < denoisingSteps; index++) {
      const chosen = rows.filter((row) => decisions[row].denoiseIndex === index)
      if (id !== 'flow-sde' && chosen.length === 0) continue
      expect(chosen.length).toBeGreaterThan(2)
      const { maxLogRatio, approxKl, clipFraction } = await step(chosen, 0)
      // Rollout and update sum in another order; a chain has four times the elements.
      expect(maxLogRatio).toBeLessThan(id === 'flow-noise' ? 4e-4 : 1e-4)
      expect(Math.abs(approxKl)).toBeLessThan(1e-6)
      expect(clipFraction).toBe(0)
    }
  })

  it('computes the log-probability of other states than those drawn', async () => {
    for (const row of [0, 7, 20]) {
      const record = decisions[row]
      const rng = Rng.fromSeed(row)
      const moved = { ...record, xNext: record.xNext.map((x) => x + 0.03 * rng.normal()) }
      const expected = (await logProbOf(moved)) - record.logProb
      const { maxLogRatio } = await step(Uint32Array.of(0), 0, () => {}, [moved])
      expect(Math.abs(expected)).toBeGreaterThan(0.02)
      // The loss clamps log r to ±10.
      expect(maxLogRatio).toBeCloseTo(Math.min(10, Math.abs(expected)), 2)
    }
  })

  it('ignores padding channels and steps that are not executed', async () => {
    const plain = await step(rows, 0)
    const changed = await step(rows, 0, ({ mask, xNext }) => {
      const perRow = xNext.data.length / rows.length
      for (let i = 0; i < xNext.data.length; i++) {
        const row = Math.floor(i / perRow)
        if (mask.data[row * size + (i % size)] === 0) xNext.data[i] += 5
      }
      expect(mask.data.reduce((a, b) => a + b, 0)).toBe(rows.length * executedSteps * 7)
    })
    expect(changed.loss).toBe(plain.loss)
    expect(changed.gradNorm).toBe(plain.gradNorm)
  })

  it('skips a step whose gradient is not finite and keeps the parameters', async () => {
    const before = actor.parameters()
    const result = await step(rows, 1e-3, (feeds) => feeds.x.data.fill(Number.NaN, 0, 1))
    expect(result.applied).toBe(0)
    for (const [name, tensor] of actor.parameters())
      expect(Buffer.compare(bytesOf(tensor), bytesOf(before.get(name)!)), name).toBe(0)
  })

  it('raises the log-probability of decisions with positive advantage, by all weights', async () => {
    const before = actor.parameters()
    const first = await step(rows, 1e-4)
    const second = await step(rows, 1e-4)
    expect(first.applied).toBe(1)
    expect(second.loss).toBeLessThan(first.loss)
    expect(second.approxKl).toBeGreaterThan(0)
    const after = actor.parameters()
    for (const name of sampler.parameters.keys())
      expect(after.get(name)!.data, name).not.toEqual(before.get(name)!.data)
  })

  it('moves nothing at the end of a run whose learning rate ends at 0', async () => {
    const advantages = Float32Array.from(rows, (row) => Math.sin(row))
    const config = { ...ppoDefaults, minibatchSize: 16, updateEpochs: 1, finalLrShare: 0 }
    const parts = { runtime, embodiment: 'widowx', sampler, actor }
    const weights = () =>
      [...actor.parameters()]
        .filter(([name]) => name.startsWith('dit.'))
        .map(([name, { data }]) => [name, [...(data as Float32Array)]])
    const before = weights()
    const metrics = await updateActor(decisions, advantages, parts, config, 1, Rng.fromSeed(1))
    expect(metrics.actorSteps).toBeGreaterThan(0)
    expect(weights()).toEqual(before)
    await updateActor(decisions, advantages, parts, config, 0.5, Rng.fromSeed(1))
    expect(weights()).not.toEqual(before)
  })

  it('stops when the policy has moved as far as it may', async () => {
    const advantages = Float32Array.from(rows, (row) => Math.sin(row))
    const config = { ...ppoDefaults, minibatchSize: 16, updateEpochs: 5, actorLr: 3e-3, targetKl: 0.01 }
    const parts = { runtime, embodiment: 'widowx', sampler, actor }
    const metrics = await updateActor(decisions, advantages, parts, config, 0, Rng.fromSeed(1))
    expect(metrics.actorSteps).toBeLessThan(15)
    expect(metrics.approxKl).toBeGreaterThan(0.01 / metrics.actorSteps)
    expect(metrics.entropy === undefined).toBe(id === 'flow-sde')
  })

  /** Log-probability of a record under the first weights, from its states and the velocities there. */
  async function logProbOf(record: DecisionRecord): Promise<number> {
    const { x, xNext, denoiseIndex, hiddenStates } = record
    const velocities: number[] = []
    const stds: number[] = []
    for (let i = 0; i * size < x.length; i++) {
      const t = 1 - (denoiseIndex + i) / denoisingSteps
      const state = x.slice(i * size, (i + 1) * size)
      velocities.push(...(await runtime.velocity(1, hiddenStates, state, t)))
      if (id === 'flow-noise')
        stds.push(
          ...noiseStd(sampler.parameters, nanoConfig, { min: 0.08, max: 0.16 }, hiddenStates, state, t),
        )
    }
    if (id === 'flow-sde')
      return gaussianLogProb({
        x,
        xNext,
        velocity: Float32Array.from(velocities),
        denoiseIndex: Int32Array.of(denoiseIndex),
        coefficients: flowSdeCoefficients(denoisingSteps, 0.5),
        chunkSize,
        actionDim,
        executedSteps,
        activeChannels: 7,
      })[0]
    return sumCounted(record, nanoConfig, 7, (k) =>
      logNormal(xNext[k], x[k] - velocities[k] / denoisingSteps, stds[k] ?? 0.15),
    )
  }
})
