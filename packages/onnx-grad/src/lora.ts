import { Rng, UserError } from '@vla-gym/gymnasium'
import { floatAttribute, intAttribute, intsAttribute } from './attributes.js'
import { type GraphNode, isHalf, type Model, type TensorData } from './model.js'
import { halfBits, halfValues } from './precision.js'
import { producersOf } from './rewrite.js'

export interface LoraOptions {
  /**
   * Weights to adapt, by name or pattern: '*' stands for any text. Those that no MatMul or Gemm reads do not
   * count.
   */
  readonly targets: readonly string[]
  readonly rank: number
  /** The product is scaled by alpha / rank; alpha is the rank unless given. */
  readonly alpha?: number
  readonly seed: number
}

/** A weight as a MatMul or Gemm reads it. */
interface Use {
  readonly node: GraphNode
  readonly weight: string
  /** Whether the node multiplies with the transpose of what the initializer holds. */
  readonly transposed: boolean
}

const prefix = 'lora.'
const nameA = (weight: string): string => `${prefix}A.${weight}`
const nameB = (weight: string): string => `${prefix}B.${weight}`
const nameScale = (weight: string): string => `${prefix}scale.${weight}`

/** The adapters of a model, which are what is trained: their initializers, A before B. */
export const loraParameters = (model: Model): string[] =>
  [...model.initializers.keys()].filter((name) => name.startsWith(nameA('')) || name.startsWith(nameB('')))

/** The adapters of one weight. */
export const loraNames = (weight: string): string[] => [nameA(weight), nameB(weight)]

/** The weights that adapters can be put on: matrices that a MatMul or Gemm multiplies from the right. */
export function loraTargets(model: Model): string[] {
  return [...new Set(usesOf(model).map((use) => use.weight))]
}

/**
 * Low-rank adapters (Hu et al., arXiv 2106.09685): each product x W with a target becomes x W + (alpha / rank)
 * (x A) B. A [in, rank] is Gaussian with deviation 1/√in, B [rank, out] is zero, so the model computes what it
 * did. They are the initializers `lora.A.<weight>` and `lora.B.<weight>`, float32, to differentiate by and to
 * train; a weight that several nodes read has one pair. Weights may be read through Transpose, Identity and
 * Cast nodes or by Gemm with transB, and may be stored in half precision.
 * UserError: a pattern that fits no such weight, a target that other operators read too or that has
 * an adapter, a bad rank.
 */
export function withLora(model: Model, options: LoraOptions): Model {
  const { rank, alpha = rank } = options
  if (!Number.isInteger(rank) || rank < 1)
    throw new UserError(`withLora: rank ${rank} is no positive integer`)
  const uses = usesOf(model)
  const targets = matching(model, uses, options.targets)
  const rng = Rng.fromSeed(options.seed, 'lora')
  for (const weight of targets)
    if (model.initializers.has(nameA(weight)))
      throw new UserError(`withLora: '${weight}' has an adapter already: merge it first`)
  const initializers = new Map(model.initializers)
  for (const use of uses) {
    if (!targets.has(use.weight) || initializers.has(nameA(use.weight))) continue
    const [into, out] = shapeOf(model, use)
    const a = rng.split(use.weight).fillNormal(new Float32Array(into * rank))
    for (let i = 0; i < a.length; i++) a[i] /= Math.sqrt(into)
    initializers.set(nameA(use.weight), { dtype: 'float32', shape: [into, rank], data: a })
    const b = new Float32Array(rank * out)
    initializers.set(nameB(use.weight), { dtype: 'float32', shape: [rank, out], data: b })
    const scale = Float32Array.of(alpha / rank)
    initializers.set(nameScale(use.weight), { dtype: 'float32', shape: [], data: scale })
  }
  const adapted = new Map(uses.filter((use) => targets.has(use.weight)).map((use) => [use.node, use.weight]))
  const nodes = model.nodes.flatMap((node) => {
    const weight = adapted.get(node)
    return weight === undefined ? [node] : withAdapter(node, weight)
  })
  return { ...model, nodes, initializers }
}

/**
 * The model without adapters, their products added to the weights that they adapt: what the adapted model
 * computes, but for rounding. `trained` holds values of `lora.A.*` and `lora.B.*` where they are not those in
 * the model.
 * UserError: a model without adapters, or tensors of another size.
 */
export function mergeLora(model: Model, trained: ReadonlyMap<string, TensorData> = new Map()): Model {
  const weights = loraParameters(model)
    .filter((name) => name.startsWith(nameA('')))
    .map((name) => name.slice(nameA('').length))
  if (weights.length === 0) throw new UserError(`model '${model.name}' has no LoRA adapters`)
  const initializers = new Map([...model.initializers].filter(([name]) => !name.startsWith(prefix)))
  const transposed = new Map(usesOf(model).map((use) => [use.weight, use.transposed]))
  const adapter = (name: string): TensorData => {
    const own = model.initializers.get(name)!
    const tensor = trained.get(name) ?? own
    if (tensor.data.length !== own.data.length)
      throw new UserError(`mergeLora: '${name}' has ${tensor.data.length} elements, not ${own.data.length}`)
    return tensor
  }
  for (const weight of weights) {
    const scale = Number(model.initializers.get(nameScale(weight))!.data[0])
    const delta = product(adapter(nameA(weight)), adapter(nameB(weight)), scale, transposed.get(weight)!)
    initializers.set(weight, sum(initializers.get(weight)!, delta))
  }
  const nodes = model.nodes
    .filter((node) => !node.name.startsWith(prefix))
    .map((node) => ({ ...node, outputs: node.outputs.map(withoutPrefix) }))
  return { ...model, nodes, initializers }
}

const basePrefix = `${prefix}base.`
const withoutPrefix = (name: string): string =>
  name.startsWith(basePrefix) ? name.slice(basePrefix.length) : name

/** The node under another output name, and the nodes that add the adapters' product to it. */
function withAdapter(node: GraphNode, weight: string): GraphNode[] {
  const output = node.outputs[0]
  const name = (part: string): string => `${prefix}${part}.${output}`
  const step = (op: string, part: string, inputs: string[], result = name(part)): GraphNode => ({
    name: name(part),
    op,
    inputs,
    outputs: [result],
    attributes: {},
  })
  const isGemm = node.op === 'Gemm'
  const transA = isGemm && intAttribute(node, 'transA', 0) === 1
  const alpha = isGemm ? floatAttribute(node, 'alpha', 1) : 1
  const x = transA ? name('x') : node.inputs[0]
  const down: GraphNode[] = [
    ...(transA ? [step('Transpose', 'x', [node.inputs[0]])] : []),
    step('MatMul', 'down', [x, nameA(weight)]),
    step('Mul', 'scaled', [name('down'), nameScale(weight)]),
  ]
  // Gemm's own factor goes onto the small product as well.
  const factor: GraphNode[] =
    alpha === 1
      ? []
      : [
          {
            ...step('Constant', 'alpha', []),
            attributes: { value_float: { type: 'float', value: alpha } },
          },
          step('Mul', 'factored', [name('scaled'), name('alpha')]),
        ]
  return [
    { ...node, outputs: [basePrefix + output] },
    ...down,
    ...factor,
    step('MatMul', 'up', [alpha === 1 ? name('scaled') : name('factored'), nameB(weight)]),
    step('Add', 'add', [basePrefix + output, name('up')], output),
  ]
}

/** All products with a matrix initializer on the right. */
function usesOf(model: Model): Use[] {
  const producers = producersOf(model.nodes)
  return model.nodes.flatMap((node) => {
    if ((node.op !== 'MatMul' && node.op !== 'Gemm') || node.name.startsWith(prefix)) return []
    const transB = node.op === 'Gemm' && intAttribute(node, 'transB', 0) === 1
    const source = sourceOf(model, node.inputs[1], producers)
    return source ? [{ node, weight: source.weight, transposed: source.transposed !== transB }] : []
  })
}

/** The float matrix that a value is, looking through nodes that only pass it on or turn it. */
function sourceOf(
  model: Model,
  name: string,
  producers: ReadonlyMap<string, GraphNode>,
): { weight: string; transposed: boolean } | undefined {
  const tensor = model.initializers.get(name)
  if (tensor) {
    const fits = tensor.shape.length === 2 && (tensor.dtype === 'float32' || isHalf(tensor.dtype))
    return fits ? { weight: name, transposed: false } : undefined
  }
  const node = producers.get(name)
  if (!node || !passesOn(node)) return undefined
  const source = sourceOf(model, node.inputs[0], producers)
  return source && { weight: source.weight, transposed: source.transposed !== (node.op === 'Transpose') }
}

function passesOn(node: GraphNode): boolean {
  if (node.op === 'Identity' || node.op === 'Cast') return true
  return node.op === 'Transpose' && (intsAttribute(node, 'perm') ?? [1, 0]).join() === '1,0'
}

/** Sizes of the input and the output of the product. */
function shapeOf(model: Model, { weight, transposed }: Use): readonly [number, number] {
  const [rows, columns] = model.initializers.get(weight)!.shape
  return transposed ? [columns, rows] : [rows, columns]
}

function matching(model: Model, uses: readonly Use[], patterns: readonly string[]): Set<string> {
  const weights = [...new Set(uses.map((use) => use.weight))]
  const targets = new Set<string>()
  for (const pattern of patterns) {
    const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const expression = new RegExp(`^${parts.join('.*')}$`)
    const found = weights.filter((weight) => expression.test(weight))
    if (found.length === 0)
      throw new UserError(
        `withLora: no weight of a MatMul or Gemm in model '${model.name}' fits '${pattern}'; there are: ${shortList(weights)}`,
      )
    for (const weight of found) targets.add(weight)
  }
  checkOnlyMultiplied(model, uses, targets)
  return targets
}

const shortList = (names: readonly string[]): string =>
  names.length === 0
    ? 'none'
    : names.slice(0, 8).join(', ') + (names.length > 8 ? `, … (${names.length})` : '')

/** What reads a target in another way would see the weight without its adapter, and see it after the merge. */
function checkOnlyMultiplied(model: Model, uses: readonly Use[], targets: ReadonlySet<string>): void {
  const multiplies = new Set(uses.map((use) => use.node))
  const carriers = new Map([...targets].map((name) => [name, name]))
  for (const node of model.nodes) {
    for (const [i, name] of node.inputs.entries()) {
      const weight = carriers.get(name)
      if (weight === undefined) continue
      if (multiplies.has(node) && i === 1) continue
      if (!passesOn(node))
        throw new UserError(
          `withLora: '${weight}' is also read by node '${node.name}' (${node.op}), which no adapter can follow: leave it out of the targets`,
        )
      carriers.set(node.outputs[0], weight)
    }
  }
  const both = uses.filter((use) => targets.has(use.weight))
  for (const use of both)
    if (both.some((other) => other.weight === use.weight && other.transposed !== use.transposed))
      throw new UserError(
        `withLora: '${use.weight}' is used both as it is and transposed: leave it out of the targets`,
      )
}

/** scale · A B, transposed if asked for, in double precision. */
function product(a: TensorData, b: TensorData, scale: number, transposed: boolean): Float64Array {
  const [into, rank] = a.shape
  const out = b.shape[1]
  const [left, right] = [a.data as Float32Array, b.data as Float32Array]
  const result = new Float64Array(into * out)
  const [rowStep, columnStep] = transposed ? [1, into] : [out, 1]
  for (let i = 0; i < into; i++)
    for (let k = 0; k < rank; k++) {
      const factor = scale * left[i * rank + k]
      for (let j = 0; j < out; j++) result[i * rowStep + j * columnStep] += factor * right[k * out + j]
    }
  return result
}

/** weight + delta in the weight's own precision. */
function sum(weight: TensorData, delta: Float64Array): TensorData {
  const { dtype } = weight
  const data = isHalf(dtype)
    ? halfValues(weight.data as Uint16Array, dtype)
    : (weight.data as Float32Array).slice()
  for (let i = 0; i < data.length; i++) data[i] += delta[i]
  return { ...weight, data: isHalf(dtype) ? halfBits(data, dtype) : data }
}
