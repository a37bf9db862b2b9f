import { GraphBuilder, type Model } from '@vla-gym/onnx-grad'
import { hiddenStatesInput, type NanoConfig, type ParameterStore, valueHead } from '../../policy/index.js'
import { inlineDit } from './inlineDit.js'

/**
 * Clipped PPO objective on the one stochastic denoising step of a decision (Flow-SDE, pi_RL section 4; formulas
 * of RLinf rlinf/models/embodiment/openpi/openpi_action_model.py, time t = 1 noise, t = 0 action).
 * The transition x_j -> x_{j+1} is Gaussian with mean w0 x0 + w1 x1 and a known standard deviation; only the
 * velocity is evaluated again. The log-probability sums over the executed steps and the real channels (`mask`).
 *
 * Inputs: hiddenStates [batch, L, width]; x, xNext, mask [batch, H, K]; timestep, weightX0, weightX1, std,
 * oldLogProb, advantage [batch]; clipRange scalar.
 * Outputs (scalars): loss, approxKl (mean of r - 1 - log r), clipFraction, maxLogRatio (largest |log r|).
 * @param dit a policy's graph of that name; its weights are initializers of the result
 */
export function ppoLoss(config: NanoConfig, dit: Model): Model {
  const g = new GraphBuilder('ppo')
  const chunk = ['batch', config.chunkSize, config.actionDim]
  const row = (name: string) => g.input(name, 'float32', ['batch'])
  hiddenStatesInput(g, config)
  const x = g.input('x', 'float32', chunk)
  const xNext = g.input('xNext', 'float32', chunk)
  const mask = g.input('mask', 'float32', chunk)
  const timestep = row('timestep')
  const std = row('std')
  const weightX0 = g.unsqueeze(row('weightX0'), [1, 2])
  const weightX1 = g.unsqueeze(row('weightX1'), [1, 2])
  const oldLogProb = row('oldLogProb')
  const advantage = row('advantage')
  const clipRange = g.input('clipRange', 'float32', [])

  const velocity = g.input('velocity', 'float32', chunk)
  const t = g.unsqueeze(timestep, [1, 2])
  const x0 = g.sub(x, g.mul(t, velocity))
  const x1 = g.add(x, g.mul(g.sub(1, t), velocity))
  const mean = g.add(g.mul(weightX0, x0), g.mul(weightX1, x1))
  const z = g.div(g.sub(xNext, mean), g.unsqueeze(std, [1, 2]))
  const squares = g.reduceSum(g.mul(mask, g.mul(z, z)), [1, 2])
  const dims = g.reduceSum(mask, [1, 2])
  const logNormalizer = g.mul(dims, g.add(g.log(std), 0.5 * Math.log(2 * Math.PI)))
  const logProb = g.sub(g.mul(squares, -0.5), logNormalizer)

  const logRatio = g.clip(g.sub(logProb, oldLogProb), -10, 10)
  const ratio = g.exp(logRatio)
  const clippedRatio = g.min(g.max(ratio, g.sub(1, clipRange)), g.add(1, clipRange))
  const surrogate = g.min(g.mul(ratio, advantage), g.mul(clippedRatio, advantage))
  g.output('loss', g.neg(g.reduceMean(surrogate)))
  g.output('approxKl', g.reduceMean(g.sub(g.sub(ratio, 1), logRatio)))
  g.output('clipFraction', g.reduceMean(g.cast(g.greater(g.abs(g.sub(ratio, 1)), clipRange), 'float32')))
  g.output('maxLogRatio', g.reduceMax(g.abs(logRatio)))
  return inlineDit(g.build(), dit, x)
}

/** Mean squared error of the value head. Inputs: hiddenStates [batch, L, width], returns [batch]. Output: loss. */
export function valueLoss(config: NanoConfig, store: ParameterStore): Model {
  const g = new GraphBuilder('value')
  const hiddenStates = hiddenStatesInput(g, config)
  const returns = g.input('returns', 'float32', ['batch'])
  const error = g.sub(valueHead(g, store, config, hiddenStates), returns)
  g.output('loss', g.reduceMean(g.mul(error, error)))
  return g.build()
}
