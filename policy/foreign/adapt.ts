import { UserError } from '@vla-gym/gymnasium'
import { GraphBuilder, inline, type Model, type Value, type ValueInfo } from '@vla-gym/onnx-grad'
import { hiddenTokens, type NanoConfig } from '../nano/config.js'
import { backboneInputs, ditInputs } from '../nano/graphs.js'
import type { ForeignExpert, ForeignGraph } from './manifest.js'
import { nameWeights } from './weights.js'

const describe = ({ dtype, shape }: ValueInfo): string => `${dtype} [${shape.join(', ')}]`

/** The inputs and the output of a foreign graph by our names. */
export interface ForeignInterface {
  readonly inputs: Readonly<Record<string, ValueInfo>>
  readonly output: ValueInfo
}

/**
 * Finds the inputs and the output that a manifest names.
 * @param known names of ours; those in `optional` may be absent
 * @throws UserError naming an input that is missing, or that nothing feeds
 */
export function interfaceOf(
  model: Model,
  graph: ForeignGraph,
  known: readonly string[],
  optional: readonly string[],
  where: string,
): ForeignInterface {
  const inputs: Record<string, ValueInfo> = {}
  const listed = model.inputs.map(({ name }) => name).join(', ')
  for (const ours of known) {
    const name = graph.inputs[ours] ?? ours
    const info = model.inputs.find((input) => input.name === name)
    if (info) inputs[ours] = info
    else if (!optional.includes(ours) || graph.inputs[ours] !== undefined)
      throw new UserError(`${where}: no input '${name}' for 'inputs.${ours}'; the graph has: ${listed}`)
  }
  const stray = model.inputs.find((input) => !Object.values(inputs).includes(input))
  if (stray)
    throw new UserError(
      `${where}: nothing feeds the input '${stray.name}'; 'inputs' may name ${known.join(', ')}`,
    )
  const output = model.outputs.find(({ name }) => name === graph.output)
  if (!output) {
    const names = model.outputs.map(({ name }) => name).join(', ')
    throw new UserError(`${where}: no output '${graph.output}' for 'output'; the graph has: ${names}`)
  }
  return { inputs, output }
}

/**
 * Checks type and shape; a number in `shape` must be that size or free, 'batch' must be free, 'any' is any fixed size.
 * @throws UserError naming file and input
 */
export function expectInfo(
  info: ValueInfo,
  dtype: string,
  shape: readonly (number | string)[],
  where: string,
): void {
  const fail = (hint: string) =>
    new UserError(`${where}: '${info.name}' is ${describe(info)}, not ${dtype} [${shape.join(', ')}]${hint}`)
  if (info.dtype !== dtype)
    throw fail(info.dtype === 'float16' ? ': export the model in float32 (model.float())' : '')
  if (info.shape.length !== shape.length) throw fail('')
  shape.forEach((wanted, axis) => {
    const dim = info.shape[axis]
    if (wanted === 'any' && typeof dim === 'string') throw fail(': give it a fixed size')
    if (wanted === 'any' || (typeof wanted === 'number' && (typeof dim === 'string' || dim === wanted)))
      return
    if (typeof wanted === 'string' && typeof dim === 'string') return
    throw fail(typeof wanted === 'string' ? `: export it with a free size for '${wanted}'` : '')
  })
}

/** Sizes of an action chunk, [H, K], read from the noisy actions. @throws UserError */
export function chunkOf({ inputs, output }: ForeignInterface, where: string): [number, number] {
  expectInfo(inputs.noisy_actions, 'float32', ['batch', 'any', 'any'], where)
  const [, chunkSize, actionDim] = inputs.noisy_actions.shape as [string, number, number]
  expectInfo(output, 'float32', ['batch', chunkSize, actionDim], where)
  return [chunkSize, actionDim]
}

/**
 * A foreign action expert behind the interface of `dit.onnx`: hiddenStates, noisyActions, timestep -> velocity.
 * A mask [batch, n] says which hidden states (or tokens) are no padding: here all; a mask [batch, H, K] which action
 * channels are real. A time that runs the other way is turned round, and the velocity with it.
 * @param actionMask [H, K] 1 on the robot's channels
 * @throws UserError naming file and input
 */
export function adaptExpert(
  model: Model,
  graph: ForeignExpert,
  found: ForeignInterface,
  config: NanoConfig,
  actionMask: Float32Array,
  where: string,
): Model {
  const { chunkSize, actionDim } = config
  expectInfo(found.inputs.hidden_states, 'float32', ['batch', hiddenTokens(config), config.width], where)
  const g = new GraphBuilder('dit')
  const { hiddenStates, noisyActions, timestep } = ditInputs(g, config)
  let time = timestep
  if (graph.noiseAt === 0) time = g.sub(1, time)
  if (graph.timestepScale !== 1) time = g.mul(time, graph.timestepScale)
  const isColumn = found.inputs.timestep.shape.length === 2
  expectInfo(found.inputs.timestep, 'float32', isColumn ? ['batch', 1] : ['batch'], where)
  const values: Record<string, Value> = {
    hidden_states: hiddenStates,
    noisy_actions: noisyActions,
    timestep: isColumn ? g.unsqueeze(time, [1]) : time,
  }
  if (found.inputs.mask) values.mask = maskValue(g, found.inputs.mask, config, actionMask, where)
  const raw = g.input('velocity.raw', 'float32', ['batch', chunkSize, actionDim])
  g.output('velocity', graph.noiseAt === 0 ? g.neg(raw) : raw)
  const named = nameWeights(model, graph, 'dit', where)
  return bind(g, named, found, values, raw, where)
}

function maskValue(
  g: GraphBuilder,
  info: ValueInfo,
  config: NanoConfig,
  actionMask: Float32Array,
  where: string,
): Value {
  const { chunkSize, actionDim } = config
  const isOfActions = info.shape.length === 3
  const size = info.shape[1]
  const tokens = typeof size === 'number' ? size : hiddenTokens(config)
  if (info.dtype !== 'bool' && info.dtype !== 'float32' && info.dtype !== 'int64')
    throw new UserError(`${where}: '${info.name}' is ${info.dtype}: a mask is bool, float32 or int64`)
  expectInfo(info, info.dtype, isOfActions ? ['batch', chunkSize, actionDim] : ['batch', tokens], where)
  const row = isOfActions
    ? g.constant(actionMask, [1, chunkSize, actionDim])
    : g.constant(new Float32Array(tokens).fill(1), [1, tokens])
  return g.expand(g.cast(row, info.dtype), ['batch', ...row.shape.slice(1)])
}

/**
 * A foreign backbone behind the interface of `backbone.onnx`. Prompt tokens with no prompt index are taken to be one row
 * for every image.
 * @throws UserError naming file and input
 */
export function adaptBackbone(
  model: Model,
  graph: ForeignGraph,
  found: ForeignInterface,
  config: NanoConfig,
  where: string,
): Model {
  const g = new GraphBuilder('backbone')
  const { image, state, promptTokens, promptIndex } = backboneInputs(g, config)
  const perImage = found.inputs.prompt_tokens && !found.inputs.prompt_index
  const values: Record<string, Value> = {
    image,
    state,
    prompt_tokens: perImage ? g.gather(promptTokens, promptIndex) : promptTokens,
    prompt_index: promptIndex,
  }
  for (const [ours, info] of Object.entries(found.inputs)) {
    const free = ours === 'prompt_tokens' && !perImage ? 'prompts' : 'batch'
    expectInfo(info, values[ours].dtype, [free, ...values[ours].shape.slice(1)], where)
  }
  const raw = g.input('hiddenStates.raw', 'float32', ['batch', hiddenTokens(config), config.width])
  g.output('hiddenStates', raw)
  return bind(g, nameWeights(model, graph, 'backbone', where), found, values, raw, where)
}

function bind(
  g: GraphBuilder,
  model: Model,
  { inputs, output }: ForeignInterface,
  values: Readonly<Record<string, Value>>,
  hole: Value,
  where: string,
): Model {
  const bindings = Object.entries(inputs).map(([ours, info]) => [info.name, values[ours].name])
  try {
    return inline(g.build(), model, {
      inputs: Object.fromEntries(bindings),
      outputs: { [output.name]: hole.name },
    })
  } catch (error) {
    throw new UserError(`${where}: ${(error as Error).message}`)
  }
}
