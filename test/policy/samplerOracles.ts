import type { NanoConfig } from '../../policy/nano/config.js'
import type { Parameters } from '../../policy/parameters.js'
import type { StochasticSteps } from '../../policy/samplers/sampler.js'

/** Log of a normal density, written as the density. */
export const logNormal = (x: number, mean: number, std: number): number =>
  Math.log(Math.exp(-((x - mean) ** 2) / (2 * std ** 2)) / Math.sqrt(2 * Math.PI * std ** 2))

/** Sum over the steps of a record, executed control steps and real channels. */
export function sumCounted(
  { x }: StochasticSteps,
  { chunkSize, actionDim, executedSteps }: NanoConfig,
  activeChannels: number,
  element: (k: number) => number,
): number {
  let sum = 0
  for (let k = 0; k < x.length; k++) {
    const counts = k % actionDim < activeChannels && Math.floor(k / actionDim) % chunkSize < executedSteps
    if (counts) sum += element(k)
  }
  return sum
}

/** The noise head for one row, loop by loop: deviations [H, K] from hiddenStates [L, width], x [H, K] and the time. */
export function noiseStd(
  parameters: Parameters,
  { chunkSize, actionDim, width }: NanoConfig,
  range: { min: number; max: number },
  hiddenStates: Float32Array,
  x: Float32Array,
  t: number,
): number[] {
  const linear = (name: string, input: ArrayLike<number>): number[] => {
    const weight = parameters.get(`noise.${name}.weight`)!
    const bias = parameters.get(`noise.${name}.bias`)!.data as Float32Array
    const [from, to] = weight.shape as number[]
    return Array.from({ length: to }, (_, o) => {
      let sum = bias[o]
      for (let i = 0; i < from; i++) sum += input[i] * (weight.data as Float32Array)[i * to + o]
      return sum
    })
  }
  const tokens = hiddenStates.length / width
  const pooled = Array.from({ length: width }, (_, c) => {
    let sum = 0
    for (let token = 0; token < tokens; token++) sum += hiddenStates[token * width + c]
    return sum / tokens
  })
  const context = linear('context', pooled)
  const time = linear('timestep', [t])
  return Array.from({ length: chunkSize }, (_, h) => {
    const action = linear('actions', x.subarray(h * actionDim, (h + 1) * actionDim))
    const hidden = action.map((a, i) => Math.tanh(a + context[i] + time[i]))
    const level = linear('output', linear('hidden', hidden).map(Math.tanh)).map(Math.tanh)
    return level.map((l) => range.min * (range.max / range.min) ** ((l + 1) / 2))
  }).flat()
}
