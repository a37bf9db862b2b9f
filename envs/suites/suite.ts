import type { ManipulationEnvOptions } from '../manipulationOptions.js'

/** Tasks that are evaluated together, and how. */
export interface Suite {
  readonly id: string
  readonly tasks: readonly string[]
  readonly embodiment: string
  /** Fixed layouts, addressed by episodeId: of each task, or by task. */
  readonly officialEpisodes: number | Readonly<Record<string, number>>
  /** 'any-step': an episode ends with its success. */
  readonly successReadAt: 'last-step' | 'any-step'
  /** Options of the environments when the world goes on while the policy thinks. */
  readonly live?: Pick<ManipulationEnvOptions, 'motion'>
}

/** Fixed layouts of a task of the suite. */
export function officialEpisodesOf({ officialEpisodes }: Suite, task: string): number {
  return typeof officialEpisodes === 'number' ? officialEpisodes : officialEpisodes[task]
}
