import { GraphBuilder, type Value } from './builder.js'
import { UserError } from './errors.js'
import { carriesGradient, gradientRule } from './gradients/index.js'
import { zeros } from './gradients/rule.js'
import { stopGradientPrefix } from './graphWriter.js'
import { type GraphNode, isFloat, type Model } from './model.js'
import { pruneModel } from './prune.js'
import { simplify } from './simplify/index.js'

export interface DifferentiateOptions {
  /** Name of a scalar float output. */
  readonly loss: string
  /** Names of the float inputs or initializers to differentiate by. */
  readonly wrt: readonly string[]
}

/** Name of the output that holds the gradient with respect to a value. */
export const gradientName = (name: string): string => `grad.${name}`

/**
 * The model with outputs `grad.<name>`, the derivative of the loss with respect to each name, by reverse-mode
 * differentiation of the graph: ordinary operators only, no gradient that `wrt` does not need, dead nodes
 * removed. A name that the loss does not depend on has gradient zero.
 *
 * UserError: loss not a scalar float output, wrt unknown or not float, a cycle, a value that nothing defines,
 * an operator without gradient rule (or a form of it that the rule does not cover) between wrt and loss.
 */
export function differentiate(model: Model, options: DifferentiateOptions): Model {
  const g = GraphBuilder.from(simplify(model))
  const nodes = [...g.nodeList]
  const loss = lossValue(g, model, options.loss)
  for (const name of options.wrt) checkWrt(g, model, name)
  const reached = valuesFrom(g, nodes, options.wrt)
  const gradients = new Map<string, Value[]>()
  if (reached.has(loss.name)) gradients.set(loss.name, [g.constant(1, loss.shape as number[], loss.dtype)])
  const gradientOf = (name: string): Value | undefined => {
    const parts = gradients.get(name)
    if (!parts) return undefined
    const sum = parts.length <= 2 ? parts.reduce((a, b) => g.add(a, b)) : g.emit('Sum', parts)[0]
    gradients.set(name, [sum])
    return sum
  }
  const { leadsOn, onPath } = pathsTo(loss.name, g, nodes, reached)
  const path = (at: GraphNode): string => describePath(at, reached, leadsOn, loss.name)
  // Before any rule runs: behind an operator without a rule, shapes may not be known either.
  const strange = onPath.find((node) => !gradientRule(node.op))
  if (strange) throw failure(strange, 'this operator has no gradient', path)
  for (const node of nodes.reverse()) {
    const dys = node.outputs.map((name) => (name ? gradientOf(name) : undefined))
    const wanted = node.inputs.map((name, i) => passes(g, node, i) && reached.has(name))
    if (!dys.some((dy) => dy) || !wanted.includes(true)) continue
    const dxs = inputGradients(g, node, dys, wanted, path)
    node.inputs.forEach((name, i) => {
      const dx = dxs[i]
      if (!wanted[i] || !dx) return
      const parts = gradients.get(name)
      if (parts) parts.push(dx)
      else gradients.set(name, [dx])
    })
  }
  for (const name of new Set(options.wrt))
    g.output(gradientName(name), gradientOf(name) ?? zeros(g, g.value(name)))
  return tidy(g.build(), model, options.wrt)
}

const failure = (node: GraphNode, problem: string, path: (node: GraphNode) => string): UserError =>
  new UserError(`node '${node.name}' (${node.op}): ${problem}; it lies on the path ${path(node)}`)

function inputGradients(
  g: GraphBuilder,
  node: GraphNode,
  dys: readonly (Value | undefined)[],
  wanted: readonly boolean[],
  path: (node: GraphNode) => string,
): readonly (Value | undefined)[] {
  const fail = (problem: string) => failure(node, problem, path)
  const rule = gradientRule(node.op)!
  const primary = dys[0]
  // Of the operators with rules only Split has several outputs; the others must not be asked for more.
  if (node.op !== 'Split' && dys.some((dy, i) => i > 0 && dy))
    throw fail('a secondary output has no gradient')
  return rule({
    g,
    node,
    dy: primary ?? dys.find((dy) => dy)!,
    outputGradients: dys,
    needs: (i) => wanted[i] === true,
    input: (i) => g.value(node.inputs[i]),
    output: (i) => g.value(node.outputs[i]),
    hasInput: (i) => Boolean(node.inputs[i]),
    unsupported: (what) => fail(`${what} is not supported by its gradient`),
  })
}

/** For each value between wrt and loss the node that it is read by on its way to the loss; those nodes in order. */
function pathsTo(
  loss: string,
  g: GraphBuilder,
  nodes: readonly GraphNode[],
  reached: ReadonlyMap<string, unknown>,
): { leadsOn: Map<string, GraphNode>; onPath: GraphNode[] } {
  const leadsOn = new Map<string, GraphNode>()
  const onPath: GraphNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => name === loss || leadsOn.has(name))) continue
    const read = node.inputs.filter((name, i) => passes(g, node, i) && reached.has(name))
    if (read.length) onPath.push(node)
    for (const name of read) if (!leadsOn.has(name)) leadsOn.set(name, node)
  }
  return { leadsOn, onPath: onPath.reverse() }
}

/** Whether gradients pass through the node to that input. */
const passes = (g: GraphBuilder, node: GraphNode, input: number): boolean =>
  carriesGradient(node.op, input) &&
  !(node.op === 'Identity' && node.name.startsWith(stopGradientPrefix)) &&
  node.outputs.some((name) => {
    const info = g.info(name)
    return !info || isFloat(info.dtype)
  })

/** Values that depend on `wrt` through differentiable operators, with the node and input they came through. */
function valuesFrom(g: GraphBuilder, nodes: readonly GraphNode[], wrt: readonly string[]) {
  const reached = new Map<string, { node: GraphNode; from: string } | undefined>()
  for (const name of wrt) reached.set(name, undefined)
  for (const node of nodes) {
    const from = node.inputs.find((name, i) => reached.has(name) && passes(g, node, i))
    if (from === undefined) continue
    for (const name of node.outputs) {
      const info = g.info(name)
      if (name && !reached.has(name) && (!info || isFloat(info.dtype))) reached.set(name, { node, from })
    }
  }
  return reached
}

/** "w → MatMul.3 → [Foo.4] → loss", with the node in question in brackets. */
function describePath(
  node: GraphNode,
  reached: ReadonlyMap<string, { node: GraphNode; from: string } | undefined>,
  leadsOn: ReadonlyMap<string, GraphNode>,
  loss: string,
): string {
  const before: string[] = []
  let name = node.inputs.find((input) => reached.has(input))!
  for (let step = reached.get(name); step; step = reached.get(name)) {
    before.unshift(step.node.name || step.node.op)
    name = step.from
  }
  const after: string[] = []
  let value = node.outputs.find((output) => output === loss || leadsOn.has(output))
  while (value && value !== loss) {
    const next: GraphNode | undefined = leadsOn.get(value)
    if (!next) break
    after.push(next.name || next.op)
    value = next.outputs.find((output) => output === loss || leadsOn.has(output))
  }
  return [name, ...shortened(before), `[${node.name || node.op}]`, ...shortened(after), loss].join(' → ')
}

const shortened = (names: string[]): string[] =>
  names.length <= 8 ? names : [...names.slice(0, 4), `… ${names.length - 8} more …`, ...names.slice(-4)]

function lossValue(g: GraphBuilder, model: Model, name: string): Value {
  if (!model.outputs.some((output) => output.name === name))
    throw new UserError(
      `loss '${name}' is no output of model '${model.name}'; its outputs: ${model.outputs.map((o) => o.name).join(', ')}`,
    )
  const value = g.value(name)
  if (!isFloat(value.dtype))
    throw new UserError(`loss '${name}' is ${value.dtype}: it must be a float scalar`)
  if (value.shape.some((dim) => dim !== 1))
    throw new UserError(`loss '${name}' has shape [${value.shape}]: reduce it to a scalar`)
  return value
}

function checkWrt(g: GraphBuilder, model: Model, name: string): void {
  const isInput = model.inputs.some((input) => input.name === name)
  if (!isInput && !model.initializers.has(name))
    throw new UserError(`wrt '${name}' is neither an input nor an initializer of model '${model.name}'`)
  const { dtype } = g.value(name)
  if (!isFloat(dtype)) throw new UserError(`wrt '${name}' is ${dtype}: only floats have gradients`)
}

/** Without dead nodes; the inputs stay as they were, and so do the weights that were asked for. */
function tidy(result: Model, original: Model, wrt: readonly string[]): Model {
  const pruned = pruneModel(
    result,
    result.outputs.map((output) => output.name),
  )
  const initializers = new Map(
    [...result.initializers].filter(([name]) => pruned.initializers.has(name) || wrt.includes(name)),
  )
  return { ...pruned, inputs: [...original.inputs], initializers }
}
