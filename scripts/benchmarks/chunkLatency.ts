import { Rng } from '@vla-gym/gymnasium'
import { embodimentPrompt, type PolicyRuntime } from '../../policy/index.js'
import { medianInterval } from './medianInterval.js'

/** Milliseconds of one call: of every round the median, over rounds the median and its 95 % interval. */
export interface Latency {
  readonly name: string
  readonly value: number
  readonly interval: readonly [number, number]
  /** Calls. */
  readonly n: number
}

/** Nine rounds give the median a 95 % interval without the extremes. */
const rounds = 9

/**
 * Latencies of the backbone, of all denoising steps, and of a chunk, which is both, at several batch sizes. The parts
 * take turns, so that a slow minute of the machine meets all of them.
 * @param seconds spent on each figure
 */
export async function chunkLatencies(
  runtime: PolicyRuntime,
  embodiment: string,
  batches: readonly number[],
  seconds: number,
): Promise<Latency[]> {
  const parts = []
  for (const batch of batches) parts.push(...(await chunkParts(runtime, embodiment, batch)))
  for (const part of parts) for (let i = 0; i < 3; i++) await part.call()
  for (let round = 0; round < rounds; round++) {
    for (const part of parts) {
      const times = await timed(part.call, seconds / rounds)
      part.n += times.length
      part.medians.push(medianInterval(times).median)
    }
  }
  return parts.map(({ name, medians, n }) => {
    const { median, interval } = medianInterval(medians)
    return { name, value: median, interval, n }
  })
}

async function timed(call: () => Promise<unknown>, seconds: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + 1000 * seconds
  do {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  } while (performance.now() < end)
  return times
}

async function chunkParts(runtime: PolicyRuntime, embodiment: string, batch: number) {
  const { chunkSize, actionDim, denoisingSteps, imageWidth, imageHeight } = runtime.config
  const { description } = runtime.embodiment(embodiment)
  const rng = Rng.fromSeed(batch, 'bench')
  const images = Uint8Array.from({ length: batch * imageWidth * imageHeight * 3 }, () => rng.integers(0, 256))
  const states = rng.fillNormal(new Float32Array(batch * description.stateDim))
  const prompt = embodimentPrompt(description, chunkSize, 'put carrot on plate')
  const prompts = new Array<string>(batch).fill(prompt)
  const noise = rng.fillNormal(new Float32Array(batch * chunkSize * actionDim))
  const backbone = () => runtime.encode(batch, images, states, prompts, embodiment)
  const hiddenStates = await backbone()
  const denoising = async () => {
    for (let i = 0; i < denoisingSteps; i++) await runtime.velocity(batch, hiddenStates, noise, 0.5)
  }
  const chunk = async () => {
    await backbone()
    await denoising()
  }
  const part = (name: string, call: () => Promise<unknown>) => {
    return { name: `${name}/batch-${batch}`, call, n: 0, medians: [] as number[] }
  }
  return [
    part('backbone', backbone),
    part(`denoising-${denoisingSteps}-steps`, denoising),
    part('chunk', chunk),
  ]
}
