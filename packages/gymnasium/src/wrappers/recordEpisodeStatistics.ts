import { type Env, type ResetOptions, type StepResult, Wrapper } from '../env.js'

/** Return, length in steps and duration in seconds of an episode. */
export interface EpisodeStatistics {
  readonly r: number
  readonly l: number
  readonly t: number
}

/** Adds `info.episode` to the last step of an episode and keeps the last `bufferLength` of them. */
export class RecordEpisodeStatistics<Obs, Act, Info extends object> extends Wrapper<
  Obs,
  Act,
  Info & { episode?: EpisodeStatistics },
  Obs,
  Act,
  Info
> {
  readonly returnQueue: number[] = []
  readonly lengthQueue: number[] = []
  readonly timeQueue: number[] = []
  private readonly bufferLength: number
  private episodeReturn = 0
  private episodeLength = 0
  private startedAt = 0

  constructor(env: Env<Obs, Act, Info>, bufferLength = 100) {
    super(env)
    this.bufferLength = bufferLength
  }

  override reset(options?: ResetOptions): [Obs, Info] {
    this.episodeReturn = 0
    this.episodeLength = 0
    this.startedAt = performance.now()
    return this.env.reset(options)
  }

  override step(action: Act): StepResult<Obs, Info & { episode?: EpisodeStatistics }> {
    const [observation, reward, terminated, truncated, info] = this.env.step(action)
    this.episodeReturn += reward
    this.episodeLength++
    if (!terminated && !truncated) return [observation, reward, terminated, truncated, info]
    const seconds = (performance.now() - this.startedAt) / 1000
    const episode = { r: this.episodeReturn, l: this.episodeLength, t: seconds }
    this.push(this.returnQueue, episode.r)
    this.push(this.lengthQueue, episode.l)
    this.push(this.timeQueue, episode.t)
    return [observation, reward, terminated, truncated, { ...info, episode }]
  }

  private push(queue: number[], value: number): void {
    queue.push(value)
    if (queue.length > this.bufferLength) queue.shift()
  }
}
