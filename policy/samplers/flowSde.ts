import { UserError } from '@vla-gym/gymnasium'
import type { GraphBuilder, TensorData } from '@vla-gym/onnx-grad'
import { odeStep } from './ode.js'
import {
  denoisingGrid,
  noiseLogProb,
  type Sampler,
  type SamplerContext,
  type StochasticSteps,
  stackSteps,
  type VelocityField,
  withoutParameters,
} from './sampler.js'
import type { SettingsOf } from './settings.js'

/** Settings of Flow-SDE. The description is the command's help. */
export const flowSdeOptions = {
  noiseLevel: { default: 0.5, help: 'flow-sde: size a of the noise in the stochastic denoising step' },
} as const

/** Per step: next x ~ N(weightX0 x0 + weightX1 x1, std^2), x0 = x - t v and x1 = x + (1 - t) v. */
export interface FlowSdeCoefficients {
  readonly t: Float64Array
  readonly delta: Float64Array
  readonly sigma: Float64Array
  readonly std: Float64Array
  readonly weightX0: Float64Array
  readonly weightX1: Float64Array
}

/**
 * Flow-SDE of pi_RL (arXiv 2510.25889) as RLinf's openpi_action_model.py has it: the reverse-time SDE with the
 * marginals of the ODE, sigma = a sqrt(t / (1 - t)), where t = 1 is replaced by t_1 in the denominator.
 * With one step there is no t_1 and only a = 0 is possible. Arrays have length `steps`.
 */
export function flowSdeCoefficients(steps: number, a: number): FlowSdeCoefficients {
  const grid = denoisingGrid(steps).t
  if (!(a >= 0) || (steps === 1 && a > 0)) {
    throw new UserError(`Flow-SDE: noise level ${a} with ${steps} denoising steps is not possible`)
  }
  const t = grid.slice(0, steps)
  const delta = t.map(() => 1 / steps)
  const sigma = t.map((time, i) => (a === 0 ? 0 : a * Math.sqrt(time / (1 - (i === 0 ? grid[1] : time)))))
  const std = sigma.map((value, i) => value * Math.sqrt(delta[i]))
  const weightX0 = t.map((time, i) => 1 - (time - delta[i]))
  const weightX1 = t.map((time, i) => time - delta[i] - (sigma[i] ** 2 * delta[i]) / (2 * time))
  return { t, delta, sigma, std, weightX0, weightX1 }
}

/** Mean of step i, written as the Euler step less the score's part, so that a = 0 is the ODE bit for bit. */
function flowSdeMean(x: number, v: number, c: FlowSdeCoefficients, i: number): number {
  const noiseEstimate = x + (1 - c.t[i]) * v
  return odeStep(x, v, c.delta[i]) - ((c.sigma[i] ** 2 * c.delta[i]) / (2 * c.t[i])) * noiseEstimate
}

export interface FlowSdeSample {
  /** x_K [batch * size]: the action chunks. */
  readonly actions: Float32Array
  /** State of each row before its stochastic step, and after it; zero where a row has none. */
  readonly x: Float32Array
  readonly xNext: Float32Array
}

/**
 * Hybrid sampling: row r takes a stochastic step at i = denoiseIndex[r] and Euler steps elsewhere; index -1 is
 * the pure ODE.
 * @param noise    [batch * size], t = 1
 * @param sdeNoise [batch * size], standard normal, used once per row
 */
export async function sampleFlowSde(
  velocity: VelocityField,
  noise: Float32Array,
  sdeNoise: Float32Array,
  denoiseIndex: Int32Array,
  coefficients: FlowSdeCoefficients,
  chunk: { batch: number; size: number },
): Promise<FlowSdeSample> {
  const { batch, size } = chunk
  const steps = coefficients.t.length
  if (noise.length !== batch * size || sdeNoise.length !== batch * size || denoiseIndex.length !== batch) {
    throw new UserError(`Flow-SDE: noise and indices do not fit a batch of ${batch} x ${size}`)
  }
  for (const index of denoiseIndex) {
    if (index < -1 || index >= steps)
      throw new UserError(`Flow-SDE: step ${index} of ${steps} does not exist`)
  }
  const kept = new Float32Array(batch * size)
  const keptNext = new Float32Array(batch * size)
  let x = noise
  for (let i = 0; i < steps; i++) {
    const v = await velocity(x, coefficients.t[i])
    const next = x.map((value, k) => odeStep(value, v[k], coefficients.delta[i]))
    for (let row = 0; row < batch; row++) {
      if (denoiseIndex[row] !== i) continue
      const [begin, end] = [row * size, (row + 1) * size]
      for (let k = begin; k < end; k++) {
        next[k] = flowSdeMean(x[k], v[k], coefficients, i) + coefficients.std[i] * sdeNoise[k]
      }
      kept.set(x.subarray(begin, end), begin)
      keptNext.set(next.subarray(begin, end), begin)
    }
    x = next
  }
  return { actions: x, x: kept, xNext: keptNext }
}

/**
 * Exploration by Flow-SDE, hybrid sampling: one denoising step of each decision, drawn per decision, is stochastic,
 * and its density is that of the decision. The DiT is evaluated once to compute it again.
 */
export function flowSdeSampler(
  context: SamplerContext,
  { noiseLevel }: SettingsOf<typeof flowSdeOptions>,
): Sampler {
  const { chunkSize, actionDim, denoisingSteps } = context.config
  const chunk = [chunkSize, actionDim]
  const size = chunkSize * actionDim
  const c = flowSdeCoefficients(denoisingSteps, noiseLevel)
  const perRow = (steps: readonly StochasticSteps[], values: Float64Array): TensorData => ({
    dtype: 'float32',
    shape: [steps.length],
    data: Float32Array.from(steps, ({ denoiseIndex }) => values[denoiseIndex]),
  })

  return {
    ...withoutParameters,

    async sample({ batch, velocity, normal, integers }) {
      const noise = normal('noise')
      const sdeNoise = normal('sde')
      const denoiseIndex = integers('index', denoisingSteps)
      const { actions, x, xNext } = await sampleFlowSde(velocity, noise, sdeNoise, denoiseIndex, c, {
        batch,
        size,
      })
      const steps = Array.from(denoiseIndex, (index, row) => {
        const [begin, end] = [row * size, (row + 1) * size]
        return {
          x: x.slice(begin, end),
          xNext: xNext.slice(begin, end),
          denoiseIndex: index,
          logProb: noiseLogProb(sdeNoise.subarray(begin, end), () => c.std[index], context),
        }
      })
      return { actions, steps }
    },

    /** Gaussian with mean w0 x0 + w1 x1 and one standard deviation for all dimensions of a row. */
    logProb(g: GraphBuilder, hiddenStates, mask) {
      const x = g.input('x', 'float32', ['batch', ...chunk])
      const xNext = g.input('xNext', 'float32', ['batch', ...chunk])
      const timestep = g.input('timestep', 'float32', ['batch'])
      const std = g.input('std', 'float32', ['batch'])
      const weightX0 = g.unsqueeze(g.input('weightX0', 'float32', ['batch']), [1, 2])
      const weightX1 = g.unsqueeze(g.input('weightX1', 'float32', ['batch']), [1, 2])
      const velocity = g.input('velocity', 'float32', ['batch', ...chunk])
      const t = g.unsqueeze(timestep, [1, 2])
      const x0 = g.sub(x, g.mul(t, velocity))
      const x1 = g.add(x, g.mul(g.sub(1, t), velocity))
      const mean = g.add(g.mul(weightX0, x0), g.mul(weightX1, x1))
      const z = g.div(g.sub(xNext, mean), g.unsqueeze(std, [1, 2]))
      const squares = g.reduceSum(g.mul(mask, g.mul(z, z)), [1, 2])
      const dims = g.reduceSum(mask, [1, 2])
      const logNormalizer = g.mul(dims, g.add(g.log(std), 0.5 * Math.log(2 * Math.PI)))
      const logProb = g.sub(g.mul(squares, -0.5), logNormalizer)
      return { logProb, dit: { hiddenStates, noisyActions: x, timestep } }
    },

    feeds: (steps) => ({
      x: stackSteps(steps, 'x', chunk),
      xNext: stackSteps(steps, 'xNext', chunk),
      timestep: perRow(steps, c.t),
      weightX0: perRow(steps, c.weightX0),
      weightX1: perRow(steps, c.weightX1),
      std: perRow(steps, c.std),
    }),
  }
}

export interface LogProbInput {
  /** States before and after the stochastic step, and the velocity at (x, t_j): [batch, H, K]. */
  readonly x: Float32Array
  readonly xNext: Float32Array
  readonly velocity: Float32Array
  /** j of every row; -1 (no stochastic step) gives 0. */
  readonly denoiseIndex: Int32Array
  readonly coefficients: FlowSdeCoefficients
  readonly chunkSize: number
  readonly actionDim: number
  /** Only the first executedSteps steps and activeChannels channels count. */
  readonly executedSteps: number
  readonly activeChannels: number
}

/** Gaussian log-probability of each row's stochastic step [batch]; an element with std 0 gives 0. */
export function gaussianLogProb(input: LogProbInput): Float64Array {
  const { x, xNext, velocity, denoiseIndex, coefficients, chunkSize, actionDim } = input
  const out = new Float64Array(denoiseIndex.length)
  for (let row = 0; row < out.length; row++) {
    const j = denoiseIndex[row]
    const std = j < 0 ? 0 : coefficients.std[j]
    if (std === 0) continue
    const logNormalizer = Math.log(std) + 0.5 * Math.log(2 * Math.PI)
    for (let step = 0; step < input.executedSteps; step++) {
      for (let channel = 0; channel < input.activeChannels; channel++) {
        const k = (row * chunkSize + step) * actionDim + channel
        const z = (xNext[k] - flowSdeMean(x[k], velocity[k], coefficients, j)) / std
        out[row] -= logNormalizer + 0.5 * z * z
      }
    }
  }
  return out
}
