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
 * Episodes of one iteration: as many of every task, so that a task that takes longer or fails more gets no larger
 * share of the decisions than its share of time. Tasks take turns, group by group; the policy's noise is an episode's
 * own, the start state that of the first of its group.
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
