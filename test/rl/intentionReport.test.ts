import { describe, expect, it } from 'vitest'
import { intentionReport, intentionText } from '../../rl/intentionReport.js'
import { type EpisodeRecord, newRecord } from '../../rl/rollout/episode.js'
import { wilson } from '../../rl/statistics.js'

const record = (task: string, more: Partial<EpisodeRecord>): EpisodeRecord => ({
  ...newRecord({ task, seed: 1 }),
  ...more,
})

describe('intention report', () => {
  const records = [
    record('a', { intention: 'right', wrongGrasped: false, success: true }),
    record('a', { intention: 'right', wrongGrasped: true }),
    record('a', { intention: 'wrong', wrongGrasped: true }),
    record('a', { intention: 'none', wrongGrasped: false }),
    record('b', { intention: 'wrong', wrongGrasped: false, success: true }),
    record('c', { success: true }),
  ]

  it('counts intentions by task, with their interval', () => {
    expect(intentionReport(records)).toEqual({
      intention: {
        a: {
          episodes: 4,
          right: 2,
          rate: 0.5,
          ci95: wilson(2, 4),
          wrong: 1,
          wrongGrasped: 2,
          successesOfRight: 1,
        },
        b: {
          episodes: 1,
          right: 0,
          rate: 0,
          ci95: wilson(0, 1),
          wrong: 1,
          wrongGrasped: 0,
          successesOfRight: 0,
        },
      },
    })
  })

  it('says so with n and interval, and nothing where nothing was watched', () => {
    const [, a] = intentionText(intentionReport(records))
    expect(a).toMatch(/^a\s+2\/4\s+50\.0 %\s+\[\d+\.\d, \d+\.\d\]\s+1 wrong, 2 held; 1\/2 succeeded$/)
    expect(intentionReport([records[5]])).toEqual({})
    expect(intentionText({})).toEqual([])
  })
})
