import { GraphBuilder, inline, type Model, type Value } from '@vla-gym/onnx-grad'
import { backboneInputs, hiddenStatesInput, type NanoConfig } from '../../policy/index.js'
import { inlineDit } from './inlineDit.js'

/**
 * Mean over active channels of the time-averaged squared error (Qwen-VLA, section on the action loss: padding
 * and robots with many joints do not dominate).
 * @param error [batch, H, K]
 * @param mask [batch, H, K] 1 where the entry is a real action
 * @returns scalar
 */
export function maskedMean(g: GraphBuilder, error: Value, mask: Value): Value {
  const overTime = g.reduceSum(g.mul(error, mask), [1])
  const steps = g.reduceSum(mask, [1])
  const perChannel = g.div(overTime, g.max(steps, 1))
  const activeChannels = g.reduceSum(g.min(steps, 1))
  return g.div(g.reduceSum(perChannel), g.max(activeChannels, 1))
}

/**
 * Flow-matching loss of a DiT: x_t = (1-t) a + t noise, target velocity = noise - a (openpi, Qwen-VLA).
 * Inputs: hiddenStates [batch, L, width], actions/noise/mask [batch, H, K], timestep [batch]. Output: `loss`.
 * @param dit a policy's graph of that name; its weights are initializers of the result
 */
export function flowMatchingLoss(config: NanoConfig, dit: Model): Model {
  const g = new GraphBuilder('flow_matching')
  hiddenStatesInput(g, config)
  return flowLoss(g, config, dit)
}

/** The same loss from pixels, backbone and DiT trained together. Output: `loss`. */
export function jointFlowMatchingLoss(config: NanoConfig, backbone: Model, dit: Model): Model {
  const g = new GraphBuilder('joint_flow_matching')
  const inputs = backboneInputs(g, config)
  hiddenStatesInput(g, config)
  return inline(flowLoss(g, config, dit), backbone, {
    inputs: Object.fromEntries(Object.values(inputs).map(({ name }) => [name, name])),
    outputs: { hiddenStates: 'hiddenStates' },
  })
}

/** Expects the value hiddenStates. */
function flowLoss(g: GraphBuilder, config: NanoConfig, dit: Model): Model {
  const chunk = ['batch', config.chunkSize, config.actionDim]
  const actions = g.input('actions', 'float32', chunk)
  const noise = g.input('noise', 'float32', chunk)
  const mask = g.input('mask', 'float32', chunk)
  const t = g.unsqueeze(g.input('timestep', 'float32', ['batch']), [1, 2])
  const noisyActions = g.add(g.mul(g.sub(1, t), actions), g.mul(t, noise))
  const velocity = g.input('velocity', 'float32', chunk)
  const error = g.sub(velocity, g.sub(noise, actions))
  g.output('loss', maskedMean(g, g.mul(error, error), mask))
  return inlineDit(g.build(), dit, noisyActions)
}
