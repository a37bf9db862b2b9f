import type { EpisodeRecord } from './rollout/episode.js'
import { type Interval, wilson } from './statistics.js'

/**
 * Which thing the robot meant, beside whether it got it done: a policy that takes the wrong thing has not understood, one
 * that takes the right thing and fails cannot do it.
 */
export interface IntentionFigures {
  readonly episodes: number
  /** Episodes in which it meant the right thing. */
  readonly right: number
  readonly rate: number
  readonly ci95: Interval
  /** In which it meant a wrong one; in the others it neither grasped nor moved anything. */
  readonly wrong: number
  /** In which it held a wrong thing at some step. */
  readonly wrongGrasped: number
  /** Successes among the episodes with the right intention. */
  readonly successesOfRight: number
}

/** By task. */
export type IntentionReport = Record<string, IntentionFigures>

/** Empty where intention is not watched. */
export function intentionReport(records: readonly EpisodeRecord[]): { intention?: IntentionReport } {
  const watched = records.filter(({ intention }) => intention)
  if (watched.length === 0) return {}
  const tasks = [...new Set(watched.map(({ task }) => task))]
  return {
    intention: Object.fromEntries(
      tasks.map((id) => [id, figures(watched.filter(({ task }) => task === id))]),
    ),
  }
}

function figures(records: readonly EpisodeRecord[]): IntentionFigures {
  const meant = records.filter(({ intention }) => intention === 'right')
  return {
    episodes: records.length,
    right: meant.length,
    rate: meant.length / records.length,
    ci95: wilson(meant.length, records.length),
    wrong: records.filter(({ intention }) => intention === 'wrong').length,
    wrongGrasped: records.filter(({ wrongGrasped }) => wrongGrasped).length,
    successesOfRight: meant.filter(({ success }) => success).length,
  }
}

/** Lines for people; none where intention is not watched. */
export function intentionText({ intention: report }: { readonly intention?: IntentionReport }): string[] {
  if (!report) return []
  const width = Math.max(...Object.keys(report).map((task) => task.length))
  const percent = (rate: number) => (100 * rate).toFixed(1)
  const rows = Object.entries(report).map(([task, each]) =>
    [
      task.padEnd(width),
      `${each.right}/${each.episodes}`.padStart(9),
      `${percent(each.rate)} %`.padStart(7),
      `[${each.ci95.map(percent).join(', ')}]`.padEnd(14),
      `${each.wrong} wrong, ${each.wrongGrasped} held; ${each.successesOfRight}/${each.right} succeeded`,
    ].join('  '),
  )
  return ['meant the right thing:', ...rows]
}
