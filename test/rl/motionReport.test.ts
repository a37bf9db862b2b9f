import { describe, expect, it } from 'vitest'
import { motionReport, motionText } from '../../rl/motionReport.js'
import type { EpisodeRecord } from '../../rl/rollout/episode.js'

function record(task: string, score: number, more: Partial<EpisodeRecord['motion']> = {}): EpisodeRecord {
  const success = score === 100 && more.failReason === undefined
  const motion = { routeCompletion: score, penalty: 1, score, touched: [], expertFailures: 0, ...more }
  return { task, seed: 1, success, successOnce: success, graspedOnce: false, length: 9, motion }
}

describe('motionReport', () => {
  const records = [
    record('moving_a_object_l1', 100),
    record('moving_a_object_l1', 40, { failReason: 'out of bounds', expertFailures: 1 }),
    record('moving_b_goal_l3', 60, { failReason: 'late', touched: ['carrot', 'spoon'] }),
    record('moving_b_goal_l3', 0, { failReason: 'late' }),
  ]

  it('has rates and scores by task, and means in which tasks weigh the same', () => {
    const { motion } = motionReport([...records, record('moving_b_goal_l3', 30, { failReason: 'late' })])
    const { tasks, summaries } = motion!
    expect(tasks.moving_a_object_l1).toMatchObject({
      episodes: 2,
      successes: 1,
      rate: 0.5,
      expertRate: 2 / 3,
    })
    expect(tasks.moving_a_object_l1.failures).toEqual({ 'out of bounds': 1 })
    expect(tasks.moving_b_goal_l3).toMatchObject({ failures: { late: 3 }, clutterTouched: 1 })
    expect(tasks.moving_b_goal_l3.manipulationScore.mean).toBeCloseTo(30, 12)
    // Standard deviation of 60, 0, 30.
    expect(tasks.moving_b_goal_l3.manipulationScore.std).toBeCloseTo(30, 12)
    expect(summaries.all).toMatchObject({ tasks: 2, episodes: 5, rate: 0.25 })
    expect(summaries.all.manipulationScore).toBeCloseTo((70 + 30) / 2, 12)
    expect(summaries['level 1'].rate).toBe(0.5)
    expect(summaries['moving goal'].rate).toBe(0)
    expect(summaries['level 2']).toBeUndefined()
  })

  it('has an interval of the mean score that holds it nineteen times in twenty', () => {
    // Scores of 0 or 100 with probability 1/2 in every pattern of the bits of a counter: the mean is 50 in all.
    let covered = 0
    for (let k = 0; k < 1024; k++) {
      const bits = Array.from({ length: 10 }, (_, i) => ((k >> i) & 1) * 100)
      const { motion } = motionReport(
        bits.map((score) => record('moving_a_object_l1', score, { failReason: 'late' })),
      )
      const [lo, hi] = motion!.summaries.all.scoreCi95
      if (lo <= 50 && hi >= 50) covered++
    }
    // A normal interval at n = 10 covers a little less than it says.
    expect(covered / 1024).toBeGreaterThan(0.88)
    expect(covered / 1024).toBeLessThan(0.99)
  })

  it('is empty where nothing moved', () => {
    const { motion: _, ...still } = record('widowx_stack_cube', 0)
    expect(motionReport([still])).toEqual({})
    expect(motionText({})).toEqual([])
  })

  it('counts reasons in its text', () => {
    const text = motionText(motionReport(records)).join('\n')
    expect(text).toContain('out of bounds 1, late 2; clutter touched in 1 episodes')
    expect(text).toMatch(/^all +SR 25.0 %/)
  })
})
