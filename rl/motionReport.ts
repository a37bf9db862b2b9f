import type { EpisodeRecord } from './rollout/episode.js'
import { type Interval, meanOfRates, wilson } from './statistics.js'

/** DOMINO's metrics of some episodes (script/eval_metrics.py), scores 0 ... 100. */
export interface MotionFigures {
  readonly episodes: number
  readonly successes: number
  readonly rate: number
  readonly ci95: Interval
  readonly routeCompletion: MeanInterval
  readonly manipulationScore: MeanInterval
  /** Episodes that failed, by reason. */
  readonly failures: Record<string, number>
  /** Episodes in which the robot touched clutter. */
  readonly clutterTouched: number
  /** Success rate of the expert on the same draws, with those that were drawn again because it failed. */
  readonly expertRate: number
}

export interface MeanInterval {
  readonly mean: number
  /** Standard deviation over the episodes. */
  readonly std: number
  /** Of the mean. */
  readonly ci95: Interval
}

/** By task, and means over tasks that weigh the same, of all and by level and group. */
export interface MotionReport {
  readonly tasks: Record<string, MotionFigures>
  readonly summaries: Record<string, MotionSummary>
}

export interface MotionSummary {
  readonly tasks: number
  readonly episodes: number
  readonly rate: number
  readonly ci95: Interval
  readonly manipulationScore: number
  readonly scoreCi95: Interval
}

const z95 = 1.959964

/** Empty where nothing moved. */
export function motionReport(records: readonly EpisodeRecord[]): { motion?: MotionReport } {
  const moving = records.filter(({ motion }) => motion)
  if (moving.length === 0) return {}
  const ids = [...new Set(moving.map(({ task }) => task))]
  const tasks = Object.fromEntries(ids.map((id) => [id, figures(moving.filter(({ task }) => task === id))]))
  const summaries: Record<string, MotionSummary> = {}
  for (const [name, pattern] of Object.entries(slices)) {
    const chosen = Object.keys(tasks).filter((task) => pattern.test(task))
    if (chosen.length > 0) summaries[name] = summary(chosen.map((task) => tasks[task]))
  }
  return { motion: { tasks, summaries } }
}

/** Parts of a suite by its tasks' names. */
const slices: Readonly<Record<string, RegExp>> = {
  all: /./,
  'level 1': /_l1(_|$)/,
  'level 2': /_l2(_|$)/,
  'level 3': /_l3(_|$)/,
  'moving object': /_object_/,
  'moving goal': /_goal_/,
  interception: /^aloha_(grab_roller|handover_block|place_a2b_left|place_can_basket|shake_bottle)_/,
  tracking:
    /^aloha_(beat_block_hammer|move_pillbottle_pad|place_bread_basket|place_container_plate|press_stapler)_/,
}

function figures(records: readonly EpisodeRecord[]): MotionFigures {
  const successes = records.filter(({ success }) => success).length
  const failures: Record<string, number> = {}
  for (const { motion } of records) {
    if (motion?.failReason) failures[motion.failReason] = (failures[motion.failReason] ?? 0) + 1
  }
  const drawn = records.reduce((sum, { motion }) => sum + 1 + motion!.expertFailures, 0)
  return {
    episodes: records.length,
    successes,
    rate: successes / records.length,
    ci95: wilson(successes, records.length),
    routeCompletion: meanInterval(records.map(({ motion }) => motion!.routeCompletion)),
    manipulationScore: meanInterval(records.map(({ motion }) => motion!.score)),
    failures,
    clutterTouched: records.filter(({ motion }) => motion!.touched.length > 0).length,
    expertRate: records.length / drawn,
  }
}

function summary(tasks: readonly MotionFigures[]): MotionSummary {
  const rates = meanOfRates(tasks.map(({ successes, episodes }) => ({ successes, n: episodes })))
  const scores = tasks.map(({ manipulationScore }) => manipulationScore)
  const score = scores.reduce((sum, { mean }) => sum + mean, 0) / scores.length
  const half = Math.hypot(...scores.map(({ mean, ci95 }) => ci95[1] - mean)) / scores.length
  return {
    tasks: tasks.length,
    episodes: tasks.reduce((sum, { episodes }) => sum + episodes, 0),
    ...rates,
    manipulationScore: score,
    scoreCi95: [score - half, score + half],
  }
}

/** Mean with a normal 95 % interval, by the standard deviation over the values. */
function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, n - 1)
  const half = z95 * Math.sqrt(variance / n)
  return { mean, std: Math.sqrt(variance), ci95: [mean - half, mean + half] }
}

/** Lines for people; none where nothing moved. */
export function motionText({ motion: report }: { readonly motion?: MotionReport }): string[] {
  if (!report) return []
  const interval = ([lo, hi]: Interval) => `[${lo.toFixed(1)}, ${hi.toFixed(1)}]`
  const rows = Object.entries(report.summaries).map(([name, each]) =>
    [
      name.padEnd(14),
      `SR ${(100 * each.rate).toFixed(1)} % ${interval([100 * each.ci95[0], 100 * each.ci95[1]])}`,
      `MS ${each.manipulationScore.toFixed(1)} ${interval(each.scoreCi95)}`,
      `n ${each.episodes}`,
    ].join('  '),
  )
  const reasons = new Map<string, number>()
  for (const { failures } of Object.values(report.tasks)) {
    for (const [reason, count] of Object.entries(failures))
      reasons.set(reason, (reasons.get(reason) ?? 0) + count)
  }
  const touched = Object.values(report.tasks).reduce((sum, { clutterTouched }) => sum + clutterTouched, 0)
  const counts = [...reasons].map(([reason, count]) => `${reason} ${count}`)
  return [...rows, `failures: ${counts.join(', ') || 'none'}; clutter touched in ${touched} episodes`]
}
