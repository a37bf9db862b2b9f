/** Tasks that are evaluated together, and how. */
export interface Suite {
  readonly id: string
  readonly tasks: readonly string[]
  readonly embodiment: 'widowx'
  /** Fixed layouts of each task, addressed by episodeId. */
  readonly officialEpisodes: number
  readonly successReadAt: 'last-step'
}
