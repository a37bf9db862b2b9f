/**
 * Statistics of a feature as meta/stats.json and meta/episodes hold them. Every value is a list: a number for each
 * channel, or for pictures [[[v]], [[v]], [[v]]] of the colours in 0 ... 1.
 */
export type FeatureStats = Readonly<Record<StatName, unknown>>
export type DatasetStats = Readonly<Record<string, FeatureStats>>

export const quantiles = { q01: 0.01, q10: 0.1, q50: 0.5, q90: 0.9, q99: 0.99 } as const
export const statNames = ['min', 'max', 'mean', 'std', 'count', 'q01', 'q10', 'q50', 'q90', 'q99'] as const
export type StatName = (typeof statNames)[number]

/** Statistics of rows [n, dim]. Quantiles are exact, linear between order statistics; std is the population's. */
export function columnStats(rows: ArrayLike<number>, dim: number): FeatureStats {
  const n = rows.length / dim
  const stats = emptyStats()
  const sorted = new Float64Array(n)
  for (let channel = 0; channel < dim; channel++) {
    let sum = 0
    for (let row = 0; row < n; row++) {
      sorted[row] = rows[row * dim + channel]
      sum += sorted[row]
    }
    const mean = sum / n
    let squares = 0
    for (let row = 0; row < n; row++) squares += (sorted[row] - mean) ** 2
    sorted.sort()
    stats.min.push(sorted[0])
    stats.max.push(sorted[n - 1])
    stats.mean.push(mean)
    stats.std.push(Math.sqrt(squares / n))
    for (const [name, q] of Object.entries(quantiles))
      stats[name as StatName].push(interpolate(q * (n - 1), (i) => sorted[i]))
  }
  return { ...stats, count: [n] }
}

const emptyStats = () =>
  Object.fromEntries(statNames.map((name) => [name, [] as number[]])) as Record<StatName, number[]>

function interpolate(position: number, at: (i: number) => number): number {
  const low = Math.floor(position)
  const share = position - low
  return share === 0 ? at(low) : at(low) + share * (at(low + 1) - at(low))
}

/** Counts of the 256 values of each colour, [3, 256]. */
export const newHistogram = (): Uint32Array => new Uint32Array(3 * 256)

/** Counts the pixels of a picture [height, width, 3]. */
export function addToHistogram(histogram: Uint32Array, rgb: Uint8Array): void {
  for (let i = 0; i < rgb.length; i += 3) {
    histogram[rgb[i]]++
    histogram[256 + rgb[i + 1]]++
    histogram[512 + rgb[i + 2]]++
  }
}

/** Statistics of pictures out of their histogram. `images` is their number, the `count`. */
export function imageStats(histogram: Uint32Array, images: number): FeatureStats {
  const stats: Record<StatName, unknown[]> = emptyStats()
  for (let colour = 0; colour < 3; colour++) {
    const counts = histogram.subarray(256 * colour, 256 * (colour + 1))
    let n = 0
    let sum = 0
    for (let value = 0; value < 256; value++) {
      n += counts[value]
      sum += value * counts[value]
    }
    const mean = sum / n
    let squares = 0
    for (let value = 0; value < 256; value++) squares += counts[value] * (value - mean) ** 2
    const ordered = (i: number): number => {
      let before = 0
      for (let value = 0; value < 256; value++) if ((before += counts[value]) > i) return value
      return 255
    }
    const add = (name: StatName, value: number) => stats[name].push([[value / 255]])
    add('min', ordered(0))
    add('max', ordered(n - 1))
    add('mean', mean)
    add('std', Math.sqrt(squares / n))
    for (const [name, q] of Object.entries(quantiles))
      add(name as StatName, interpolate(q * (n - 1), ordered))
  }
  return { ...stats, count: [images] }
}

/**
 * Statistics of all pictures from those of each episode: extremes, mean and std exactly, quantiles as the mean of the
 * episodes' weighted by their counts, as LeRobot does (aggregate_feature_stats in datasets/compute_stats.py).
 */
export function aggregateImageStats(episodes: readonly FeatureStats[]): FeatureStats {
  const stats: Record<StatName, unknown[]> = emptyStats()
  const counts = episodes.map((episode) => (episode.count as number[])[0])
  const total = counts.reduce((sum, count) => sum + count, 0)
  for (let colour = 0; colour < 3; colour++) {
    const values = (name: StatName) =>
      episodes.map((episode) => (episode[name] as number[][][])[colour][0][0])
    const weighted = (of: readonly number[]) => of.reduce((sum, x, i) => sum + counts[i] * x, 0) / total
    const means = values('mean')
    const mean = weighted(means)
    const variance = weighted(values('std').map((std, i) => std ** 2 + (means[i] - mean) ** 2))
    const add = (name: StatName, value: number) => stats[name].push([[value]])
    add('min', Math.min(...values('min')))
    add('max', Math.max(...values('max')))
    add('mean', mean)
    add('std', Math.sqrt(variance))
    for (const name of Object.keys(quantiles)) add(name as StatName, weighted(values(name as StatName)))
  }
  return { ...stats, count: [total] }
}
