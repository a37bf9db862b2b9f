import type { Rng } from '@vla-gym/gymnasium'

/** What an episode is about, as plain data: which task, with which things. */
export interface Choice {
  /** Id of a known task; absent: put `source` on `target`. */
  readonly task?: string
  readonly source?: string
  readonly target?: string
  /** Names of further things. */
  readonly others?: readonly string[]
  /** Official layout of the task. */
  readonly layout?: number
}

/** The element of a list for an official episode, all equally often, or a random one. */
export function pick<T>(items: readonly T[], rng: Rng, index: number | undefined): T {
  return index === undefined ? rng.choice(items) : items[index % items.length]
}

/** All ways to take `count` of some things. */
export function combinations<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]]
  return items.flatMap((item, i) =>
    combinations(items.slice(i + 1), count - 1).map((rest) => [item, ...rest]),
  )
}
