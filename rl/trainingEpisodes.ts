import type { EpisodeSpec } from './rollout/episode.js'
import { trainingSeed } from './seeds.js'

export interface TrainingEpisodes {
  readonly tasks: readonly string[]
  /** At least so many: rounded up to equal numbers of every task, in whole groups. */
  readonly episodes: number
  /** Episodes that share one start state. */
  readonly groupSize: number
  readonly seed: number
  readonly iteration: number
}

/**
 * Episodes of one iteration, as many of every task. Tasks take turns, group by group. An episode's seed is that of its
 * policy's noise; in a group the start state is that of the first episode's seed.
 */
export function trainingEpisodes(options: TrainingEpisodes): EpisodeSpec[] {
  const { tasks, groupSize, seed, iteration } = options
  const round = tasks.length * groupSize
  return Array.from({ length: Math.ceil(options.episodes / round) * round }, (_, i) => {
    const group = Math.floor(i / groupSize)
    const start = { startSeed: trainingSeed(seed, iteration, group * groupSize) }
    return {
      task: tasks[group % tasks.length],
      seed: trainingSeed(seed, iteration, i),
      ...(groupSize > 1 && start),
    }
  })
}
