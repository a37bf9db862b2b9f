import { GraphBuilder, inline, type Model } from '@vla-gym/onnx-grad'
import {
  hiddenStatesInput,
  type NanoConfig,
  type ParameterStore,
  type Sampler,
  valueHead,
} from '../../policy/index.js'

/**
 * Clipped objective of PPO (Schulman et al., arXiv 1707.06347, eq. 7) on whole decisions, plus the entropy of the
 * exploration where that is learned. How probable a decision is, the sampler knows; the log-probability sums over the
 * executed steps and the real channels (`mask`).
 *
 * Inputs: hiddenStates [batch, L, width]; mask [batch, H, K]; oldLogProb, advantage [batch]; clipRange scalar; those of
 * the sampler.
 * Outputs (scalars): loss, approxKl (mean of r - 1 - log r), clipFraction, maxLogRatio (largest |log r|); entropy.
 * @param dit a policy's graph of that name; its weights are initializers of the result
 */
export function ppoLoss(config: NanoConfig, dit: Model, sampler: Sampler): Model {
  const g = new GraphBuilder('ppo')
  const hiddenStates = hiddenStatesInput(g, config)
  const mask = g.input('mask', 'float32', ['batch', config.chunkSize, config.actionDim])
  const oldLogProb = g.input('oldLogProb', 'float32', ['batch'])
  const advantage = g.input('advantage', 'float32', ['batch'])
  const clipRange = g.input('clipRange', 'float32', [])
  const { logProb, entropy, dit: at } = sampler.logProb(g, hiddenStates, mask)

  const logRatio = g.clip(g.sub(logProb, oldLogProb), -10, 10)
  const ratio = g.exp(logRatio)
  const clippedRatio = g.min(g.max(ratio, g.sub(1, clipRange)), g.add(1, clipRange))
  const surrogate = g.min(g.mul(ratio, advantage), g.mul(clippedRatio, advantage))
  const policyLoss = g.neg(g.reduceMean(surrogate))
  g.output('loss', entropy ? g.sub(policyLoss, g.mul(entropy, sampler.entropyCoefficient)) : policyLoss)
  g.output('approxKl', g.reduceMean(g.sub(g.sub(ratio, 1), logRatio)))
  g.output('clipFraction', g.reduceMean(g.cast(g.greater(g.abs(g.sub(ratio, 1)), clipRange), 'float32')))
  g.output('maxLogRatio', g.reduceMax(g.abs(logRatio)))
  if (entropy) g.output('entropy', entropy)
  // Whoever made the DiT's graph, it is the one that acts in the rollouts.
  return inline(g.build(), dit, {
    inputs: {
      hiddenStates: at.hiddenStates.name,
      noisyActions: at.noisyActions.name,
      timestep: at.timestep.name,
    },
    outputs: { velocity: 'velocity' },
  })
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
