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
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { UserError } from './errors.js'
import {
  type Attribute,
  bytesPerElement,
  type Dim,
  type DType,
  elementCount,
  type GraphNode,
  type Model,
  type TensorData,
  typedArrayFromBytes,
  typedArrayOf,
  type ValueInfo,
} from './model.js'

const irVersion = 10n
const dataTypes: Record<DType, DataType> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  bool: DataType.BOOL,
}
const dtypes = new Map<number, DType>(Object.entries(dataTypes).map(([name, id]) => [id, name as DType]))

/** ONNX's number for a dtype, as in the attribute `to` of Cast. */
export const onnxDataType = (dtype: DType): number => dataTypes[dtype]

/** dtype of an ONNX number; UserError for types that the package does not hold (strings, bfloat16, …). */
export function dtypeOfOnnx(id: number, where: string): DType {
  const dtype = dtypes.get(id)
  if (!dtype) throw new UserError(`${where}: tensor type ${DataType[id] ?? id} is not supported`)
  return dtype
}

const text = new TextEncoder()
const utf8 = new TextDecoder()

/** Bytes of an .onnx file (IR version 10, weights inside as raw_data). */
export function encodeModel(model: Model): Uint8Array {
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
      initializer: [...model.initializers].map(([name, tensor]) => encodeTensor(name, tensor)),
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
 * what the package does not hold: external weights, subgraphs (If, Loop, Scan), functions, sparse tensors.
 */
export function decodeModel(bytes: Uint8Array): Model {
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
  if (proto.functions.length || graph.sparseInitializer.length)
    throw new UserError(`model '${graph.name}' has functions or sparse weights, which are not supported`)
  const initializers = new Map(graph.initializer.map((t) => [t.name, decodeTensor(t, `weight '${t.name}'`)]))
  const infos = graph.valueInfo.filter((info) => hasShape(info)).map(decodeValueInfo)
  const model: Model = {
    name: graph.name,
    opset: Number(opset.version),
    inputs: graph.input.filter((info) => !initializers.has(info.name)).map(decodeValueInfo),
    outputs: graph.output.map(decodeValueInfo),
    nodes: graph.node.map((node, index) => ({
      name: node.name,
      op: joinOp(node.domain, node.opType),
      inputs: node.input,
      outputs: node.output,
      attributes: Object.fromEntries(
        node.attribute.map((a) => [
          a.name,
          decodeAttribute(a, `node ${node.name || index} (${node.opType})`),
        ]),
      ),
    })),
    initializers,
    valueInfo: new Map(infos.map((info) => [info.name, info])),
  }
  checkNames(model, graph)
  return model
}

/** Every value that is read must be defined exactly once, so that a damaged file does not load. */
function checkNames(model: Model, graph: GraphProto): void {
  const defined = new Set<string>()
  const define = (name: string): void => {
    if (defined.has(name)) throw new UserError(`model '${graph.name}' defines the value '${name}' twice`)
    defined.add(name)
  }
  for (const name of model.initializers.keys()) define(name)
  for (const input of model.inputs) define(input.name)
  for (const node of model.nodes) for (const name of node.outputs) if (name) define(name)
  for (const node of model.nodes)
    for (const name of node.inputs)
      if (name && !defined.has(name))
        throw new UserError(
          `model '${graph.name}': node '${node.name}' reads '${name}', which nothing defines`,
        )
  for (const output of model.outputs)
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
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(attribute.value) })
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value })
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.INTS,
        ints: attribute.value.map(BigInt),
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

function decodeAttribute(proto: AttributeProto, where: string): Attribute {
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
        return { type: 'tensor', value: decodeTensor(proto.t, `${where}, attribute '${proto.name}'`) }
  }
  const type = AttributeType[proto.type] ?? proto.type
  throw new UserError(`${where}: attribute '${proto.name}' of type ${type} is not supported`)
}

function encodeTensor(name: string, tensor: TensorData): TensorProto {
  const { data } = tensor
  return create(TensorProtoSchema, {
    name,
    dims: tensor.shape.map(BigInt),
    dataType: dataTypes[tensor.dtype],
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  })
}

function decodeTensor(proto: TensorProto, where: string): TensorData {
  if (proto.dataLocation === DataLocation.EXTERNAL)
    throw new UserError(`${where} lies in an external file: save the model with its weights inside`)
  const dtype = dtypeOfOnnx(proto.dataType, where)
  const shape = proto.dims.map(Number)
  const count = elementCount(shape)
  const typed = proto.rawData.length
    ? typedBytes(dtype, proto.rawData, count, where)
    : typedArrayOfFields(dtype, proto)
  if (typed.length !== count)
    throw new UserError(`${where}: shape [${shape}] needs ${count} elements, the file has ${typed.length}`)
  return { dtype, shape, data: typed }
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
      return Uint16Array.from(proto.int32Data)
    default:
      return typedArrayOf(dtype, proto.int32Data)
  }
}

function encodeValueInfo(info: ValueInfo): ValueInfoProto {
  const dim = info.shape.map((size: Dim) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: size } },
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
      if (dim.value.case === 'dimValue') return Number(dim.value.value)
      return (dim.value.case === 'dimParam' && dim.value.value) || `${proto.name}.${axis}`
    }),
  }
}
