import { GraphBuilder, type Value } from './builder.js'
import { onnxDataType } from './codec.js'
import { gradientName } from './differentiate.js'
import { sameShape } from './dims.js'
import { UserError } from './errors.js'
import { type GraphNode, isFloat, type Model } from './model.js'
import { producersOf } from './rewrite.js'

/** Where the forward pass is cut: at these values, or at every n-th value of the residual stream. */
export type RecomputeOptions = { readonly boundaries: readonly string[] } | { readonly every: number }

/**
 * A differentiated model whose backward pass computes the activations between boundaries again, block by block,
 * instead of keeping them (Chen et al., arXiv 1604.06174). Kept are the boundaries, what passes from one block
 * to another (a timestep embedding, say), what the last block computes, integers and random numbers. The
 * gradients are the same but for rounding (the runtime may fuse nodes differently); the price is about one more
 * forward pass.
 *
 * A node that is computed again reads its block's input plus 0 · g, with g from the gradient that has just been
 * computed. So the runtime can neither take it for the same as the node of the forward pass nor run it early.
 *
 * To be applied before the optimiser is added. UserError: no gradient output, an unknown boundary, one that is
 * no activation, or no residual stream to be found.
 */
export function recomputeActivations(model: Model, options: RecomputeOptions): Model {
  const g = GraphBuilder.from(model)
  const nodes = [...g.nodeList]
  const isGradient = (name: string) => name.startsWith(gradientName(''))
  if (!model.outputs.some((output) => isGradient(output.name)))
    throw new UserError(
      `recomputeActivations: model '${model.name}' has no gradients: differentiate it first`,
    )
  const forward = nodesOf(
    nodes,
    model.outputs.map((output) => output.name).filter((name) => !isGradient(name)),
  )
  const boundaries =
    'every' in options
      ? residualStream(g, nodes, forward, options.every)
      : checkedBoundaries(model, forward, options.boundaries)
  const { blocks, depths } = blocksOf(model, nodes, forward, boundaries)
  const activations = activationsOf(g, model, nodes)
  const rewritten = rewrite(g, nodes, blocks, depths, activations, dropped(model, blocks, activations))
  return { ...g.build(), nodes: rewritten, valueInfo: undefined }
}

/** Values `y = x + f(x)`, every n-th one of them. */
function residualStream(
  g: GraphBuilder,
  nodes: readonly GraphNode[],
  forward: ReadonlySet<GraphNode>,
  every: number,
): string[] {
  if (!Number.isInteger(every) || every < 1)
    throw new UserError(`recomputeActivations: every ${every} is no positive integer`)
  const producers = producersOf(nodes)
  const dependsOn = (name: string, on: string): boolean => {
    const seen = new Set<string>()
    const open = [name]
    for (let value = open.pop(); value !== undefined; value = open.pop())
      for (const input of producers.get(value)?.inputs ?? []) {
        if (input === on) return true
        if (!seen.has(input)) open.push(input)
        seen.add(input)
      }
    return false
  }
  const isActivation = (value: Value | undefined) => value !== undefined && producers.has(value.name)
  const stream = nodes.filter((node) => {
    if (node.op !== 'Add' || !forward.has(node)) return false
    const [a, b, y] = [...node.inputs, node.outputs[0]].map((name) => g.info(name))
    if (!a || !b || !y) return false
    return [
      [a, b],
      [b, a],
    ].some(([x, f]) => sameShape(x.shape, y.shape) && isActivation(x) && dependsOn(f.name, x.name))
  })
  if (stream.length === 0)
    throw new UserError('recomputeActivations: found no residual stream x + f(x): name the boundaries')
  return stream.filter((_, i) => (i + 1) % every === 0).map((node) => node.outputs[0])
}

function checkedBoundaries(
  model: Model,
  forward: ReadonlySet<GraphNode>,
  names: readonly string[],
): readonly string[] {
  const values = new Set([...forward].flatMap((node) => node.outputs))
  for (const name of names)
    if (!values.has(name))
      throw new UserError(
        `recomputeActivations: boundary '${name}' is no value of the forward pass of model '${model.name}'`,
      )
  return names
}

/** Nodes that these values depend on. */
function nodesOf(nodes: readonly GraphNode[], values: readonly string[]): Set<GraphNode> {
  const needed = new Set(values)
  const found = new Set<GraphNode>()
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue
    found.add(node)
    for (const name of node.inputs) needed.add(name)
  }
  return found
}

/**
 * Blocks of the forward nodes: the number of boundaries, one after the other, that a node depends on; and the
 * depth of the values, which is that of their block, for boundaries that of the block that begins with them.
 */
function blocksOf(
  model: Model,
  nodes: readonly GraphNode[],
  forward: ReadonlySet<GraphNode>,
  boundaries: readonly string[],
) {
  const isBoundary = new Set(boundaries)
  const depths = new Map<string, number>()
  const blocks = new Map<GraphNode, number>()
  for (const node of nodes) {
    if (!forward.has(node)) continue
    const block = deepest(node.inputs, depths)
    blocks.set(node, block)
    for (const name of node.outputs) depths.set(name, isBoundary.has(name) ? block + 1 : block)
  }
  if (boundaries.length > 0 && Math.max(...blocks.values()) === 0)
    throw new UserError(`recomputeActivations: nothing in model '${model.name}' depends on the boundaries`)
  return { blocks, depths }
}

const deepest = (names: readonly string[], depths: ReadonlyMap<string, number>): number =>
  Math.max(0, ...names.map((name) => depths.get(name) ?? 0))

/** Random numbers must not be drawn again, and control flow is left alone. */
const isRepeatable = (node: GraphNode): boolean =>
  !/Random|Bernoulli|Multinomial|Dropout|Loop|Scan|^If$/.test(node.op)

/** Float values that depend on the model's inputs, not only on its weights. */
function activationsOf(g: GraphBuilder, model: Model, nodes: readonly GraphNode[]): Set<string> {
  const dynamic = new Set(model.inputs.map((input) => input.name))
  for (const node of nodes)
    if (node.inputs.some((name) => dynamic.has(name))) for (const name of node.outputs) dynamic.add(name)
  return new Set([...dynamic].filter((name) => isFloat(g.info(name)?.dtype ?? 'bool')))
}

/** The activations that are not kept, with the nodes that compute them. */
function dropped(
  model: Model,
  blocks: ReadonlyMap<GraphNode, number>,
  activations: ReadonlySet<string>,
): Map<string, GraphNode> {
  const lastBlock = Math.max(...blocks.values())
  const result = new Map<string, GraphNode>()
  for (const [node, block] of blocks) {
    const delayable = node.inputs.some((name) => activations.has(name))
    if (block === lastBlock || !isRepeatable(node) || !delayable) continue
    for (const name of node.outputs) if (activations.has(name)) result.set(name, node)
  }
  for (const { name } of model.outputs) result.delete(name)
  for (const [node, block] of blocks)
    for (const name of node.inputs) if (blocks.get(result.get(name)!) !== block) result.delete(name)
  return result
}

/** The nodes of the model, the backward pass reading copies of what is dropped. */
function rewrite(
  g: GraphBuilder,
  nodes: readonly GraphNode[],
  blocks: ReadonlyMap<GraphNode, number>,
  forwardDepths: ReadonlyMap<string, number>,
  activations: ReadonlySet<string>,
  drops: ReadonlyMap<string, GraphNode>,
): GraphNode[] {
  const result: GraphNode[] = []
  const depths = new Map(forwardDepths)
  const copies = new Map<string, string>()
  const delays = new Map<string, string>()
  /** Float values of the backward pass so far. */
  const computed: Value[] = []
  const triggers = new Map<number, Value | undefined>()
  const emit = (name: string, op: string, inputs: string[], attributes: GraphNode['attributes'] = {}) => {
    result.push({ name, op, inputs, outputs: [name], attributes })
    return name
  }

  /**
   * What has to be there before a block is computed again: the last value computed so far that depends on what
   * comes after the block. There is none while the backward pass has only seen constants.
   */
  const triggerOf = (block: number): Value | undefined => {
    const known = triggers.get(block)
    if (known) return known
    const trigger = computed.findLast((value) => deepest([value.name], depths) > block)
    triggers.set(block, trigger)
    return trigger
  }
  /** name + 0 · trigger */
  const delayed = (name: string, block: number, trigger: Value): string => {
    const part = (what: string) => `recompute.${block}.${what}`
    const once = (key: string, write: () => string): string => {
      const known = delays.get(key)
      if (known) return known
      delays.set(key, write())
      return delays.get(key)!
    }
    const zero = once(part('zero'), () => {
      const flat = emit(part('flat'), 'Reshape', [trigger.name, g.constant([-1], undefined, 'int64').name])
      const first = emit(part('first'), 'Gather', [flat, g.constant(0, [], 'int64').name])
      return emit(part('zero'), 'Mul', [first, g.constant(0, [], trigger.dtype).name])
    })
    const { dtype } = g.value(name)
    const to = { to: { type: 'int' as const, value: onnxDataType(dtype) } }
    const same =
      dtype === trigger.dtype ? zero : once(part(dtype), () => emit(part(dtype), 'Cast', [zero], to))
    return once(part(name), () => emit(part(name), 'Add', [name, same]))
  }
  const copyOf = (value: string): string => {
    const known = copies.get(value)
    if (known) return known
    const node = drops.get(value)!
    const block = blocks.get(node)!
    const trigger = triggerOf(block)
    if (!trigger) return value
    const inputs = node.inputs.map((name) => (drops.has(name) ? copyOf(name) : name))
    if (!node.inputs.some((name) => drops.has(name))) {
      const at = inputs.findIndex((name) => activations.has(name))
      inputs[at] = delayed(inputs[at], block, trigger)
    }
    const outputs = node.outputs.map((name) => name && `recompute.${name}`)
    for (const [i, name] of node.outputs.entries()) {
      copies.set(name, outputs[i])
      depths.set(outputs[i], deepest([trigger.name], depths))
    }
    result.push({ ...node, name: `recompute.${node.name}`, inputs, outputs })
    return copies.get(value)!
  }

  for (const node of nodes) {
    if (blocks.has(node)) {
      result.push(node)
      continue
    }
    const inputs = node.inputs.map((name) => (drops.has(name) ? copyOf(name) : name))
    result.push({ ...node, inputs })
    for (const name of node.outputs) depths.set(name, deepest(inputs, depths))
    const value = g.info(node.outputs[0])
    if (value && isFloat(value.dtype)) computed.push(value)
  }
  return result
}
