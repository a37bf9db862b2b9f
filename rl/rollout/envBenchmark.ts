import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Rng } from '@vla-gym/gymnasium'
import { type ImageSpec, makeEnv, type RobotEnv } from '../../envs/index.js'

export interface EnvBenchmarkTask {
  readonly task: string
  readonly image: ImageSpec | null
  /** Control steps between two looks at the image. */
  readonly lookEvery: number
  readonly seconds: number
}

/** Compilers of JavaScript and WebAssembly need thousands of steps to warm up: a share of the measured time. */
const warmupShare = 1
/** Steps go on for this share after the measurement, so that a worker that began later is never measured alone. */
const cooldownShare = 0.3

/**
 * Steps one environment as a demonstration would, with grasps, resets included; returns control steps per second. The
 * expert's own time, 2 to 6 % of a step, is counted.
 */
export function benchmarkEnv({ task, image, lookEvery, seconds }: EnvBenchmarkTask): number {
  const env = makeEnv(task, { image, placement: 'random' })
  const begun = performance.now()
  const elapsed = () => (performance.now() - begun) / 1000
  const runner = new NoisyEpisodes(env, lookEvery)
  while (elapsed() < warmupShare * seconds) runner.step()
  const started = elapsed()
  const before = runner.steps
  while (elapsed() < started + seconds) runner.step()
  const rate = (runner.steps - before) / (elapsed() - started)
  const ended = elapsed()
  while (elapsed() < ended + cooldownShare * seconds) runner.step()
  env.close()
  return rate
}

export interface LongRunTask {
  readonly task: string
  readonly image: ImageSpec | null
  readonly lookEvery: number
  readonly episodes: number
  onProgress?(episode: number): void
}

export interface LongRunResult {
  /**
   * Control steps per second of processor time, which other programs on the machine change little: medians of the
   * episodes of a window at the beginning, and at the end.
   */
  readonly early: number
  readonly late: number
  /** Median over episodes of how much faster each one was at the end, as a share. */
  readonly drift: number
  /** Episodes in a window. */
  readonly window: number
  /** Memory of the process (RSS) after garbage collection, bytes: after the first window, and at the end. */
  readonly earlyMemory: number
  readonly lateMemory: number
}

/**
 * Rates and memory at the beginning and the end of many episodes in one environment, a multiple of 50: the same 50
 * come again and again, so that both windows do the same work.
 */
export function benchmarkLongRun(run: LongRunTask): LongRunResult {
  const window = 50
  const env = makeEnv(run.task, { image: run.image, placement: 'random' })
  const runner = new NoisyEpisodes(env, run.lookEvery, window)
  const rates: number[] = []
  // The first episodes compile and fill caches: they are before episode 0.
  for (let i = 0; i < window; i++) runner.runEpisode()
  let earlyMemory = 0
  for (let episode = 1; episode <= run.episodes; episode++) {
    const [started, before] = [processorSeconds(), runner.steps]
    runner.runEpisode()
    rates.push((runner.steps - before) / (processorSeconds() - started))
    if (episode === window) earlyMemory = memoryAfterCollection()
    run.onProgress?.(episode)
  }
  const lateMemory = memoryAfterCollection()
  env.close()
  const [early, late] = [rates.slice(0, window), rates.slice(-window)]
  return {
    early: median(early),
    late: median(late),
    drift: median(late.map((rate, i) => rate / early[i])) - 1,
    window,
    earlyMemory,
    lateMemory,
  }
}

/** Endless episodes of the scripted expert with noise; the image is looked at every so many steps. */
class NoisyEpisodes {
  steps = 0
  private episode = 0
  private readonly env: RobotEnv
  private readonly lookEvery: number
  private readonly different: number
  private rng = Rng.fromSeed(0, 'benchmark')

  /** @param different episodes after which the same ones come again. */
  constructor(env: RobotEnv, lookEvery: number, different = Number.POSITIVE_INFINITY) {
    this.env = env
    this.lookEvery = lookEvery
    this.different = different
    env.reset({ seed: 0 })
  }

  runEpisode(): void {
    while (!this.step());
  }

  /** True when it ended an episode; the next one has begun. */
  step(): boolean {
    const { env, rng } = this
    const action = env.expertAction()
    for (let i = 0; i < 3; i++) action[i] += rng.uniform(-0.005, 0.005)
    const [observation, , isTerminated, isTruncated] = env.step(action)
    this.steps++
    if (this.steps % this.lookEvery === 0) void observation.image
    if (!isTerminated && !isTruncated) return false
    this.episode++
    const seed = this.episode % this.different
    this.rng = Rng.fromSeed(seed, 'benchmark')
    env.reset({ seed })
    return true
  }
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function memoryAfterCollection(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  return process.memoryUsage().rss
}

/** Median; the lower one of an even number. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]
}
