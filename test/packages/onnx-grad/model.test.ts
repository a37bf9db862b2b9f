import { UserError } from '@vla-gym/gymnasium'
import {
  type DType,
  decodeModel,
  differentiate,
  encodeModel,
  GraphBuilder,
  type Model,
  pruneModel,
  type TypedArray,
} from '@vla-gym/onnx-grad'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runner } from './support.js'

function small(): Model {
  const g = new GraphBuilder('small')
  const x = g.input('x', 'float32', ['batch', 3])
  const w = g.parameter('w', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6))
  const y = g.output('y', g.softmax(g.linear(x, w), 1))
  g.output('loss', g.reduceSum(g.mul(y, y)))
  return g.build()
}

describe('files', () => {
  it('come back as they were written', () => {
    const tensors: [DType, TypedArray][] = [
      ['float32', Float32Array.of(1.5, -2)],
      ['float64', Float64Array.of(Math.PI, 1e300)],
      ['float16', Uint16Array.of(0x3c00, 0x7bff)],
      ['int32', Int32Array.of(-5, 2 ** 31 - 1)],
      ['int64', BigInt64Array.of(-5n, 2n ** 62n)],
      ['uint8', Uint8Array.of(0, 255)],
      ['int8', Int8Array.of(-128, 127)],
      ['bool', Uint8Array.of(1, 0)],
    ]
    const g = new GraphBuilder('types')
    for (const [dtype, data] of tensors)
      g.output(dtype, g.initializer(`weight ${dtype}`, { dtype, shape: [2, 1], data }))
    const x = g.input('x', 'float32', ['batch', 4])
    g.output(
      'z',
      g.emit('LayerNormalization', [x, g.constant(1, [4]), undefined], { axis: -1, epsilon: 0.5 })[0],
    )
    g.op(
      'Foo',
      [x],
      {
        a: { type: 'floats', value: [1, 2] },
        b: { type: 'strings', value: ['é', ''] },
        c: { type: 'tensor', value: { dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) } },
        d: 'text',
        e: [-1, 2],
      },
      [{ dtype: 'int8', shape: [] }],
    )
    const model = g.build()
    const decoded = decodeModel(encodeModel(model))
    expect({ ...decoded, valueInfo: undefined }).toEqual({ ...model, valueInfo: undefined })
    for (const node of model.nodes)
      for (const name of node.outputs)
        if (!model.outputs.some((output) => output.name === name))
          expect(decoded.valueInfo?.get(name)).toEqual(model.valueInfo?.get(name))
  })

  it('cut short or damaged are refused or load as a whole model, never crash', () => {
    const bytes = encodeModel(small())
    for (let size = 0; size < bytes.length; size++)
      expect(() => decodeModel(bytes.subarray(0, size)), `${size} bytes`).toThrow(UserError)
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const damaged = bytes.with(at, value)
        try {
          decodeModel(damaged)
        } catch (error) {
          expect(error).toBeInstanceOf(UserError)
        }
      }),
      { numRuns: 1500, seed: 5 },
    )
    expect(() => decodeModel(new TextEncoder().encode('<html></html>'))).toThrow(UserError)
  })

  it('with external weights or subgraphs are refused by name', () => {
    const model = small()
    const twice = { ...model, nodes: [...model.nodes, model.nodes[0]] }
    expect(() => decodeModel(encodeModel(twice))).toThrow(/defines the value '.*' twice/)
    const missing = { ...model, initializers: new Map() }
    expect(() => decodeModel(encodeModel(missing))).toThrow(/reads 'w', which nothing defines/)
    const gone = { ...model, nodes: model.nodes.slice(0, -1) }
    expect(() => decodeModel(encodeModel(gone))).toThrow(/nothing computes its output 'loss'/)
  })
})

describe('pruneModel', () => {
  it('keeps only what the outputs need', () => {
    const g = new GraphBuilder('two heads')
    const x = g.input('x', 'float32', [2])
    const other = g.input('other', 'float32', [2])
    g.output('a', g.mul(x, g.parameter('wa', [2], Float32Array.of(1, 2))))
    g.output('b', g.mul(other, g.parameter('wb', [2], Float32Array.of(3, 4))))
    const part = pruneModel(g.build(), ['b'])
    expect(part.inputs.map((input) => input.name)).toEqual(['other'])
    expect([...part.initializers.keys()]).toEqual(['wb'])
    expect(part.nodes.map((node) => node.op)).toEqual(['Mul', 'Identity'])
    expect(() => pruneModel(g.build(), ['c'])).toThrow(/no output 'c'/)
  })
})

describe('GraphBuilder', () => {
  const g = new GraphBuilder('g')
  const x = g.input('x', 'float32', ['batch', 4])
  const n = g.input('n', 'int64', ['batch'])

  it.each([
    ['matmul', () => g.matmul(x, x), /inner sizes|do not broadcast|constant|MatMul/],
    ['broadcast', () => g.add(x, g.constant([1, 2, 3])), /\[batch,4\] and '.*' \[3\] do not broadcast/],
    ['dtypes', () => g.add(x, n), /'x' is float32 but 'n' is int64: cast one/],
    ['axis', () => g.softmax(g.reduceSum(x, [3])), /axis 3 is outside a tensor of rank 2/],
    ['reshape', () => g.reshape(g.constant([1, 2, 3]), [2, 2]), /cannot reshape/],
    ['concat', () => g.concat([x, g.constant(0, [2, 3])], 0), /do not join/],
    ['split', () => g.split(x, 1, [1, 1]), /do not add up/],
    ['permutation', () => g.transpose(x, [0, 0]), /no permutation/],
    ['indices', () => g.gather(x, x), /must be int32 or int64/],
    ['squeeze', () => g.squeeze(x, [1]), /axis 1 of \[batch,4\] is not 1/],
    ['condition', () => g.where(x, x, x), /the condition 'x' is float32/],
    ['unknown operator', () => g.emit('Foo', [x]), /Foo.*has no shape rule/],
    ['unknown size', () => g.expand(g.constant(1, [1]), ['nowhere']), /has the size 'nowhere'/],
    ['duplicate input', () => g.input('x', 'float32', []), /the name 'x' is taken/],
    ['data of a parameter', () => g.parameter('p', [3], new Float32Array(2)), /needs 3 elements, got 2/],
    ['no output', () => new GraphBuilder('empty').build(), /has no output/],
  ])('refuses bad %s', (_, build, message) => {
    if (_ === 'matmul') expect(() => g.matmul(g.constant(0, [2, 3]), g.constant(0, [2, 3]))).toThrow(message)
    else expect(build).toThrow(message)
  })

  it('rounds constants to half precision like the runtime', async () => {
    const values = [0, -0, 1, -2.5, 1 / 3, 65504, 65519, 65520, 1e9, 6e-8, 2e-8, 6.1e-5, 0.99999, 2049, 2051]
    const half = new GraphBuilder('half')
    half.output('ours', half.cast(half.constant(values, undefined, 'float16'), 'float32'))
    half.output('theirs', half.cast(half.cast(half.constant(values), 'float16'), 'float32'))
    const { ours, theirs } = await (await runner(half.build()))({})
    expect(ours.data).toEqual(theirs.data)
  })

  it('tracks symbolic sizes and shares equal work', () => {
    const h = g.reshape(x, ['batch', 2, 2])
    expect(g.reshape(h, [-1, 2]).shape).toEqual(['2*batch', 2])
    expect(g.concat([x, x], 0).shape).toEqual(['2*batch', 4])
    expect(g.reduceMean(h, [1]).shape).toEqual(['batch', 2])
    expect(g.mul(x, 2)).toBe(g.mul(x, 2))
    expect(g.transpose(g.transpose(h, [0, 2, 1]), [0, 2, 1])).toEqual(h)
  })
})

describe('differentiate', () => {
  const refuse = (model: Model, options: { loss?: string; wrt?: string[] }) => () =>
    differentiate(model, { loss: 'loss', wrt: ['w'], ...options })

  it('refuses a loss or wrt that cannot be', () => {
    const model = small()
    expect(refuse(model, { loss: 'y' })).toThrow(/loss 'y' has shape \[batch,2\]: reduce it to a scalar/)
    expect(refuse(model, { loss: 'z' })).toThrow(
      /loss 'z' is no output of model 'small'; its outputs: y, loss/,
    )
    expect(refuse(model, { wrt: ['v'] })).toThrow(/wrt 'v' is neither an input nor an initializer/)
    const g = new GraphBuilder('ints')
    const n = g.input('n', 'int64', [2])
    g.output('loss', g.reduceSum(g.cast(n, 'float32')))
    g.output('count', g.reduceSum(n))
    expect(refuse(g.build(), { wrt: ['n'] })).toThrow(/wrt 'n' is int64: only floats have gradients/)
    expect(refuse(g.build(), { loss: 'count' })).toThrow(/loss 'count' is int64/)
  })

  it('refuses cycles, missing values and old operator sets', () => {
    const model = small()
    const cyclic = {
      ...model,
      nodes: model.nodes.map((node) => ({
        ...node,
        inputs: node.op === 'MatMul' ? ['loss', 'w'] : node.inputs,
      })),
    }
    expect(refuse(cyclic, {})).toThrow(/is part of a cycle through/)
    const missing = new Map([...model.initializers].filter(([name]) => name !== 'w'))
    expect(refuse({ ...model, initializers: missing }, {})).toThrow(
      /reads 'w', which is no input, initializer/,
    )
    expect(refuse({ ...model, opset: 11 }, {})).toThrow(/opset 11: convert it to 13 or later/)
  })

  it('names an operator without gradient and the path it lies on, but only when it lies on one', async () => {
    const g = new GraphBuilder('foo')
    const x = g.input('x', 'float32', [2])
    const w = g.parameter('w', [2], Float32Array.of(1, 2))
    const [cumulated] = g.op('Det', [g.reshape(g.mul(w, x), [1, 1, 2])], {}, [
      { dtype: 'float32', shape: [2] },
    ])
    g.output('loss', g.reduceSum(g.exp(cumulated)))
    g.output('other', g.reduceSum(g.mul(w, w)))
    expect(refuse(g.build(), {})).toThrow(
      /\(Det\): this operator has no gradient; it lies on the path w → Mul.* → \[Det.*\] → Exp.* → loss$/,
    )
    const other = differentiate(pruneModel(g.build(), ['other']), { loss: 'other', wrt: ['w'] })
    expect((await (await runner(other))({}))['grad.w'].data).toEqual(Float32Array.of(2, 4))
    const index = g.constant([0, 1], [2], 'int64')
    const [product] = g.emit('ScatterElements', [w, index, x], { reduction: 'mul' })
    g.output('scattered', g.reduceSum(product))
    expect(refuse(g.build(), { loss: 'scattered' })).toThrow(
      /reduction 'mul' is not supported by its gradient/,
    )
  })

  it('stops at stopGradient, also after a round trip, and gives zero where the loss does not depend', async () => {
    const g = new GraphBuilder('stop')
    const [a, b, c] = ['a', 'b', 'c'].map((name) => g.parameter(name, [2], Float32Array.of(2, 3)))
    g.output('loss', g.reduceSum(g.mul(g.stopGradient(g.mul(a, b)), a)))
    g.output('other', g.exp(c))
    const model = decodeModel(encodeModel(g.build()))
    const result = await (await runner(differentiate(model, { loss: 'loss', wrt: ['a', 'b', 'c'] })))({})
    expect(result['grad.a'].data).toEqual(Float32Array.of(4, 9))
    expect(result['grad.b'].data).toEqual(Float32Array.of(0, 0))
    expect(result['grad.c'].data).toEqual(Float32Array.of(0, 0))
  })

  it('resolves ties and kinks as documented', async () => {
    const g = new GraphBuilder('ties')
    const [a, b] = ['a', 'b'].map((name) => g.parameter(name, [3], Float32Array.of(1, 2, 2)))
    const [norm] = g.emit('ReduceL2', [g.sub(a, g.stopGradient(a))], { keepdims: 0 })
    const flat = g.add(g.abs(g.mul(a, 0)), norm)
    const top = g.reduceSum(g.add(g.add(g.min(a, b), g.reduceMax(a)), flat))
    g.output('loss', top)
    const result = await (await runner(differentiate(g.build(), { loss: 'loss', wrt: ['a', 'b'] })))({})
    expect(result['grad.a'].data).toEqual(Float32Array.of(1, 1 + 1.5, 1 + 1.5))
    expect(result['grad.b'].data).toEqual(Float32Array.of(0, 0, 0))
  })

  it('reads what exporters write: Constant nodes, opset 13 axes, computed shapes', async () => {
    const node = (op: string, inputs: string[], outputs: string[], attributes = {}) => ({
      name: `n_${outputs[0]}`,
      op,
      inputs,
      outputs,
      attributes,
    })
    const int64 = (...values: number[]) => ({
      dtype: 'int64' as const,
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    })
    const model: Model = {
      name: 'exported',
      opset: 13,
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4] }],
      outputs: [{ name: 'loss', dtype: 'float32', shape: [] }],
      initializers: new Map(),
      nodes: [
        node('Shape', ['x'], ['shape']),
        node('Constant', [], ['zero'], { value: { type: 'tensor', value: int64(0) } }),
        node('Gather', ['shape', 'zero'], ['n'], { axis: { type: 'int', value: 0 } }),
        node('Constant', [], ['rest'], { value: { type: 'tensor', value: int64(2, -1) } }),
        node('Concat', ['n', 'rest'], ['target'], { axis: { type: 'int', value: 0 } }),
        node('Reshape', ['x', 'target'], ['r']),
        node('Constant', [], ['two'], { value_float: { type: 'float', value: 2 } }),
        node('Pow', ['r', 'two'], ['square']),
        node('ReduceMean', ['square'], ['mean'], {
          axes: { type: 'ints', value: [1, 2] },
          keepdims: { type: 'int', value: 0 },
        }),
        node('ReduceSum', ['mean'], ['loss'], { keepdims: { type: 'int', value: 0 } }),
      ].reverse(),
    }
    const x = { shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, -1, -2, -3, -4) }
    const result = await (await runner(differentiate(model, { loss: 'loss', wrt: ['x'] })))({ x })
    expect(result['grad.x'].data).toEqual(x.data.map((value) => value / 2))
  })
})
