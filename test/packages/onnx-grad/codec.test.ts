import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type DType,
  decodeModel,
  encodeModel,
  GraphBuilder,
  type GraphNode,
  type Model,
  type TensorData,
  typedArrayOf,
} from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { ModelProtoSchema, type TensorProto, TensorProtoSchema } from 'onnx-buf'
import { describe, expect, it } from 'vitest'

/** The model y = Identity(w) of one weight. */
function oneWeight(weight: TensorData): Model {
  const g = new GraphBuilder('one weight')
  g.output('y', g.initializer('w', weight))
  return g.build()
}

/** The bytes of the same model with the weight written by the fields of the message. */
function withFields(model: Model, fields: Partial<TensorProto>): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, encodeModel(model))
  const [{ name, dims, dataType }] = proto.graph!.initializer
  proto.graph!.initializer[0] = create(TensorProtoSchema, { name, dims, dataType, ...fields } as TensorProto)
  return toBinary(ModelProtoSchema, proto)
}

const values = [0, 1, 2, 3, 100, 127]

describe('weights as other writers store them', () => {
  it.each<[DType, string, (number | bigint)[]]>([
    ['float32', 'floatData', values],
    ['float64', 'doubleData', values],
    ['int64', 'int64Data', values.map(BigInt)],
    ['int32', 'int32Data', values],
    ['int8', 'int32Data', values],
    ['uint8', 'int32Data', values],
    ['bool', 'int32Data', [0, 1, 1, 0, 1, 0]],
    ['float16', 'int32Data', [0x3c00, 0x4000, 0xc000, 0x7bff, 0x8000, 1]],
  ])('%s in %s', (dtype, field, data) => {
    const plain =
      dtype === 'float16' ? Uint16Array.from(data as number[]) : typedArrayOf(dtype, data.map(Number))
    const model = oneWeight({ dtype, shape: [2, 3], data: plain })
    const decoded = decodeModel(withFields(model, { [field]: data }))
    expect(decoded.initializers.get('w')).toEqual(model.initializers.get('w'))
    expect(() => decodeModel(withFields(model, { [field]: data.slice(1) }))).toThrow(
      "weight 'w': shape [2,3] needs 6 elements, the file has 5",
    )
  })

  it('with sizes that are none are refused', () => {
    const model = oneWeight({ dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) })
    for (const dims of [[-2n], [2n ** 62n, 2n ** 62n]])
      expect(() => decodeModel(withFields(model, { dims, floatData: [1, 2] }))).toThrow(
        /is no shape of a tensor/,
      )
  })
})

describe('nodes', () => {
  const withNode = (node: Partial<GraphNode>): Model => ({
    name: 'm',
    opset: 21,
    inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
    initializers: new Map(),
    nodes: [{ name: 'n', op: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {}, ...node }],
  })

  it('keep their attributes, the largest integers too', () => {
    // int64 beyond 2^53 is not exact in a number; the largest one, "to the end", must come back as itself.
    const integer = fc.oneof(fc.maxSafeInteger(), fc.constant(2 ** 63), fc.constant(-(2 ** 63)))
    const float = fc.float({ noNaN: true })
    const attribute = fc.oneof(
      fc.record({ type: fc.constant('int' as const), value: integer }),
      fc.record({ type: fc.constant('ints' as const), value: fc.array(integer) }),
      fc.record({ type: fc.constant('float' as const), value: float }),
      fc.record({ type: fc.constant('floats' as const), value: fc.array(float) }),
      fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'binary' }) }),
      fc.record({ type: fc.constant('strings' as const), value: fc.array(fc.string({ unit: 'binary' })) }),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), attribute), fc.string(), (attributes, name) => {
        const model = withNode({ op: 'domain::Op', attributes: { ...attributes }, name })
        expect(decodeModel(encodeModel(model)).nodes).toEqual(model.nodes)
      }),
      { numRuns: 200, seed: 3 },
    )
    const bytes = encodeModel(withNode({ attributes: { a: { type: 'int', value: 2 ** 63 } } }))
    expect(fromBinary(ModelProtoSchema, bytes).graph!.node[0].attribute[0].i).toBe(2n ** 63n - 1n)
  })

  it.each<[string, Partial<GraphNode>, string]>([
    ['too few inputs', { op: 'Add' }, "node 'n' (Add) has 1 of the 2 inputs that it needs"],
    [
      'an empty input',
      { op: 'Where', inputs: ['x', '', 'x'] },
      '(Where) has 2 of the 3 inputs that it needs',
    ],
    ['no output', { outputs: [''] }, "node 'n' (Relu) has no output"],
  ])('with %s are refused', (_, node, message) => {
    const model = withNode(node)
    expect(() => decodeModel(encodeModel(model))).toThrow(
      `model 'm': ${message.replace(/^\(/, "node 'n' (")}`,
    )
  })
})
