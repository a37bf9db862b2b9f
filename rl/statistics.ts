import { UserError } from '@vla-gym/gymnasium'

/** 97.5 % quantile of the standard normal distribution: two-sided 95 % intervals. */
const z95 = 1.959964

export type Interval = [lo: number, hi: number]

/**
 * Wilson score interval of a proportion (Wilson 1927): the p with |successes/n - p| <= z sqrt(p (1 - p) / n).
 * [0, 1] where n is 0.
 * @throws UserError unless 0 <= successes <= n
 */
export function wilson(successes: number, n: number, z = z95): Interval {
  if (!(successes >= 0 && successes <= n)) {
    throw new UserError(`wilson: ${successes} successes of ${n} episodes is not possible`)
  }
  if (n === 0) return [0, 1]
  const p = successes / n
  const scale = 1 / (1 + (z * z) / n)
  const centre = scale * (p + (z * z) / (2 * n))
  const half = scale * z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  // At 0 and at n successes one end is exact, and rounding must not move it past p.
  return [successes === 0 ? 0 : centre - half, successes === n ? 1 : centre + half]
}

/**
 * Mean over tasks of their success rates, every task weighing the same, with a 95 % interval. The tasks are strata
 * sampled independently, so the distances from each rate to the ends of its Wilson interval add in quadrature
 * (the MOVER method, Zou and Donner 2008): for one task this is Wilson's interval, for rates away from 0 and 1 and
 * large n the normal approximation mean ± 1.96 sqrt(sum p (1 - p) / n) / tasks, and unlike the latter it does not
 * shrink to a point when every episode of every task succeeds.
 * @throws UserError for no tasks or a task without episodes
 */
export function meanOfRates(tasks: readonly { readonly successes: number; readonly n: number }[]): {
  rate: number
  ci95: Interval
} {
  if (tasks.length === 0 || tasks.some(({ n }) => !(n > 0))) {
    throw new UserError('meanOfRates: every task needs at least one episode')
  }
  let [sum, below, above] = [0, 0, 0]
  for (const { successes, n } of tasks) {
    const rate = successes / n
    const [lo, hi] = wilson(successes, n)
    sum += rate
    below += (rate - lo) ** 2
    above += (hi - rate) ** 2
  }
  const rate = sum / tasks.length
  return { rate, ci95: [rate - Math.sqrt(below) / tasks.length, rate + Math.sqrt(above) / tasks.length] }
}

export interface PairedComparison {
  /** Episodes that failed before and succeed after. */
  readonly gained: number
  /** Episodes that succeeded before and fail after. */
  readonly lost: number
  /** Two-sided, of gained and lost being equally likely. */
  readonly pValue: number
}

/**
 * McNemar's exact test for the same episodes before and after: given gained + lost changes, gained is binomial
 * with probability 1/2 if nothing has changed. Summed from logarithms, so that thousands of changes are exact too.
 * @throws UserError for lists of different lengths
 */
export function mcnemar(before: readonly boolean[], after: readonly boolean[]): PairedComparison {
  if (before.length !== after.length) {
    throw new UserError(
      `mcnemar: ${before.length} episodes before, ${after.length} after; they must be the same`,
    )
  }
  const gained = after.filter((success, i) => success && !before[i]).length
  const lost = before.filter((success, i) => success && !after[i]).length
  return { gained, lost, pValue: twoSidedSignTest(gained, lost) }
}

/** min(1, 2 P(X <= min(a, b))) for X binomial(a + b, 1/2). */
function twoSidedSignTest(a: number, b: number): number {
  const n = a + b
  const least = Math.min(a, b)
  let logChoose = 0
  for (let k = 0; k < least; k++) logChoose += Math.log((n - k) / (k + 1))
  // From the largest term, choose(n, least), downwards: the rest are fractions of it.
  let sum = 0
  for (let k = least, term = 1; k >= 0 && term > 0; k--) {
    sum += term
    term *= k / (n - k + 1)
  }
  return Math.min(1, Math.exp(logChoose + Math.log(sum) + (1 - n) * Math.LN2))
}

/**
 * 1 - Var(returns - values) / Var(returns): 1 for a perfect value function, 0 for a constant, below for worse.
 * NaN where the returns do not vary.
 */
export function explainedVariance(values: ArrayLike<number>, returns: ArrayLike<number>): number {
  const total = variance(returns.length, (i) => returns[i])
  return total === 0 ? NaN : 1 - variance(returns.length, (i) => returns[i] - values[i]) / total
}

function variance(n: number, x: (i: number) => number): number {
  let mean = 0
  for (let i = 0; i < n; i++) mean += x(i) / n
  let sum = 0
  for (let i = 0; i < n; i++) sum += (x(i) - mean) ** 2
  return sum / n
}
