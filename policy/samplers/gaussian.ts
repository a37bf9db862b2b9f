import { UserError } from '@vla-gym/gymnasium'
import { elementLogProb, entropyOf } from './gaussianGraph.js'
import { odeStep } from './ode.js'
import { denoisingGrid, noiseLogProb, type Sampler, type SamplerContext, stackSteps } from './sampler.js'
import type { SettingsOf } from './settings.js'

/** Settings of the action-space Gaussian. The descriptions are the command's help. */
export const gaussianOptions = {
  actionStd: {
    default: 0.15,
    help: 'gaussian: standard deviation of a normalised action (the first one, if it is learned)',
  },
  actionStdLr: {
    default: 0,
    help: 'gaussian: learning rate of the standard deviations, one for each channel; 0 keeps them',
  },
} as const

const logStdName = 'gaussian.logStd'

/**
 * A Gaussian on the action chunk: Euler steps as in evaluation, then noise on the result. The mean is computed again
 * from the state before the last Euler step, so the gradient ends there and the DiT is evaluated once; through all
 * steps it would be once each. Standard deviations are per channel and do not depend on the observation.
 * @throws UserError for a deviation that is not positive
 */
export function gaussianSampler(
  context: SamplerContext,
  { actionStd, actionStdLr }: SettingsOf<typeof gaussianOptions>,
): Sampler {
  if (!(actionStd > 0)) throw new UserError(`gaussian: actionStd ${actionStd} must be greater than 0`)
  const { chunkSize, actionDim, denoisingSteps } = context.config
  const chunk = [chunkSize, actionDim]
  const size = chunkSize * actionDim
  const { t } = denoisingGrid(denoisingSteps)
  const delta = 1 / denoisingSteps
  const last = denoisingSteps - 1
  const start = { dtype: 'float32', shape: [actionDim], data: new Float32Array(actionDim) } as const
  start.data.fill(Math.log(actionStd))
  let logStd: Float32Array = start.data

  return {
    parameters: new Map(actionStdLr > 0 ? [[logStdName, start]] : []),
    lr: actionStdLr,
    entropyCoefficient: 0,

    async sample({ velocity, normal }) {
      let x = normal('noise')
      const z = normal('action')
      for (let i = 0; i < last; i++) {
        const v = await velocity(x, t[i])
        x = x.map((value, k) => odeStep(value, v[k], delta))
      }
      const v = await velocity(x, t[last])
      const std = logStd.map(Math.exp)
      const actions = x.map((value, k) => odeStep(value, v[k], delta) + std[k % actionDim] * z[k])
      const rows = x.length / size
      const steps = Array.from({ length: rows }, (_, row) => {
        const [begin, end] = [row * size, (row + 1) * size]
        return {
          x: x.slice(begin, end),
          xNext: actions.slice(begin, end),
          denoiseIndex: last,
          logProb: noiseLogProb(z.subarray(begin, end), (k) => std[k % actionDim], context),
        }
      })
      return { actions, steps }
    },

    logProb(g, hiddenStates, mask) {
      const x = g.input('x', 'float32', ['batch', ...chunk])
      const xNext = g.input('xNext', 'float32', ['batch', ...chunk])
      const timestep = g.input('timestep', 'float32', ['batch'])
      const velocity = g.input('velocity', 'float32', ['batch', ...chunk])
      const deviations = g.parameter(logStdName, [actionDim], start.data)
      const mean = g.sub(x, g.mul(delta, velocity))
      const logProb = g.reduceSum(g.mul(mask, elementLogProb(g, xNext, mean, deviations)), [1, 2])
      return {
        logProb,
        ...(actionStdLr > 0 && { entropy: entropyOf(g, deviations, mask) }),
        dit: { hiddenStates, noisyActions: x, timestep },
      }
    },

    feeds: (steps) => ({
      x: stackSteps(steps, 'x', chunk),
      xNext: stackSteps(steps, 'xNext', chunk),
      timestep: {
        dtype: 'float32',
        shape: [steps.length],
        data: new Float32Array(steps.length).fill(t[last]),
      },
    }),

    async setParameters(parameters) {
      logStd = (parameters.get(logStdName)?.data as Float32Array | undefined) ?? logStd
    },
    release: async () => {},
  }
}
