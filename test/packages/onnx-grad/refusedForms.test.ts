import { type Dim, differentiate, GraphBuilder, type Value } from '@vla-gym/onnx-grad'
import { describe, expect, it } from 'vitest'
import { ints } from './cases/samples.js'

type Build = (g: GraphBuilder, x: Value, w: Value) => Value

/** Form, sizes of x and of w (both differentiated), graph, message. */
const forms: [string, Dim[], Dim[], Build, RegExp][] = [
  [
    'BatchNormalization in training',
    [2, 3],
    [3],
    (g, x, w) => g.emit('BatchNormalization', [x, w, w, w, w], { training_mode: 1 })[0],
    /training mode is not supported/,
  ],
  [
    'Dropout in training',
    [2, 3],
    [3],
    (g, x) => g.emit('Dropout', [x, g.constant(0.5), g.constant(1, [], 'bool')])[0],
    /training mode is not supported/,
  ],
  [
    'Resize that crops',
    [1, 1, 4, 4],
    [8],
    (g, x, w) =>
      g.emit('Resize', [x, w, undefined, ints(g, 1, 1, 2, 2)], {
        coordinate_transformation_mode: 'tf_crop_and_resize',
      })[0],
    /tf_crop_and_resize is not supported/,
  ],
  [
    'Resize that keeps the aspect ratio',
    [1, 1, 4, 4],
    [8],
    (g, x) =>
      g.emit('Resize', [x, undefined, undefined, ints(g, 6, 9)], {
        axes: [2, 3],
        keep_aspect_ratio_policy: 'not_larger',
      })[0],
    /aspect ratio is not supported/,
  ],
  [
    'strided auto_pad over a symbolic size',
    ['batch', 2, 'length'],
    [2, 2, 3],
    (g, x, w) => g.emit('Conv', [x, w], { auto_pad: 'SAME_UPPER', strides: [2] })[0],
    /auto_pad with strides over an axis of symbolic size is not supported/,
  ],
  [
    'MaxPool with column-major indices',
    [1, 1, 4, 4],
    [1],
    (g, x) => g.emit('MaxPool', [x], { kernel_shape: [2, 2], storage_order: 1 })[0],
    /column-major indices is not supported/,
  ],
  [
    'ScatterND that multiplies',
    [4],
    [1],
    (g, x, w) => g.emit('ScatterND', [x, g.constant([2], [1, 1], 'int64'), w], { reduction: 'mul' })[0],
    /reduction 'mul' is not supported/,
  ],
  [
    'a gradient of class weights',
    [2, 3],
    [3],
    (g, x, w) => g.emit('SoftmaxCrossEntropyLoss', [x, ints(g, 0, 2), w])[0],
    /class weights is not supported/,
  ],
  [
    'log-probabilities of a loss',
    [2, 3],
    [3],
    (g, x) => g.emit('SoftmaxCrossEntropyLoss', [x, ints(g, 0, 2)], {}, 2)[1],
    /a secondary output has no gradient/,
  ],
  [
    'a Slice of axes from an input',
    [2, 3],
    [1],
    (g, x) => g.emit('Slice', [x, ints(g, 0), ints(g, 1), g.input('axes', 'int64', [1])])[0],
    /axes that are not constant is not supported/,
  ],
  [
    'a reduction over axes from an input',
    [2, 3],
    [1],
    (g, x) => g.emit('ReduceMax', [x, g.input('axes', 'int64', [1])])[0],
    /axes that are not constant is not supported/,
  ],
]

describe('forms that docs/operators.md leaves out', () => {
  it.each(forms)('%s', (_, xShape, wShape, build, message) => {
    const g = new GraphBuilder('form')
    const [x, w] = [g.input('x', 'float32', xShape), g.input('w', 'float32', wShape)]
    const y = build(g, x, w)
    g.output('loss', g.add(g.reduceSum(y), g.reduceSum(g.mul(w, w))))
    const refuse = () => differentiate(g.build(), { loss: 'loss', wrt: ['x', 'w'] })
    expect(refuse).toThrow(message)
    expect(refuse).toThrow(/^node '.+' \(\w+\): .* it lies on the path [xw] → .* → loss$/)
  })
})

describe('operands that do not fit are refused when the graph is written', () => {
  const g = new GraphBuilder('g')
  const x = g.input('x', 'float32', ['batch', 3, 4])
  const emit =
    (op: string, inputs: Value[], attributes = {}) =>
    () =>
      g.emit(op, inputs, attributes)

  it.each([
    [
      'Conv with other channels',
      emit('Conv', [x, g.constant(0, [2, 4, 3])]),
      /wants 4 channels, 'x' .* has 3/,
    ],
    ['Conv of another rank', emit('Conv', [x, g.constant(0, [2, 3, 3, 3])]), /one rank of 3 or more/],
    [
      'pads for one side',
      emit('Conv', [x, g.constant(0, [2, 3, 3])], { pads: [1] }),
      /pads \[1\] needs 2 numbers/,
    ],
    [
      'kernel of a pool',
      emit('MaxPool', [x], { kernel_shape: [2, 2] }),
      /kernel_shape \[2,2\] does not fit 'x'/,
    ],
    ['Einsum terms', emit('Einsum', [x], { equation: 'ij,jk->ik' }), /has 2 operands, the node 1/],
    ['Einsum rank', emit('Einsum', [x], { equation: 'ij->i' }), /does not fit operand 0 of rank 3/],
    ['Einsum output', emit('Einsum', [x], { equation: 'ijk->il' }), /output label 'l' that no operand has/],
    [
      'Einsum sizes',
      emit('Einsum', [x, g.constant(0, [5, 2])], { equation: 'ijk,kl->il' }),
      /axis 0 of '.*' \[5,2\] does not fit the size 4/,
    ],
    ['Tile repeats', emit('Tile', [x, ints(g, 2)]), /1 repeats for the 3 axes/],
    [
      'GatherND width',
      emit('GatherND', [x, g.constant(0, [1, 4], 'int64')]),
      /indices of 4 numbers after 0 batch axes do not fit/,
    ],
    ['DepthToSpace rank', emit('DepthToSpace', [x], { blocksize: 2 }), /must have 4 axes/],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message)
  })
})
