import { Rng } from '@vla-gym/gymnasium'
import { type ImageSpec, makeEnv } from '../../envs/index.js'

export interface EnvBenchmarkTask {
  readonly task: string
  readonly image: ImageSpec | null
  /** Control steps between two looks at the image. */
  readonly lookEvery: number
  readonly seconds: number
}

/** Warm-up, as a share of the measured time. */
const warmupShare = 1

/** Steps one environment with small random actions, resets included; returns control steps per second. */
export function benchmarkEnv({ task, image, lookEvery, seconds }: EnvBenchmarkTask): number {
  const env = makeEnv(task, { image, placement: 'random' })
  const rng = Rng.fromSeed(0, 'benchmark')
  const action = new Float32Array(7)
  let checksum = 0
  let steps = 0
  const begun = performance.now()
  let started = 0
  env.reset({ seed: 0 })
  for (let episode = 0; started === 0 || performance.now() - started < 1000 * seconds; ) {
    for (let i = 0; i < 6; i++) action[i] = rng.uniform(-0.02, 0.02)
    action[6] = rng.uniform() < 0.5 ? -1 : 1
    const [observation, , isTerminated, isTruncated] = env.step(action)
    steps += 1
    if (image && steps % lookEvery === 0) checksum += observation.image[0]
    if (isTerminated || isTruncated) {
      episode += 1
      env.reset({ seed: episode })
      // Compilers of JavaScript and WebAssembly need thousands of steps to warm up.
      if (started === 0 && performance.now() - begun > 1000 * warmupShare * seconds) {
        started = performance.now()
        steps = 0
      }
    }
  }
  const rate = steps / ((performance.now() - started) / 1000)
  env.close()
  return checksum < 0 ? 0 : rate
}
