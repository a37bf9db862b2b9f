import { type AttributeInput, toAttribute } from './attributes.js'
import { isUnknownDim, sameShape } from './dims.js'
import { UserError } from './errors.js'
import {
  type Attribute,
  type Dim,
  type DType,
  defaultOpset,
  elementCount,
  type GraphNode,
  isHalf,
  type Model,
  type TensorData,
  type TypedArray,
  typedArrayOf,
  type ValueInfo,
} from './model.js'
import {
  contentOf,
  hasShapeRule,
  inferContent,
  inferOutputs,
  type KnownValues,
  trackable,
} from './shapeInference.js'
import type { OutputType } from './shapeRules/index.js'

/** A tensor in the graph under construction. */
export type Value = ValueInfo

/** An operand: a number stands for a scalar constant of the other operand's dtype. */
export type Operand = Value | number

/** Marks the Identity nodes that stop gradients; a node's name survives in the file. */
export const stopGradientPrefix = 'StopGradient'

const constantPrefix = 'constant'

/** A graph under construction: its values, constants, nodes and their bookkeeping. */
export class GraphWriter implements KnownValues {
  readonly name: string
  private readonly nodes: GraphNode[] = []
  private readonly inputs: ValueInfo[] = []
  private readonly outputs: ValueInfo[] = []
  private readonly initializers = new Map<string, TensorData>()
  protected readonly infos = new Map<string, ValueInfo>()
  private readonly contents = new Map<string, readonly Dim[]>()
  private readonly names = new Set<string>()
  private readonly nodeNames = new Set<string>()
  private readonly shared = new Map<string, string[]>()
  protected readonly producers = new Map<string, GraphNode>()
  /** Initializers that are part of the computation, not weights: no one replaces them. */
  private readonly constants = new Set<string>()
  private opset = defaultOpset
  private counter = 0

  constructor(name: string) {
    this.name = name
  }

  /** Takes over a model whose nodes are in order; `constants` are the initializers that are no weights. */
  protected load(model: Model, constants: (name: string) => boolean): void {
    this.opset = model.opset
    for (const [name, tensor] of model.initializers) {
      this.initializer(name, tensor)
      if (!constants(name) && !name.startsWith(`${constantPrefix}.`)) continue
      this.constants.add(name)
      const key = constantKey(tensor)
      if (key) this.shared.set(key, [name])
    }
    for (const { name, dtype, shape } of model.inputs) this.input(name, dtype, shape)
    for (const node of model.nodes) {
      this.nodeNames.add(node.name)
      for (const name of node.outputs) this.names.add(name)
    }
    const declared = new Map([
      ...model.outputs.map((info) => [info.name, info] as const),
      ...(model.valueInfo ?? []),
    ])
    for (const node of model.nodes) this.append(node, declared)
    this.outputs.push(...model.outputs)
  }

  /** The model so far. Nodes are in execution order. */
  build(): Model {
    if (this.outputs.length === 0) throw new UserError(`graph '${this.name}' has no output: call output()`)
    return {
      name: this.name,
      opset: this.opset,
      inputs: [...this.inputs],
      outputs: [...this.outputs],
      nodes: [...this.nodes],
      initializers: new Map(this.initializers),
      valueInfo: new Map(this.infos),
    }
  }

  // ---- values -----------------------------------------------------------------------------------------

  /** A graph input. */
  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const value = this.declare({ name, dtype, shape })
    this.inputs.push(value)
    return value
  }

  /** A trainable float32 initializer. Asking again for the same name and data gives the same value. */
  parameter(name: string, shape: readonly number[], data: Float32Array): Value {
    const known = this.initializers.get(name)
    if (known && known.data === data && sameShape(known.shape, shape)) return this.value(name)
    return this.initializer(name, { dtype: 'float32', shape, data })
  }

  /** A named weight of any dtype. */
  initializer(name: string, tensor: TensorData): Value {
    if (tensor.data.length !== elementCount(tensor.shape))
      throw new UserError(
        `'${name}': shape [${tensor.shape}] needs ${elementCount(tensor.shape)} elements, got ${tensor.data.length}`,
      )
    const value = this.declare({ name, dtype: tensor.dtype, shape: tensor.shape })
    this.initializers.set(name, tensor)
    const content = isHalf(tensor.dtype) ? undefined : contentOf(tensor.data)
    if (content) this.contents.set(name, content)
    return value
  }

  /** A constant: scalar for a number, a vector for a list without shape; float32 unless said otherwise. */
  constant(
    data: number | readonly number[] | TypedArray,
    shape?: readonly number[],
    dtype: DType = dtypeOfArray(data),
  ): Value {
    const typed =
      typeof data === 'number'
        ? typedArrayOf(dtype, Array(elementCount(shape ?? [])).fill(data))
        : Array.isArray(data)
          ? typedArrayOf(dtype, data)
          : (data as TypedArray)
    const dims = shape ?? (typeof data === 'number' ? [] : [typed.length])
    const key = constantKey({ dtype, shape: dims, data: typed })
    const known = key && this.shared.get(key)
    if (known) return this.value(known[0])
    const value = this.initializer(this.fresh(constantPrefix), { dtype, shape: dims, data: typed })
    this.constants.add(value.name)
    if (key) this.shared.set(key, [value.name])
    return value
  }

  /** Declares a graph output of that name. */
  output(name: string, value: Value): Value {
    if (this.outputs.some((output) => output.name === name))
      throw new UserError(`graph '${this.name}' already has an output '${name}'`)
    const isInner = value.name === name && this.producers.has(name)
    if (!isInner && this.names.has(name))
      throw new UserError(`graph '${this.name}': the name of the output '${name}' is taken by another value`)
    const result = isInner ? value : this.declare({ ...value, name })
    if (!isInner)
      this.push({
        name: this.fresh('Output'),
        op: 'Identity',
        inputs: [value.name],
        outputs: [name],
        attributes: {},
      })
    this.outputs.push(result)
    return result
  }

  /** Whether the graph knows dtype and shape of a value. */
  info(name: string): ValueInfo | undefined {
    return this.infos.get(name)
  }

  /** Content of a small integer value, when it is known. */
  content(name: string): readonly Dim[] | undefined {
    return this.contents.get(name)
  }

  /** A value by name; UserError when there is none or its shape is not known. */
  value(name: string): Value {
    const info = this.infos.get(name)
    if (info) return info
    if (!this.names.has(name)) throw new UserError(`graph '${this.name}' has no value '${name}'`)
    const producer = this.producers.get(name)
    throw new UserError(
      `shape of '${name}' (output of ${producer?.op ?? 'an operator'}) is not known: store the shapes in the model`,
    )
  }

  /** The number that a constant consists of; undefined for anything that can change (weights, inputs). */
  constantNumber(name: string): number | undefined {
    const tensor = this.constants.has(name) ? this.initializers.get(name) : undefined
    if (!tensor || isHalf(tensor.dtype) || tensor.data.length === 0) return undefined
    const first = tensor.data[0]
    return tensor.data.every((value: number | bigint) => value === first) ? Number(first) : undefined
  }

  /** Whether a graph input of that name was declared. */
  hasInput(name: string): boolean {
    return this.inputs.some((input) => input.name === name)
  }

  /** Whether a value is the output of a Transpose. */
  isTransposed(value: Value): boolean {
    return this.producers.get(value.name)?.op === 'Transpose'
  }

  /** Nodes in execution order, for reading. */
  get nodeList(): readonly GraphNode[] {
    return this.nodes
  }

  /** Outputs 1 and 2 of a LayerNormalization node, mean and inverse deviation, which it gets where absent. */
  layerNormStatistics(node: GraphNode): Value[] {
    return [this.extraOutput(node, 1), this.extraOutput(node, 2)]
  }

  /** An optional output of a node, which it gets where absent. Those before it must be there already. */
  extraOutput(node: GraphNode, index: number): Value {
    if (!node.outputs[index]) {
      const type = inferOutputs(node, this)?.[index]
      if (!type) throw new UserError(`node '${node.name}' (${node.op}): shapes are not known`)
      const name = this.fresh(node.outputs[0])
      node.outputs[index] = name
      this.names.add(name)
      this.infos.set(name, { ...type, name })
    }
    return this.value(node.outputs[index])
  }

  // ---- nodes ------------------------------------------------------------------------------------------

  /** Any operator whose output types are given: the way out for what has no method here. */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, AttributeInput> = {},
    outputs: readonly { dtype: DType; shape: readonly Dim[] }[] = [],
  ): Value[] {
    return this.addNode(type, inputs, attributes, outputs.length || 1, outputs)
  }

  /** Any operator that has a shape rule. */
  emit(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, AttributeInput> = {},
    outputCount = 1,
  ): Value[] {
    return this.addNode(type, inputs, attributes, outputCount)
  }

  protected addNode(
    op: string,
    inputs: readonly (Value | undefined)[],
    plain: Record<string, AttributeInput>,
    outputCount: number,
    given?: readonly OutputType[],
  ): Value[] {
    const attributes: Record<string, Attribute> = {}
    for (const [name, value] of Object.entries(plain)) attributes[name] = toAttribute(name, value)
    const names = inputs.map((value) => value?.name ?? '')
    while (names.at(-1) === '') names.pop()
    for (const name of names) if (name) this.value(name)
    const key = nodeKey(op, names, attributes, outputCount)
    const known = key && this.shared.get(key)
    if (known) return known.slice(0, outputCount).map((name) => this.value(name))
    const id = this.fresh(op)
    const outputs = Array.from({ length: outputCount }, (_, i) => (i === 0 ? id : this.fresh(id)))
    const node: GraphNode = { name: id, op, inputs: names, outputs, attributes }
    const types = given?.length ? given : inferOutputs(node, this)
    if (!types) {
      const reason = hasShapeRule(op) ? 'needs shapes, axes or sizes that are constant' : 'has no shape rule'
      throw new UserError(`node '${id}' (${op}) ${reason}: give its output types through op()`)
    }
    this.push(node)
    for (let i = 0; i < outputCount; i++) this.infos.set(outputs[i], { ...types[i], name: outputs[i] })
    this.track(node)
    if (key) this.shared.set(key, outputs)
    return outputs.map((name) => this.value(name))
  }

  // ---- bookkeeping ------------------------------------------------------------------------------------

  /** Records a better known shape of a value. */
  protected retype(value: Value, shape: readonly Dim[]): Value {
    const better = { ...value, shape }
    this.infos.set(value.name, better)
    return better
  }

  private declare(info: ValueInfo): ValueInfo {
    if (!info.name || this.names.has(info.name))
      throw new UserError(`graph '${this.name}': the name '${info.name}' is ${info.name ? 'taken' : 'empty'}`)
    this.names.add(info.name)
    this.infos.set(info.name, info)
    return info
  }

  protected fresh(base: string): string {
    let name: string
    do name = `${base}.${this.counter++}`
    while (this.names.has(name) || this.nodeNames.has(name))
    return name
  }

  protected push(node: GraphNode): void {
    this.nodes.push(node)
    this.nodeNames.add(node.name)
    for (const name of node.outputs) {
      if (!name) continue
      this.names.add(name)
      this.producers.set(name, node)
    }
  }

  private append(source: GraphNode, valueInfo?: ReadonlyMap<string, ValueInfo>): void {
    const node = { ...source, inputs: [...source.inputs], outputs: [...source.outputs] }
    this.push(node)
    const types = inferOutputs(node, this)
    node.outputs.forEach((name, i) => {
      const info = types?.[i] ? merged({ name, ...types[i] }, valueInfo?.get(name)) : valueInfo?.get(name)
      if (name && info) this.infos.set(name, info)
    })
    this.track(node)
    const key = nodeKey(node.op, node.inputs, node.attributes, node.outputs.length)
    if (key && !this.shared.has(key)) this.shared.set(key, node.outputs)
  }

  private track(node: GraphNode): void {
    const content = inferContent(node, this)
    if (content && content.length <= trackable) this.contents.set(node.outputs[0], content)
  }
}

/** The inferred type, with sizes from the file where inference found none. */
function merged(inferred: ValueInfo, given: ValueInfo | undefined): ValueInfo {
  if (given?.shape.length !== inferred.shape.length) return inferred
  return { ...inferred, shape: inferred.shape.map((dim, i) => (isUnknownDim(dim) ? given.shape[i] : dim)) }
}

/** Nodes with the same key compute the same; undefined for a node that is not to be shared. */
function nodeKey(op: string, inputs: string[], attributes: Record<string, Attribute>, outputs: number) {
  const tensors = Object.values(attributes).some((attribute) => attribute.type === 'tensor')
  if (tensors || !shareable(op)) return undefined
  return `${op}|${inputs.join()}|${JSON.stringify(attributes)}|${outputs}`
}

/** Random operators and marked identities must stay as many as they are. */
const shareable = (op: string): boolean => op !== 'Identity' && !op.includes('Random') && !op.includes('::')

/** Small constants of equal type, shape and bytes are one. */
function constantKey({ dtype, shape, data }: TensorData): string | undefined {
  if (data.length > 1024) return undefined
  const bytes = Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  return `constant|${dtype}|${shape.join()}|${bytes.toString('latin1')}`
}

function dtypeOfArray(data: number | readonly number[] | TypedArray): DType {
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof BigInt64Array) return 'int64'
  if (data instanceof Uint8Array) return 'uint8'
  if (data instanceof Int8Array) return 'int8'
  if (data instanceof Uint16Array) return 'float16'
  return 'float32'
}
