import type { ManipulationEnvOptions } from '../manipulationOptions.js'

/** Tasks that are evaluated together, and how. */
export interface Suite {
  readonly id: string
  readonly tasks: readonly string[]
  readonly embodiment: string
  /** Fixed layouts of each task, addressed by episodeId. */
  readonly officialEpisodes: number
  /** 'any-step': an episode ends with its success. */
  readonly successReadAt: 'last-step' | 'any-step'
  /** Options of the environments when the world goes on while the policy thinks. */
  readonly live?: Pick<ManipulationEnvOptions, 'motion'>
}
