/** Putting one model into another: a network into a loss, a stranger's graph into an adapter. */
import { UserError } from './errors.js'
import type { Dim, GraphNode, Model, ValueInfo } from './model.js'
import { normalizeOpset } from './normalize.js'
import { sortNodes } from './prune.js'

export interface InlineBinding {
  /** What each input of the inner model reads: a value of the outer model, by name. */
  readonly inputs: Readonly<Record<string, string>>
  /** Inputs of the outer model that outputs of the inner one take the place of: inner name → outer name. */
  readonly outputs: Readonly<Record<string, string>>
}

/**
 * The outer model with the inner one inside. Some inputs of the outer model are holes: values that the inner model
 * computes from other values of the outer one. Names of the inner model stay, unless the outer one has them too; its
 * symbolic sizes become those of what it reads. UserError: an input that is not bound, or bound to a value that is
 * unknown or of another type or shape; a hole that is no input or that the inner model has no output for.
 */
export function inline(outer: Model, inner: Model, binding: InlineBinding): Model {
  const host = normalizeOpset(outer)
  const guest = normalizeOpset(inner)
  const sizes = new Map<string, Dim>()
  for (const input of guest.inputs) unify(input, boundValue(host, guest, binding, input), guest.name, sizes)

  const names = new Map(Object.entries(binding.inputs))
  const rename = renamer(valueNames(host), names)
  const renameNode = renamer(new Set(host.nodes.map(({ name }) => name)), new Map())
  const copies: GraphNode[] = []
  for (const [from, hole] of Object.entries(binding.outputs)) {
    if (!host.inputs.some(({ name }) => name === hole))
      throw new UserError(`inline: model '${host.name}' has no input '${hole}' to take the place of`)
    if (!guest.outputs.some(({ name }) => name === from))
      throw new UserError(`inline: model '${guest.name}' has no output '${from}'`)
    const isComputed = guest.nodes.some(({ outputs }) => outputs.includes(from))
    if (isComputed && !names.has(from)) names.set(from, hole)
    else
      copies.push({
        name: renameNode(`Output.${hole}`),
        op: 'Identity',
        inputs: [rename(from)],
        outputs: [hole],
        attributes: {},
      })
  }

  const nodes = guest.nodes.map((node) => ({
    ...node,
    name: renameNode(node.name),
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }))
  const holes = new Set(Object.values(binding.outputs))
  const valueInfo = new Map(host.valueInfo)
  for (const input of host.inputs) if (holes.has(input.name)) valueInfo.set(input.name, input)
  for (const info of guest.valueInfo?.values() ?? []) {
    const name = rename(info.name)
    const shape = info.shape.map((dim) => resize(dim, sizes))
    if (!valueInfo.has(name)) valueInfo.set(name, { ...info, name, shape })
  }
  const result: Model = {
    ...host,
    opset: Math.max(host.opset, guest.opset),
    inputs: host.inputs.filter(({ name }) => !holes.has(name)),
    nodes: [...host.nodes, ...nodes, ...copies],
    initializers: new Map([
      ...host.initializers,
      ...[...guest.initializers].map(([name, tensor]) => [rename(name), tensor] as const),
    ]),
    valueInfo,
  }
  return { ...result, nodes: sortNodes(result) }
}

function valueNames(model: Model): Set<string> {
  return new Set([
    ...model.inputs.map(({ name }) => name),
    ...model.initializers.keys(),
    ...model.nodes.flatMap(({ outputs }) => outputs),
  ])
}

/** Gives every name one of its own: itself, or with a number where it is taken. */
function renamer(taken: Set<string>, known: Map<string, string>): (name: string) => string {
  return (name) => {
    if (name === '') return ''
    let result = known.get(name)
    if (result === undefined) {
      result = name
      for (let i = 1; taken.has(result); i++) result = `${name}.${i}`
      known.set(name, result)
      taken.add(result)
    }
    return result
  }
}

function boundValue(host: Model, guest: Model, binding: InlineBinding, input: ValueInfo): ValueInfo {
  const name = binding.inputs[input.name]
  if (name === undefined)
    throw new UserError(`inline: input '${input.name}' of model '${guest.name}' is not bound`)
  const tensor = host.initializers.get(name)
  const value =
    host.inputs.find((info) => info.name === name) ??
    host.valueInfo?.get(name) ??
    (tensor && { name, dtype: tensor.dtype, shape: tensor.shape })
  if (!value) throw new UserError(`inline: model '${host.name}' has no value '${name}' of known shape`)
  return value
}

/** Learns what the symbolic sizes of an inner input are outside. */
function unify(input: ValueInfo, value: ValueInfo, model: string, sizes: Map<string, Dim>): void {
  const fits =
    input.dtype === value.dtype &&
    input.shape.length === value.shape.length &&
    input.shape.every((dim, i) => {
      const given = value.shape[i]
      if (typeof dim === 'number') return typeof given === 'string' || given === dim
      const known = sizes.get(dim) ?? given
      sizes.set(dim, known)
      return typeof known === 'string' || typeof given === 'string' || known === given
    })
  if (!fits)
    throw new UserError(
      `inline: input '${input.name}' of model '${model}' is ${input.dtype} [${input.shape}], ` +
        `given '${value.name}', ${value.dtype} [${value.shape}]`,
    )
}

const resize = (dim: Dim, sizes: ReadonlyMap<string, Dim>): Dim =>
  typeof dim === 'number'
    ? dim
    : (sizes.get(dim) ?? dim.replace(/[A-Za-z_]\w*/g, (symbol) => String(sizes.get(symbol) ?? symbol)))
