import { UserError } from '@vla-gym/gymnasium'

/** 1st and 99th percentile of every channel of a data set. */
export interface QuantileStats {
  readonly q01: readonly number[]
  readonly q99: readonly number[]
}

/**
 * Half-ranges are at least this, so that a channel which (almost) never moves in the data is not blown up:
 * a position that stays within 2 mm is scaled as if it moved by 2 mm.
 */
export const minHalfRange = 1e-3

/** Percentiles with linear interpolation between order statistics. rows: [n, dim] flat. */
export function quantileStats(rows: Float32Array, dim: number): QuantileStats {
  const n = rows.length / dim
  if (!Number.isInteger(n) || n < 1)
    throw new UserError(`quantiles: ${rows.length} numbers are not rows of ${dim}`)
  const q01: number[] = []
  const q99: number[] = []
  for (let channel = 0; channel < dim; channel++) {
    const sorted = new Float32Array(n)
    for (let row = 0; row < n; row++) sorted[row] = rows[row * dim + channel]
    if (!sorted.every(Number.isFinite))
      throw new UserError(`quantiles: channel ${channel} has a non-finite number`)
    sorted.sort()
    q01.push(quantile(sorted, 0.01))
    q99.push(quantile(sorted, 0.99))
  }
  return { q01, q99 }
}

function quantile(sorted: Float32Array, q: number): number {
  const position = q * (sorted.length - 1)
  const low = Math.floor(position)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (position - low) * (sorted[high] - sorted[low])
}

const centre = (stats: QuantileStats, channel: number) => (stats.q01[channel] + stats.q99[channel]) / 2
const halfRange = (stats: QuantileStats, channel: number) =>
  Math.max((stats.q99[channel] - stats.q01[channel]) / 2, minHalfRange)

/** Rows [n, dim] to the range where q01 is -1 and q99 is 1; clipped to ±clip when asked. */
export function normalize(rows: Float32Array, stats: QuantileStats, clip = Infinity): Float32Array {
  const dim = stats.q01.length
  return rows.map((x, i) => {
    const scaled = (x - centre(stats, i % dim)) / halfRange(stats, i % dim)
    return Math.min(clip, Math.max(-clip, scaled))
  })
}

/** Inverse of `normalize` without clip. */
export function denormalize(rows: Float32Array, stats: QuantileStats): Float32Array {
  const dim = stats.q01.length
  return rows.map((x, i) => x * halfRange(stats, i % dim) + centre(stats, i % dim))
}
