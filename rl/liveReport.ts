import type { LiveTimes } from './rollout/livePolicy.js'

/** What the policy's thinking time was, and cost. */
export interface LiveReport {
  /** Stated, ms, or taken from the clock. */
  readonly latency: number | 'measured'
  readonly answers: number
  /** Median and 95th percentile of the answers' times, ms. */
  readonly p50: number
  readonly p95: number
  /** Share of the control steps in which the arm held because there was nothing to do. */
  readonly held: number
}

export function liveReport(latency: number | undefined, times: readonly LiveTimes[]): LiveReport {
  const sorted = times.flatMap(({ latencies }) => latencies).sort((a, b) => a - b)
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  const sum = (key: 'held' | 'steps') => times.reduce((total, episode) => total + episode[key], 0)
  return {
    latency: latency ?? 'measured',
    answers: sorted.length,
    p50: quantile(0.5),
    p95: quantile(0.95),
    held: sum('held') / Math.max(1, sum('steps')),
  }
}
