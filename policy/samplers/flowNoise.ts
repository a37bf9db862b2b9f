import { Rng, UserError } from '@vla-gym/gymnasium'
import { GraphBuilder } from '@vla-gym/onnx-grad'
import { Tensor } from 'onnxruntime-node'
import { hiddenTokens } from '../nano/config.js'
import { ditInputs } from '../nano/graphs.js'
import { createSession, runFloat, type Session } from '../onnxSession.js'
import { ParameterStore, type Parameters } from '../parameters.js'
import { elementLogProb, entropyOf } from './gaussianGraph.js'
import { noiseHead } from './noiseHead.js'
import { odeStep } from './ode.js'
import { denoisingGrid, noiseLogProb, type Sampler, type SamplerContext, stackSteps } from './sampler.js'
import type { SettingsOf } from './settings.js'

/** Settings of Flow-Noise. The descriptions are the command's help. */
export const flowNoiseOptions = {
  noiseStdMin: {
    default: 0.08,
    help: 'flow-noise: smallest standard deviation that the noise head can give',
  },
  noiseStdMax: { default: 0.16, help: 'flow-noise: largest standard deviation that the noise head can give' },
  noiseLr: { default: 3e-4, help: 'flow-noise: AdamW learning rate of the noise head' },
  entropyCoefficient: {
    default: 0.005,
    help: "flow-noise: weight of the noise's mean entropy in the objective",
  },
} as const

/**
 * Flow-Noise of pi_RL (arXiv 2510.25889, section 4; also ReinFlow, arXiv 2505.22094): every Euler step gets Gaussian
 * noise whose standard deviation a small network gives, and a decision's density is that of its whole chain,
 * sum_i log N(x_{i+1}; x_i - delta v, std_i^2). The density of the initial noise does not depend on the weights and is
 * left out. The DiT is evaluated at every step to compute it again; steps are rows of one batch.
 * @throws UserError unless 0 < noiseStdMin <= noiseStdMax
 */
export async function flowNoiseSampler(
  context: SamplerContext,
  settings: SettingsOf<typeof flowNoiseOptions>,
): Promise<Sampler> {
  const { noiseStdMin: min, noiseStdMax: max } = settings
  if (!(min > 0 && min <= max))
    throw new UserError(`flow-noise: noiseStdMin ${min} and noiseStdMax ${max} must be 0 < min <= max`)
  const { config, threads = 1, device } = context
  const { chunkSize, actionDim, denoisingSteps: count, width } = config
  const tokens = hiddenTokens(config)
  const size = chunkSize * actionDim
  const { t } = denoisingGrid(count)
  const delta = 1 / count

  const initial = new ParameterStore(null, Rng.fromSeed(context.seed, 'noise head'))
  const initialModel = headModel(initial)
  let session = await createSession(initialModel, threads, device)

  function headModel(store: ParameterStore) {
    const g = new GraphBuilder('noise')
    g.output('logStd', noiseHead(g, store, config, { min, max }, ditInputs(g, config)))
    return g.build()
  }

  return {
    parameters: initial.parameters,
    lr: settings.noiseLr,
    entropyCoefficient: settings.entropyCoefficient,

    async sample({ batch, hiddenStates, velocity, normal }) {
      const states = [normal('noise')]
      const noises: Float32Array[] = []
      const stds: Float32Array[] = []
      for (let i = 0; i < count; i++) {
        const x = states[i]
        const v = await velocity(x, t[i])
        const logStd = await deviations(session, batch, hiddenStates, x, t[i])
        const std = logStd.map(Math.exp)
        const z = normal(`noise-${i}`)
        states.push(x.map((value, k) => odeStep(value, v[k], delta) + std[k] * z[k]))
        noises.push(z)
        stds.push(std)
      }
      const steps = Array.from({ length: batch }, (_, row) => {
        const part = (x: Float32Array) => x.subarray(row * size, (row + 1) * size)
        const chain = joined(states.map(part))
        const std = joined(stds.map(part))
        return {
          // Neighbouring states overlap: one copy of the chain holds both.
          x: chain.subarray(0, count * size),
          xNext: chain.subarray(size),
          denoiseIndex: 0,
          logProb: noiseLogProb(joined(noises.map(part)), (k) => std[k], context),
        }
      })
      return { actions: states[count], steps }
    },

    logProb(g, hiddenStates, mask) {
      const chain = ['batch', count, chunkSize, actionDim]
      const asRows = [-1, chunkSize, actionDim]
      const x = g.reshape(g.input('x', 'float32', chain), asRows)
      const xNext = g.reshape(g.input('xNext', 'float32', chain), asRows)
      const timestep = g.reshape(g.input('timestep', 'float32', ['batch', count]), [-1])
      const repeated = g.expand(g.unsqueeze(hiddenStates, [1]), ['batch', count, tokens, width])
      const dit = {
        hiddenStates: g.reshape(repeated, [-1, tokens, width]),
        noisyActions: x,
        timestep,
      }
      const velocity = g.input('velocity', 'float32', x.shape)
      const store = new ParameterStore(initial.parameters, null)
      const logStd = noiseHead(g, store, config, { min, max }, dit)
      const mean = g.sub(x, g.mul(delta, velocity))
      const counted = g.unsqueeze(mask, [1])
      const elements = g.reshape(elementLogProb(g, xNext, mean, logStd), chain)
      const logProb = g.reduceSum(g.mul(counted, elements), [1, 2, 3])
      const meanLogStd = g.reduceMean(g.reshape(logStd, chain), [1])
      return { logProb, entropy: entropyOf(g, meanLogStd, mask), dit }
    },

    feeds: (steps) => ({
      x: stackSteps(steps, 'x', [count, chunkSize, actionDim]),
      xNext: stackSteps(steps, 'xNext', [count, chunkSize, actionDim]),
      timestep: {
        dtype: 'float32',
        shape: [steps.length, count],
        data: Float32Array.from({ length: steps.length * count }, (_, i) => t[i % count]),
      },
    }),

    async setParameters(parameters) {
      const own: Parameters = new Map(
        [...initial.parameters.keys()].map((name) => [name, parameters.get(name)!]),
      )
      const next = await createSession(headModel(new ParameterStore(own, null)), threads, device)
      await session.release()
      session = next
    },

    release: () => session.release(),
  }

  async function deviations(
    head: Session,
    batch: number,
    hiddenStates: Float32Array,
    x: Float32Array,
    time: number,
  ): Promise<Float32Array> {
    const feeds = {
      hiddenStates: new Tensor('float32', hiddenStates, [batch, tokens, width]),
      noisyActions: new Tensor('float32', x, [batch, chunkSize, actionDim]),
      timestep: new Tensor('float32', new Float32Array(batch).fill(time), [batch]),
    }
    return runFloat(head, feeds, 'logStd')
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const size = parts[0].length
  const out = new Float32Array(parts.length * size)
  parts.forEach((part, i) => {
    out.set(part, i * size)
  })
  return out
}
