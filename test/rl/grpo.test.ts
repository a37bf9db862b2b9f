import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSampler, localExplorer, nanoConfig, PolicyRuntime, settingsOf } from '../../policy/index.js'
import type { ActorParts } from '../../rl/actorUpdate.js'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import { groupAdvantages } from '../../rl/groupAdvantages.js'
import { grpoOptions, grpoUpdate } from '../../rl/grpo.js'
import { ppoLoss } from '../../rl/losses/ppo.js'
import { newRecord } from '../../rl/rollout/episode.js'
import { type Experience, explorationPolicy } from '../../rl/rollout/explorationPolicy.js'
import { evaluationSeed, trainingSeed } from '../../rl/seeds.js'
import { trainableDit } from '../../rl/trainableDit.js'
import { trainingEpisodes } from '../../rl/trainingEpisodes.js'
import { randomPolicy } from './testPolicy.js'

describe('group advantages', () => {
  it('of one success in a group of n are sqrt(n - 1) for it and -1 / sqrt(n - 1) for the others', () => {
    for (const n of [2, 4, 10]) {
      const rewards = new Float32Array(n)
      rewards[1] = 1
      const [failure, success, ...others] = groupAdvantages(rewards, n)
      expect(success).toBeCloseTo(Math.sqrt(n - 1), 4)
      for (const other of [failure, ...others].slice(0, n - 1))
        expect(other).toBeCloseTo(-1 / Math.sqrt(n - 1), 4)
    }
  })

  it('have mean 0 and deviation 1 in every group, whatever the other groups are; equal rewards give 0', () => {
    const groups = fc.array(fc.array(fc.nat(3), { minLength: 5, maxLength: 5 }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(groups, (rewards) => {
        const all = groupAdvantages(Float32Array.from(rewards.flat()), 5)
        rewards.forEach((group, i) => {
          const own = [...all.subarray(5 * i, 5 * i + 5)]
          if (new Set(group).size === 1) {
            expect(own).toEqual([0, 0, 0, 0, 0])
            return
          }
          expect(own.reduce((a, b) => a + b)).toBeCloseTo(0, 4)
          expect(own.reduce((a, b) => a + b * b, 0) / 5).toBeCloseTo(1, 4)
          const order = (values: number[]) =>
            values.map((v, k) => [v, k]).sort((a, b) => a[0] - b[0] || a[1] - b[1])
          expect(order(own).map(([, k]) => k)).toEqual(order(group).map(([, k]) => k))
        })
      }),
    )
  })
})

describe('training episodes', () => {
  it('are equally many of every task, in whole groups with one start', () => {
    const anything = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      tasks: fc.integer({ min: 1, max: 5 }),
      groupSize: fc.integer({ min: 1, max: 8 }),
      iteration: fc.nat(50),
    })
    fc.assert(
      fc.property(anything, ({ count, tasks, groupSize, iteration }) => {
        const names = Array.from({ length: tasks }, (_, i) => `task ${i}`)
        const episodes = trainingEpisodes({ tasks: names, episodes: count, groupSize, seed: 7, iteration })
        expect(episodes.length).toBeGreaterThanOrEqual(count)
        expect(episodes.length).toBeLessThan(count + tasks * groupSize)
        for (const name of names)
          expect(episodes.filter(({ task }) => task === name).length).toBe(episodes.length / tasks)
        expect(new Set(episodes.map(({ seed }) => seed)).size).toBe(episodes.length)
        const groups = new Map<unknown, string[]>()
        for (const { task, seed, startSeed } of episodes) {
          expect(startSeed === undefined).toBe(groupSize === 1)
          const key = startSeed ?? seed
          groups.set(key, [...(groups.get(key) ?? []), task])
        }
        expect(groups.size).toBe(episodes.length / groupSize)
        for (const group of groups.values()) expect(new Set(group).size).toBe(1)
      }),
    )
  })

  it('start where no evaluation does', () => {
    const episodes = trainingEpisodes({ tasks: ['a'], episodes: 64, groupSize: 8, seed: 0, iteration: 3 })
    expect(episodes[9]).toEqual({
      task: 'a',
      seed: trainingSeed(0, 3, 9),
      startSeed: trainingSeed(0, 3, 8),
    })
    const starts = episodes.map((e) => e.startSeed!)
    for (let i = 0; i < 64; i++) expect(starts).not.toContain(evaluationSeed(0, 3, i))
    expect(starts.every((seed) => seed % 2 === 0)).toBe(true)
  })
})

describe('a GRPO update', () => {
  const { imageWidth, imageHeight } = nanoConfig
  const data = randomPolicy(1)
  const config = { ...settingsOf(grpoOptions), groupSize: 4, updateEpochs: 1, minibatchSize: 1000 }
  let parts: ActorParts
  let experience: Experience
  const episodes = Array.from({ length: 8 }, (_, seed) => ({ task: 'widowx_stack_cube', seed }))
  const recordsOf = (...successes: number[]) =>
    episodes.map((episode, i) => ({ ...newRecord(episode), success: successes[i] === 1 }))
  const update = (records: ReturnType<typeof recordsOf>, changes: Partial<typeof config> = {}) =>
    grpoUpdate(
      { iteration: 0, progress: 0, experience, records },
      parts,
      { ...config, ...changes },
      Rng.fromSeed(1),
    )

  beforeAll(async () => {
    const runtime = await PolicyRuntime.create(data)
    const expert = trainableDit(data)
    const sampler = await createSampler('flow-sde', { config: nanoConfig, activeChannels: 7, seed: 1 })
    const actor = await createOrtBackend(ppoLoss(nanoConfig, expert.model, sampler), {
      loss: 'loss',
      groups: [{ parameters: expert.trained, lr: 'actorLr' }],
      maxGradNorm: 1,
    })
    parts = { runtime, embodiment: 'widowx', sampler, actor }
    const exploration = explorationPolicy(localExplorer(runtime, 'widowx', sampler), episodes, false)
    expect(exploration.policy.observeFinal).toBe(undefined)
    experience = exploration.experience
    const rng = Rng.fromSeed(2)
    // Episodes of 1 to 8 decisions.
    for (let decision = 0; decision < 8; decision++) {
      const running = Int32Array.from(episodes.keys()).filter((i) => i >= decision)
      await exploration.policy.act(
        {
          batch: running.length,
          episodes: running,
          images: Uint8Array.from({ length: running.length * imageWidth * imageHeight * 3 }, () =>
            rng.integers(0, 256),
          ),
          states: rng.fillNormal(new Float32Array(running.length * 14)),
          instructions: Array.from(running, () => 'stack the cubes'),
        },
        decision,
      )
    }
  })
  afterAll(() => Promise.all([parts.actor.release(), parts.runtime.release()]))

  it('leaves out groups that all end alike, and does nothing where all do', async () => {
    const before = parts.actor.parameters()
    expect(await update(recordsOf(1, 1, 1, 1, 0, 0, 0, 0))).toMatchObject({
      decisions: 0,
      informativeGroups: 0,
      actorSteps: 0,
      policyLoss: 0,
    })
    for (const [name, { data }] of parts.actor.parameters())
      expect(Buffer.from(data.buffer).equals(Buffer.from(before.get(name)!.data.buffer)), name).toBe(true)
    const half = await update(recordsOf(1, 1, 1, 1, 0, 1, 0, 0), { actorLr: 0 })
    expect(half).toMatchObject({ decisions: 5 + 6 + 7 + 8, informativeGroups: 0.5, actorSteps: 1 })
  })

  it('weighs every episode the same, however long it was', async () => {
    // At ratio 1 the loss is minus the mean weighted advantage: 0, as advantages add up to 0 over a group's episodes.
    for (const successes of [
      [1, 0, 0, 0, 0, 1, 0, 0],
      [0, 0, 0, 1, 1, 1, 1, 0],
    ]) {
      const { policyLoss, gradNorm, decisions } = await update(recordsOf(...successes), { actorLr: 0 })
      expect(decisions).toBe(36)
      expect(Math.abs(policyLoss)).toBeLessThan(1e-5)
      expect(gradNorm).toBeGreaterThan(0.01)
    }
  })

  it('makes the decisions of successes more probable', async () => {
    const first = await update(recordsOf(1, 0, 0, 0, 0, 1, 0, 1), { actorLr: 1e-4 })
    const second = await update(recordsOf(1, 0, 0, 0, 0, 1, 0, 1), { actorLr: 1e-4 })
    expect(second.policyLoss).toBeLessThan(first.policyLoss)
    expect(second.approxKl).toBeGreaterThan(0)
  })
})
