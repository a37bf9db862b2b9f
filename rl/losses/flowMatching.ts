import { GraphBuilder, type Model, type Value } from '@vla-gym/onnx-grad'
import {
  backbone,
  backboneInputs,
  dit,
  hiddenStatesInput,
  type NanoConfig,
  type ParameterStore,
} from '../../policy/index.js'

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
 * Flow-matching loss of the DiT: x_t = (1-t) a + t noise, target velocity = noise - a (openpi, Qwen-VLA).
 * Inputs: hiddenStates [batch, L, width], actions/noise/mask [batch, H, K], timestep [batch]. Output: `loss`.
 */
export function flowMatchingLoss(config: NanoConfig, store: ParameterStore): Model {
  const g = new GraphBuilder('flow_matching')
  const hiddenStates = hiddenStatesInput(g, config)
  g.output('loss', flowLoss(g, config, store, hiddenStates))
  return g.build()
}

/** The same loss from pixels, backbone and DiT trained together. Output: `loss`. */
export function jointFlowMatchingLoss(config: NanoConfig, store: ParameterStore): Model {
  const g = new GraphBuilder('joint_flow_matching')
  const hiddenStates = backbone(g, store, config, backboneInputs(g, config))
  g.output('loss', flowLoss(g, config, store, hiddenStates))
  return g.build()
}

function flowLoss(g: GraphBuilder, config: NanoConfig, store: ParameterStore, hiddenStates: Value): Value {
  const chunk = ['batch', config.chunkSize, config.actionDim]
  const actions = g.input('actions', 'float32', chunk)
  const noise = g.input('noise', 'float32', chunk)
  const mask = g.input('mask', 'float32', chunk)
  const timestep = g.input('timestep', 'float32', ['batch'])
  const t = g.unsqueeze(timestep, [1, 2])
  const noisyActions = g.add(g.mul(g.sub(1, t), actions), g.mul(t, noise))
  const velocity = dit(g, store, config, { hiddenStates, noisyActions, timestep })
  const error = g.sub(velocity, g.sub(noise, actions))
  return maskedMean(g, g.mul(error, error), mask)
}
