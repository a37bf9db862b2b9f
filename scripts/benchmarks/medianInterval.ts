/** Median and its distribution-free 95 % interval: the innermost pair of order statistics that covers as much. */
export function medianInterval(values: readonly number[]): {
  readonly median: number
  readonly interval: readonly [number, number]
} {
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  const middle = Math.floor(n / 2)
  const median = n % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  // The chance that fewer than k + 1 of n values lie below the true median, k = cut.
  let [cut, tail, term] = [0, 0, 0.5 ** n]
  for (let k = 0; k < middle; k++) {
    tail += term
    if (1 - 2 * tail < 0.95) break
    cut = k
    term *= (n - k) / (k + 1)
  }
  return { median, interval: [sorted[cut], sorted[n - 1 - cut]] }
}
