import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type Attribute,
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  type GraphNode,
  type Model,
  type TensorData,
} from '@vla-gym/onnx-grad'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  FunctionProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { runner } from './support.js'

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
): GraphNode => ({ name: '', op, inputs, outputs, attributes })
const int = (value: number): Attribute => ({ type: 'int', value })
const int64s = (...values: number[]): TensorData => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
})
const scalar64 = (value: number): TensorData => ({ ...int64s(value), shape: [] })
const floats = (shape: number[], ...data: number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
})

/** A model y = f(x) with loss = Σ y², x [batch, 4]. */
function modelOf(opset: number, initializers: Record<string, TensorData>, nodes: GraphNode[]): Model {
  return {
    name: 'given',
    opset,
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
    outputs: [{ name: 'loss', dtype: 'float32', shape: [] }],
    initializers: new Map(Object.entries(initializers)),
    nodes: [
      ...nodes,
      node('Mul', ['y', 'y'], ['square']),
      node('ReduceSum', ['square'], ['loss'], { keepdims: int(0) }),
    ],
  }
}

const x = { shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, -1, -2, -3, -4) }

async function gradients(model: Model, wrt: string[]): Promise<Float32Array[]> {
  const result = await (await runner(differentiate(model, { loss: 'loss', wrt })))({ x })
  return wrt.map((name) => result[`grad.${name}`].data)
}

const edited = (model: Model, edit: (proto: ModelProto) => void): Uint8Array => {
  const proto = fromBinary(ModelProtoSchema, encodeModel(model))
  edit(proto)
  return toBinary(ModelProtoSchema, proto)
}

const attribute = (name: string, value: Partial<AttributeProto>): AttributeProto =>
  create(AttributeProtoSchema, { name, ...value } as AttributeProto)

describe('functions of the model', () => {
  const proto = (
    domain: string,
    opType: string,
    input: string[],
    output: string[],
    own: AttributeProto[] = [],
  ) => create(NodeProtoSchema, { domain, opType, input, output, attribute: own })
  const factor = (f: number) => attribute('factor', { type: AttributeType.FLOAT, f })
  const addFunctions = (model: ModelProto, body = 'scale'): void => {
    model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'local', version: 1n }))
    model.functions.push(
      create(FunctionProtoSchema, {
        domain: 'local',
        name: 'scale',
        input: ['a'],
        output: ['b'],
        attributeProto: [factor(3)],
        node: [
          proto(
            '',
            'Constant',
            [],
            ['c'],
            [attribute('value_float', { type: AttributeType.FLOAT, refAttrName: 'factor' })],
          ),
          proto('', 'Mul', ['a', 'c'], ['b']),
        ],
      }),
      create(FunctionProtoSchema, {
        domain: 'local',
        name: 'twice',
        input: ['a', 'unused'],
        output: ['c', 'a'],
        node: [
          proto('local', body, ['a'], ['b'], body === 'scale' ? [factor(2)] : []),
          proto('local', 'scale', ['b'], ['c']),
        ],
      }),
    )
  }
  const model = modelOf(18, {}, [node('local::twice', ['x', ''], ['y', 'same'])])

  it('are written out, with their attributes and those that they call', async () => {
    const decoded = decodeModel(edited(model, (file) => addFunctions(file)))
    expect(decoded.nodes.map(({ op }) => op)).toEqual([
      'Constant',
      'Mul',
      'Constant',
      'Mul',
      'Identity',
      'Mul',
      'ReduceSum',
    ])
    const [grad] = await gradients(decoded, ['x'])
    expect(grad).toEqual(x.data.map((value) => 2 * 36 * value))
  })

  it('that call themselves are refused', () => {
    const bytes = edited(model, (file) => addFunctions(file, 'twice'))
    expect(() => decodeModel(bytes)).toThrow(/function 'twice' of model 'given' calls itself/)
  })
})

describe('conditions', () => {
  /** y = If(condition) then 2 x else −x, where the branches read x from outside. */
  const conditional = (condition: GraphNode[], initializers: Record<string, TensorData>): Uint8Array =>
    edited(modelOf(18, initializers, [...condition, node('If', ['condition'], ['y'])]), (file) => {
      const branch = (opType: string, input: string[]) =>
        create(GraphProtoSchema, {
          name: opType,
          node: [create(NodeProtoSchema, { opType, input, output: ['inner'] })],
          output: [create(ValueInfoProtoSchema, { name: 'inner' })],
        })
      const found = file.graph!.node.find(({ opType }) => opType === 'If')!
      found.attribute = [
        attribute('then_branch', { type: AttributeType.GRAPH, g: branch('Add', ['x', 'x']) }),
        attribute('else_branch', { type: AttributeType.GRAPH, g: branch('Neg', ['x']) }),
      ]
    })
  const lastSizeIs = (size: number): [GraphNode[], Record<string, TensorData>] => [
    [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'last'], ['size']),
      node('Equal', ['size', 'wanted'], ['condition']),
    ],
    { last: scalar64(-1), wanted: scalar64(size) },
  ]

  it.each([
    [4, 8],
    [1, 2],
  ])('on shapes are decided: is the last size %d', async (size, slope) => {
    const decoded = decodeModel(conditional(...lastSizeIs(size)))
    const [grad] = await gradients(decoded, ['x'])
    expect(grad).toEqual(x.data.map((value) => slope * value))
  })

  it('on data or symbolic sizes are refused by name', () => {
    const [nodes, initializers] = lastSizeIs(2)
    const batch = conditional(nodes, { ...initializers, last: scalar64(0) })
    expect(() => decodeModel(batch)).toThrow(
      /node '\d+' \(If\): its condition 'condition' depends on data or/,
    )
  })
})

describe('what exporters write', () => {
  it('outputs without a shape get the inferred one', () => {
    const bytes = edited(
      modelOf(17, { scale: floats([4], 1, 2, 3, 4) }, [node('Mul', ['x', 'scale'], ['y'])]),
      (file) => {
        const [loss] = file.graph!.output
        if (loss.type?.value.case === 'tensorType') loss.type.value.value.shape = undefined
        file.graph!.output.push(create(ValueInfoProtoSchema, { ...loss, name: 'y' }))
      },
    )
    expect(decodeModel(bytes).outputs).toEqual([
      { name: 'loss', dtype: 'float32', shape: [] },
      { name: 'y', dtype: 'float32', shape: ['batch', 4] },
    ])
  })

  it('sizes that are formulas equal only themselves', () => {
    const model = modelOf(17, {}, [node('Neg', ['x'], ['y'])])
    const sizes = ['2*s0 + 1', 's1*s0*2', 'N', '3']
    model.inputs.push({ name: 'more', dtype: 'float32', shape: sizes })
    const decoded = decodeModel(encodeModel(model))
    expect(decoded.inputs[1].shape).toEqual(['(2*s0+1)', '2*s0*s1', 'N', 3])
    expect(decodeModel(encodeModel(decoded)).inputs).toEqual(decoded.inputs)
  })

  it.each([
    ['sizes [1, 3]', int64s(1, 3), 1, [1, 4]],
    ['sizes [1, 3] from the end', int64s(1, 3), -2, [0, 1]],
    ['parts of 3', scalar64(3), 1, [3, 4]],
  ])('a part of a split sequence is a slice: %s', async (_, split, position, [from, to]) => {
    const model = modelOf(18, { split, position: scalar64(position) }, [
      node('SplitToSequence', ['x', 'split'], ['parts'], { axis: int(1) }),
      node('SequenceAt', ['parts', 'position'], ['y']),
    ])
    const [grad] = await gradients(decodeModel(encodeModel(model)), ['x'])
    expect(grad).toEqual(x.data.map((value, i) => (i % 4 >= from && i % 4 < to ? 2 * value : 0)))
  })

  it('the largest int64 in an attribute is the end, and nodes may share a name', async () => {
    const nodes = [
      node('Constant', [], ['end'], { value_ints: { type: 'ints', value: [2 ** 63] } }),
      node('Constant', [], ['two'], { value_ints: { type: 'ints', value: [2] } }),
      node('Constant', [], ['one'], { value_ints: { type: 'ints', value: [1] } }),
      node('Slice', ['x', 'two', 'end', 'one'], ['right']),
      node('ReduceSum', ['right', 'one'], ['sum']),
      node('ReduceMean', ['sum'], ['y'], { axes: { type: 'ints', value: [0] } }),
      node('ReduceMean', ['right'], ['z'], { axes: { type: 'ints', value: [1] } }),
    ]
    const [grad] = await gradients(decodeModel(encodeModel(modelOf(13, {}, nodes))), ['x'])
    // y = (7 − 7) / 2 = 0: its square has no slope there, so that the loss is moved first.
    expect(grad).toEqual(new Float32Array(8))
    const moved = modelOf(13, { by: floats([1], 3) }, [...nodes, node('Add', ['y', 'by'], ['w'])])
    moved.nodes.find(({ op }) => op === 'Mul')!.inputs = ['w', 'w']
    const [slope] = await gradients(decodeModel(encodeModel(moved)), ['x'])
    expect(slope).toEqual(x.data.map((_, i) => (i % 4 >= 2 ? 3 : 0)))
  })

  it('GroupNormalization before opset 21 has a scale for each group', async () => {
    const parameters = { scale: floats([2], 1.5, -2), bias: floats([2], 0.3, 0.7) }
    const attributes = { num_groups: int(2), epsilon: { type: 'float' as const, value: 0.1 } }
    const shape = int64s(1, 4, 2)
    const model = modelOf(18, { ...parameters, shape }, [
      node('Reshape', ['x', 'shape'], ['image']),
      node('GroupNormalization', ['image', 'scale', 'bias'], ['y'], attributes),
    ])
    const twice = (tensor: TensorData): TensorData =>
      floats([4], ...Array.from(tensor.data as Float32Array).flatMap((value) => [value, value]))
    const later = {
      ...model,
      opset: 21,
      initializers: new Map([
        ['shape', shape],
        ['scale', twice(parameters.scale)],
        ['bias', twice(parameters.bias)],
      ]),
    }
    const wrt = ['x', 'scale', 'bias']
    const [dx, scale, bias] = await gradients(decodeModel(encodeModel(model)), wrt)
    const [dxLater, ...perChannel] = await gradients(later, wrt)
    const pairSums = (list: Float32Array) => Float32Array.of(list[0] + list[1], list[2] + list[3])
    for (const [actual, expected] of [
      [dx, dxLater],
      [scale, pairSums(perChannel[0])],
      [bias, pairSums(perChannel[1])],
    ])
      actual.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 4)
      })
  })

  it('an operator without a rule is named, also where shapes are not known behind it', () => {
    const model = modelOf(18, {}, [node('Mystery', ['x'], ['m']), node('Exp', ['m'], ['y'])])
    const read = () => differentiate(decodeModel(encodeModel(model)), { loss: 'loss', wrt: ['x'] })
    expect(read).toThrow(
      /node '' \(Mystery\): this operator has no gradient; it lies on the path x → \[Mystery\] → Exp/,
    )
  })

  it('expand to −1 comes as a choice between two shapes', () => {
    const model = modelOf(
      17,
      { minus: int64s(-1), target: int64s(-1, 4), two: int64s(2), token: floats([1, 4], 1, 2, 3, 4) },
      [
        node('Shape', ['x'], ['shape']),
        node('ConstantOfShape', ['two'], ['ones'], { value: { type: 'tensor', value: int64s(1) } }),
        node('Equal', ['target', 'minus'], ['free']),
        node('Where', ['free', 'shape', 'target'], ['wanted']),
        node('Expand', ['token', 'wanted'], ['tokens']),
        node('Mul', ['tokens', 'x'], ['y']),
      ],
    )
    const g = GraphBuilder.from(model)
    expect(g.value('tokens').shape).toEqual(['batch', 4])
  })
})
