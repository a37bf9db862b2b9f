import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { dimName, namedDim, unknownDim } from './dims.js'
import { UserError } from './errors.js'
import { decideConditions, inlineFunctions } from './expand.js'
import { KnownModel } from './knownModel.js'
import {
  type Attribute,
  bytesPerElement,
  type Dim,
  type DType,
  elementCount,
  type GraphNode,
  type Model,
  type TensorData,
  toInt64,
  typedArrayFromBytes,
  typedArrayOf,
  type ValueInfo,
} from './model.js'
import { sortNodes } from './prune.js'
import { requiredInputs } from './requiredInputs.js'

const irVersion = 10n
const dataTypes: Record<DType, DataType> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  bool: DataType.BOOL,
}
const dtypes = new Map<number, DType>(Object.entries(dataTypes).map(([name, id]) => [id, name as DType]))

/** ONNX's number for a dtype, as in the attribute `to` of Cast. */
export const onnxDataType = (dtype: DType): number => dataTypes[dtype]

/** dtype of an ONNX number; UserError for types that the package does not hold (strings, float8, …). */
export function dtypeOfOnnx(id: number, where: string): DType {
  const dtype = dtypes.get(id)
  if (!dtype) throw new UserError(`${where}: tensor type ${DataType[id] ?? id} is not supported`)
  return dtype
}

const text = new TextEncoder()
const utf8 = new TextDecoder()

/** Where a tensor's bytes lie outside the model: `location` is a path relative to the model's folder. */
export interface ExternalLocation {
  readonly location: string
  readonly offset: number
  /** Bytes; a file may leave it out. */
  readonly length?: number
}

/** Gives the bytes of an external tensor, as many as asked for; throws UserError starting with `where`. */
export type ExternalReader = (place: ExternalLocation, bytes: number, where: string) => Uint8Array

/** A protobuf message ends at 2 GiB; names and nodes need room too. */
export const maxInlineBytes = 2 ** 31 - 2 ** 26

/** Bytes that the weights of a model take. */
export function weightBytes(model: Model): number {
  let sum = 0
  for (const { data } of model.initializers.values()) sum += data.byteLength
  return sum
}

/**
 * Bytes of an .onnx file (IR version 10), the weights inside as raw_data, apart from those that `external` has a
 * place for. UserError when what is left inside is too large for one file.
 */
export function encodeModel(model: Model, external?: ReadonlyMap<string, ExternalLocation>): Uint8Array {
  if (!external && weightBytes(model) > maxInlineBytes)
    throw new UserError(
      `model '${model.name}' has ${weightBytes(model)} bytes of weights, an ONNX file holds 2 GB: write it with writeModel, which puts them into a file of their own`,
    )
  const domains = new Set(model.nodes.map((node) => splitOp(node.op).domain))
  domains.delete('')
  const outside = new Set([...model.inputs, ...model.outputs].map((info) => info.name))
  const proto = create(ModelProtoSchema, {
    irVersion,
    producerName: 'onnx-grad',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(model.opset) }),
      ...[...domains].map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    graph: create(GraphProtoSchema, {
      name: model.name,
      node: model.nodes.map(encodeNode),
      initializer: [...model.initializers].map(([name, tensor]) =>
        encodeTensor(name, tensor, external?.get(name)),
      ),
      input: model.inputs.map(encodeValueInfo),
      output: model.outputs.map(encodeValueInfo),
      valueInfo: [...(model.valueInfo?.values() ?? [])]
        .filter((info) => !outside.has(info.name) && !model.initializers.has(info.name))
        .map(encodeValueInfo),
    }),
  })
  return toBinary(ModelProtoSchema, proto)
}

/**
 * Model of the bytes of an .onnx file. UserError when they are no readable ONNX model, or when the model uses
 * what the package does not hold: loops (Loop, Scan), an If whose condition depends on data, sparse tensors, and
 * weights in other files unless `external` reads them (`readModel` does). Functions of the model are written out.
 */
export function decodeModel(bytes: Uint8Array, external?: ExternalReader): Model {
  let proto: ModelProto
  try {
    // A Node Buffer would hand out views of pooled memory where copies are meant.
    proto = fromBinary(ModelProtoSchema, new Uint8Array(bytes))
  } catch (error) {
    throw new UserError(`not a readable ONNX model (${bytes.length} bytes): ${(error as Error).message}`)
  }
  const graph = proto.graph
  const opset = proto.opsetImport.find((entry) => entry.domain === '' || entry.domain === 'ai.onnx')
  if (!graph || !opset) throw new UserError('not an ONNX model: no graph or no operator set in it')
  if (graph.sparseInitializer.length)
    throw new UserError(`model '${graph.name}' has sparse weights, which are not supported`)
  inlineFunctions(proto)
  const weightNames = new Set(graph.initializer.map((tensor) => tensor.name))
  const inputs = graph.input.filter((info) => !weightNames.has(info.name)).map(decodeValueInfo)
  decideConditions(graph, new KnownModel(inputs), {
    node: (node, index) => decodeNode(node, index, external),
    tensor: (tensor) => decodeTensor(tensor, `weight '${tensor.name}'`, external),
  })
  const initializers = new Map(
    graph.initializer.map((t) => [t.name, decodeTensor(t, `weight '${t.name}'`, external)]),
  )
  const infos = graph.valueInfo.filter((info) => hasShape(info)).map(decodeValueInfo)
  const model: Model = {
    name: graph.name,
    opset: Number(opset.version),
    inputs,
    outputs: [],
    nodes: graph.node.map((node, index) => decodeNode(node, index, external)),
    initializers,
    valueInfo: new Map(infos.map((info) => [info.name, info])),
  }
  checkGraph(model, graph)
  model.outputs = outputInfos(graph, model)
  return model
}

const decodeNode = (node: NodeProto, index: number, external?: ExternalReader): GraphNode => ({
  name: node.name,
  op: joinOp(node.domain, node.opType),
  inputs: node.input,
  outputs: node.output,
  attributes: Object.fromEntries(
    node.attribute.map((a) => [
      a.name,
      decodeAttribute(a, `node ${node.name || index} (${node.opType})`, external),
    ]),
  ),
})

/** Types of the outputs; where the file has none, as far as they can be inferred. */
function outputInfos(graph: GraphProto, model: Model): ValueInfo[] {
  if (graph.output.every(hasShape)) return graph.output.map(decodeValueInfo)
  const known = new KnownModel([...model.inputs, ...(model.valueInfo?.values() ?? [])])
  for (const [name, tensor] of model.initializers) known.addTensor(name, tensor)
  for (const node of sortNodes(model)) known.addNode(node)
  return graph.output.map((proto) => {
    const inferred = hasShape(proto) ? undefined : known.info(proto.name)
    return inferred ?? decodeValueInfo(proto)
  })
}

/**
 * Every value that is read must be defined exactly once, and every node have the inputs that it cannot do without:
 * what comes after the decoder counts on it.
 */
function checkGraph(model: Model, graph: GraphProto): void {
  const defined = new Set<string>()
  const define = (name: string): void => {
    if (defined.has(name)) throw new UserError(`model '${graph.name}' defines the value '${name}' twice`)
    defined.add(name)
  }
  for (const name of model.initializers.keys()) define(name)
  for (const input of model.inputs) define(input.name)
  for (const node of model.nodes) for (const name of node.outputs) if (name) define(name)
  for (const node of model.nodes) {
    const where = `model '${graph.name}': node '${node.name}' (${node.op})`
    for (const name of node.inputs)
      if (name && !defined.has(name)) throw new UserError(`${where} reads '${name}', which nothing defines`)
    const needed = requiredInputs(node.op)
    const given = node.inputs.slice(0, needed).filter((name) => name).length
    if (given < needed) throw new UserError(`${where} has ${given} of the ${needed} inputs that it needs`)
    if (!node.outputs.some((name) => name)) throw new UserError(`${where} has no output`)
  }
  for (const output of graph.output)
    if (!defined.has(output.name))
      throw new UserError(`model '${graph.name}': nothing computes its output '${output.name}'`)
}

function splitOp(op: string): { domain: string; type: string } {
  const at = op.indexOf('::')
  return at < 0 ? { domain: '', type: op } : { domain: op.slice(0, at), type: op.slice(at + 2) }
}

const joinOp = (domain: string, type: string): string =>
  domain === '' || domain === 'ai.onnx' ? type : `${domain}::${type}`

function encodeNode(node: GraphNode) {
  const { domain, type } = splitOp(node.op)
  return create(NodeProtoSchema, {
    name: node.name,
    opType: type,
    domain,
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute)),
  })
}

function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.type) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: toInt64(attribute.value) })
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value })
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.INTS,
        ints: attribute.value.map(toInt64),
      })
    case 'floats':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...attribute.value] })
    case 'string':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRING,
        s: text.encode(attribute.value),
      })
    case 'strings':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRINGS,
        strings: attribute.value.map((value) => text.encode(value)),
      })
    case 'tensor':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.TENSOR,
        t: encodeTensor('', attribute.value),
      })
  }
}

function decodeAttribute(proto: AttributeProto, where: string, external?: ExternalReader): Attribute {
  switch (proto.type) {
    case AttributeType.INT:
      return { type: 'int', value: Number(proto.i) }
    case AttributeType.FLOAT:
      return { type: 'float', value: proto.f }
    case AttributeType.INTS:
      return { type: 'ints', value: proto.ints.map(Number) }
    case AttributeType.FLOATS:
      return { type: 'floats', value: proto.floats }
    case AttributeType.STRING:
      return { type: 'string', value: utf8.decode(proto.s) }
    case AttributeType.STRINGS:
      return { type: 'strings', value: proto.strings.map((s) => utf8.decode(s)) }
    case AttributeType.TENSOR:
      if (proto.t)
        return {
          type: 'tensor',
          value: decodeTensor(proto.t, `${where}, attribute '${proto.name}'`, external),
        }
  }
  const type = AttributeType[proto.type] ?? proto.type
  throw new UserError(`${where}: attribute '${proto.name}' of type ${type} is not supported`)
}

function encodeTensor(name: string, tensor: TensorData, place?: ExternalLocation): TensorProto {
  const { data } = tensor
  const type = { name, dims: tensor.shape.map(BigInt), dataType: dataTypes[tensor.dtype] }
  if (!place)
    return create(TensorProtoSchema, {
      ...type,
      rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    })
  return create(TensorProtoSchema, {
    ...type,
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries(place).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    ),
  })
}

function decodeTensor(proto: TensorProto, where: string, external?: ExternalReader): TensorData {
  const dtype = dtypeOfOnnx(proto.dataType, where)
  const shape = proto.dims.map(Number)
  const count = elementCount(shape)
  if (!Number.isSafeInteger(count) || shape.some((size) => size < 0))
    throw new UserError(`${where}: [${shape}] is no shape of a tensor`)
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    const place = externalLocation(proto, where)
    if (!external)
      throw new UserError(`${where} lies in the file '${place.location}': read the model with readModel`)
    const bytes = external(place, count * bytesPerElement[dtype], where)
    return { dtype, shape, data: typedBytes(dtype, bytes, count, where) }
  }
  const typed = proto.rawData.length
    ? typedBytes(dtype, proto.rawData, count, where)
    : typedArrayOfFields(dtype, proto)
  if (typed.length !== count)
    throw new UserError(`${where}: shape [${shape}] needs ${count} elements, the file has ${typed.length}`)
  return { dtype, shape, data: typed }
}

function externalLocation(proto: TensorProto, where: string): ExternalLocation {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]))
  const size = (key: string): number | undefined => {
    const value = entries.get(key)
    if (value === undefined) return undefined
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
      throw new UserError(`${where}: the ${key} '${value}' of its external data is not a number of bytes`)
    return Number(value)
  }
  const location = entries.get('location')
  if (!location) throw new UserError(`${where} is external, but no file is named for it`)
  const length = size('length')
  return { location, offset: size('offset') ?? 0, ...(length !== undefined && { length }) }
}

function typedBytes(dtype: DType, bytes: Uint8Array, count: number, where: string) {
  const wanted = count * bytesPerElement[dtype]
  if (bytes.length !== wanted)
    throw new UserError(`${where}: needs ${wanted} bytes of data, the file has ${bytes.length}`)
  return typedArrayFromBytes(dtype, bytes)
}

function typedArrayOfFields(dtype: DType, proto: TensorProto) {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(proto.floatData)
    case 'float64':
      return Float64Array.from(proto.doubleData)
    case 'int64':
      return BigInt64Array.from(proto.int64Data)
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(proto.int32Data)
    default:
      return typedArrayOf(dtype, proto.int32Data)
  }
}

function encodeValueInfo(info: ValueInfo): ValueInfoProto {
  const dim = info.shape.map((size: Dim) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: dimName(size) } },
  )
  return create(ValueInfoProtoSchema, {
    name: info.name,
    type: { value: { case: 'tensorType', value: { elemType: dataTypes[info.dtype], shape: { dim } } } },
  })
}

const hasShape = (proto: ValueInfoProto): boolean =>
  proto.type?.value.case === 'tensorType' && proto.type.value.value.shape !== undefined

/** A dimension without size or name gets a name of its own, so that it equals nothing else. */
function decodeValueInfo(proto: ValueInfoProto): ValueInfo {
  const where = `value '${proto.name}'`
  if (proto.type?.value.case !== 'tensorType') throw new UserError(`${where} is not a dense tensor`)
  const { elemType, shape } = proto.type.value.value
  if (!shape) throw new UserError(`${where} has no shape in the file: export the model with shapes`)
  return {
    name: proto.name,
    dtype: dtypeOfOnnx(elemType, where),
    shape: shape.dim.map((dim, axis) => {
      if (dim.value.case === 'dimValue' && dim.value.value >= 0) return Number(dim.value.value)
      const named = dim.value.case === 'dimParam' && dim.value.value
      return named ? namedDim(named) : unknownDim(proto.name, axis)
    }),
  }
}
