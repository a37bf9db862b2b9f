import { type Env, type RenderFrame, type ResetOptions, type StepResult, Wrapper } from '../env.js'
import { UserError } from '../errors.js'

/** Episodes 0, 1, 8, 27, … up to 1000, then every 1000th. */
export function cappedCubicVideoSchedule(episodeId: number): boolean {
  if (episodeId >= 1000) return episodeId % 1000 === 0
  return Math.round(Math.cbrt(episodeId)) ** 3 === episodeId
}

export interface RecordVideoOptions {
  /** Encodes the frames and stores them; may return a promise, which `settled()` awaits. */
  readonly writeVideo: (frames: RenderFrame[], path: string, fps: number) => void | Promise<void>
  readonly videoFolder?: string
  readonly namePrefix?: string
  /** Whether to record an episode, from its number (0 is the first). */
  readonly episodeTrigger?: (episodeId: number) => boolean
  /** Default: the environment's metadata.renderFps, else 30. */
  readonly fps?: number
}

/** Hands the frames of chosen episodes (one after reset, one a step) to writeVideo when the episode ends. */
export class RecordVideo<Obs, Act, Info extends object> extends Wrapper<Obs, Act, Info> {
  private readonly options: RecordVideoOptions
  private episodeId = -1
  private frames: RenderFrame[] | null = null
  private readonly writes: (void | Promise<void>)[] = []

  constructor(env: Env<Obs, Act, Info>, options: RecordVideoOptions) {
    super(env)
    if (!env.render) throw new UserError('RecordVideo needs an environment with render()')
    this.options = options
  }

  override reset(options?: ResetOptions): [Obs, Info] {
    this.write()
    const result = this.env.reset(options)
    this.episodeId++
    if ((this.options.episodeTrigger ?? cappedCubicVideoSchedule)(this.episodeId)) {
      this.frames = []
      this.capture()
    }
    return result
  }

  override step(action: Act): StepResult<Obs, Info> {
    const result = this.env.step(action)
    this.capture()
    if (result[2] || result[3]) this.write()
    return result
  }

  /** Also writes an episode that was cut short. */
  override close(): void {
    this.write()
    super.close()
  }

  /** Resolves when every video handed out so far is written. */
  async settled(): Promise<void> {
    await Promise.all(this.writes)
  }

  private capture(): void {
    if (!this.frames) return
    const frame = this.env.render?.()
    // An environment may draw into the same buffer every time.
    if (frame) this.frames.push({ ...frame, data: frame.data.slice() })
  }

  private write(): void {
    if (this.frames?.length) {
      const { writeVideo, videoFolder = 'videos', namePrefix = 'rl-video', fps } = this.options
      const path = `${videoFolder}/${namePrefix}-episode-${this.episodeId}.mp4`
      this.writes.push(writeVideo(this.frames, path, fps ?? this.metadata.renderFps ?? 30))
    }
    this.frames = null
  }
}
