import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import {
  createSampler,
  localExplorer,
  nanoConfig,
  PolicyRuntime,
  type SamplerId,
} from '../../policy/index.js'
import { evaluate, findSuite } from '../../rl/evaluate.js'
import type { EpisodeSpec } from '../../rl/rollout/episode.js'
import { explorationPolicy } from '../../rl/rollout/explorationPolicy.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { trainingEpisodes } from '../../rl/trainingEpisodes.js'
import { randomPolicy } from './testPolicy.js'

const pools = [new RolloutPool(1), new RolloutPool(2)]
afterAll(() => Promise.all(pools.map((pool) => pool.close())))

const tasks = ['widowx_stack_cube', 'widowx_carrot_on_plate']

/** Runs episodes with a policy of random weights; the hash is of all that an update reads. */
async function explore(pool: RolloutPool, id: SamplerId, episodes: readonly EpisodeSpec[]) {
  const runtime = await PolicyRuntime.create(randomPolicy(3))
  const sampler = await createSampler(id, { config: nanoConfig, activeChannels: 7, seed: 3 })
  const { policy, experience } = explorationPolicy(localExplorer(runtime, 'widowx', sampler), episodes)
  const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
  const { records } = await pool.runSegment(policy, {
    episodes,
    env: { image: { width, height, crop }, successSteps: 5 },
    stateDim: 14,
    actionDim: 7,
    executedSteps: nanoConfig.executedSteps,
  })
  await Promise.all([runtime.release(), sampler.release()])
  const hash = createHash('sha256')
  for (const d of experience.decisions.flat())
    hash.update(d.hiddenStates).update(d.x).update(d.xNext).update(Float64Array.of(d.logProb))
  return { records, experience, hash: hash.digest('hex') }
}

describe('rollouts', () => {
  it('give the same bytes with one worker and with two, with every sampler', async () => {
    const episodes = Array.from({ length: 4 }, (_, i) => ({ task: tasks[i % 2], seed: 100 + i }))
    for (const id of ['flow-sde', 'flow-noise', 'gaussian'] as const) {
      const [one, two] = [await explore(pools[0], id, episodes), await explore(pools[1], id, episodes)]
      expect(two.hash).toBe(one.hash)
      expect(one.records.map((r) => r.length)).toEqual(episodes.map(() => 60))
      expect(one.experience.decisions.map((d) => d.length)).toEqual(
        episodes.map(() => 60 / nanoConfig.executedSteps),
      )
      expect(one.experience.finalHiddenStates.every((h) => h!.every(Number.isFinite))).toBe(true)
    }
  })

  it('start groups from one state, that of their first seed, and go different ways from it', async () => {
    const episodes = trainingEpisodes({ tasks, episodes: 8, groupSize: 2, seed: 1, iteration: 0 })
    const [one, two] = [
      await explore(pools[0], 'flow-sde', episodes),
      await explore(pools[1], 'flow-sde', episodes),
    ]
    expect(two.hash).toBe(one.hash)
    expect(two.records).toEqual(one.records)
    // The same placements without groups: the start of a group is what a reset gives.
    const resets = episodes.map(({ task, startSeed }) => ({ task, seed: startSeed! }))
    const plain = await explore(pools[1], 'flow-sde', resets)
    const start = ({ experience }: typeof plain, episode: number) =>
      experience.decisions[episode][0].hiddenStates
    const second = (episode: number) => one.experience.decisions[episode][1].hiddenStates
    for (let episode = 0; episode < 8; episode++) {
      const first = 2 * Math.floor(episode / 2)
      expect(start(one, episode)).toEqual(start(one, first))
      expect(start(one, episode)).toEqual(start(plain, first))
      if (episode !== first) expect(second(episode)).not.toEqual(second(first))
      if (first > 0) expect(start(one, first)).not.toEqual(start(one, first - 2))
    }
  })

  it('report a failing worker instead of waiting for it', async () => {
    const episodes = [{ task: 'no_such_task', seed: 1 }]
    const options = { episodes, env: { image: null }, stateDim: 14, actionDim: 7, executedSteps: 5 }
    const act = async () => new Float32Array(35)
    await expect(pools[1].runSegment({ act }, options)).rejects.toThrow(/no_such_task/)
  })

  it('are given up when the pool is closed, at whatever moment, and their callers are told', async () => {
    for (let round = 0; round < 3; round++) {
      const pool = new RolloutPool(1)
      const runs = Array.from({ length: 30 }, (_, seed) =>
        pool.runScripted({
          task: tasks[0],
          agent: 'random',
          episodes: [{ task: tasks[0], seed }],
          env: {},
          videoEpisodes: 0,
        }),
      )
      const ends = Promise.allSettled(runs)
      await Promise.all(runs.slice(0, 1 + round))
      await pool.close()
      const outcomes = (await ends).map(({ status }) => status)
      expect(outcomes.slice(0, 1 + round)).not.toContain('rejected')
      expect(outcomes.at(-1)).toBe('rejected')
    }
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
