import { Rng } from '@vla-gym/gymnasium'
import { GraphBuilder, type Model, type Value } from '@vla-gym/onnx-grad'
import { ParameterStore, type Parameters } from '../parameters.js'
import { type BackboneInputs, backbone } from './backbone.js'
import { hiddenTokens, type NanoConfig } from './config.js'
import { type DitInputs, dit } from './dit.js'
import { groundingHead } from './groundingHead.js'
import { valueHead } from './valueHead.js'

/** The graph inputs of the backbone, for inference and training graphs alike. */
export const backboneInputs = (g: GraphBuilder, config: NanoConfig): BackboneInputs => ({
  image: g.input('image', 'uint8', ['batch', config.imageHeight, config.imageWidth, 3]),
  state: g.input('state', 'float32', ['batch', config.stateDim]),
  promptTokens: g.input('promptTokens', 'int64', ['prompts', config.promptLength]),
  promptIndex: g.input('promptIndex', 'int64', ['batch']),
})

export const hiddenStatesInput = (g: GraphBuilder, config: NanoConfig): Value =>
  g.input('hiddenStates', 'float32', ['batch', hiddenTokens(config), config.width])

/** The graph inputs of the DiT. */
export const ditInputs = (g: GraphBuilder, config: NanoConfig): DitInputs => ({
  hiddenStates: hiddenStatesInput(g, config),
  noisyActions: g.input('noisyActions', 'float32', ['batch', config.chunkSize, config.actionDim]),
  timestep: g.input('timestep', 'float32', ['batch']),
})

type Block = (g: GraphBuilder, store: ParameterStore) => Value

function model(name: string, outputName: string, store: ParameterStore, block: Block): Model {
  const g = new GraphBuilder(name)
  g.output(outputName, block(g, store))
  return g.build()
}

const blocks = {
  backbone:
    (config: NanoConfig): Block =>
    (g, store) =>
      backbone(g, store, config, backboneInputs(g, config)),
  dit:
    (config: NanoConfig): Block =>
    (g, store) =>
      dit(g, store, config, ditInputs(g, config)),
  value:
    (config: NanoConfig): Block =>
    (g, store) =>
      valueHead(g, store, config, hiddenStatesInput(g, config)),
  grounding:
    (config: NanoConfig): Block =>
    (g, store) =>
      groundingHead(g, store, config, hiddenStatesInput(g, config)),
}
const existing = (parameters: Parameters) => new ParameterStore(parameters, null)

/** image, state, promptTokens, promptIndex -> hiddenStates [batch, L, width]. */
export const backboneModel = (config: NanoConfig, parameters: Parameters): Model =>
  model('backbone', 'hiddenStates', existing(parameters), blocks.backbone(config))

/** hiddenStates, noisyActions, timestep -> velocity [batch, H, K]. */
export const ditModel = (config: NanoConfig, parameters: Parameters): Model =>
  model('dit', 'velocity', existing(parameters), blocks.dit(config))

/** hiddenStates -> value [batch]. */
export const valueModel = (config: NanoConfig, parameters: Parameters): Model =>
  model('value', 'value', existing(parameters), blocks.value(config))

/** hiddenStates -> grounding [batch, 9]. */
export const groundingModel = (config: NanoConfig, parameters: Parameters): Model =>
  model('grounding', 'grounding', existing(parameters), blocks.grounding(config))

/** Inputs and outputs that a graph must have to serve as a part of a policy. */
export const signatures = {
  backbone: (config: NanoConfig) => {
    const g = new GraphBuilder('signature')
    return { inputs: Object.values(backboneInputs(g, config)), outputs: [hiddenStatesInput(g, config)] }
  },
  dit: (config: NanoConfig) => {
    const inputs = ditInputs(new GraphBuilder('signature'), config)
    return { inputs: Object.values(inputs), outputs: [{ ...inputs.noisyActions, name: 'velocity' }] }
  },
}

/**
 * New weights of every block, or of some. Same seed, same weights; independent of the order in which blocks are built.
 */
export function initParameters(
  config: NanoConfig,
  seed: number,
  parts = Object.keys(blocks) as (keyof typeof blocks)[],
): Parameters {
  const store = new ParameterStore(null, Rng.fromSeed(seed, 'parameters'))
  for (const part of parts) model('init', 'out', store, blocks[part](config))
  return store.parameters
}
