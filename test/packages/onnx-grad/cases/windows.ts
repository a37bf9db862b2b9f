/** Convolution, pooling, resizing: all linear but MaxPool, and in float32 only. */
import type { Dim } from '@vla-gym/onnx-grad'
import type { Case } from '../finiteDifferences.js'
import { apart, ints } from './samples.js'

type Attributes = Record<string, number | string | number[]>

/** x, kernel, attributes, symbolic shape of x. A bias comes with every second case. */
const convolutions: [number[], number[], Attributes?, Dim[]?][] = [
  [
    [2, 2, 5],
    [3, 2, 3],
  ],
  [[2, 2, 5], [3, 2, 3], { pads: [1, 1] }, ['batch', 2, 'length']],
  [[1, 2, 7], [3, 2, 3], { strides: [2], pads: [1, 0] }],
  [[2, 2, 6], [3, 2, 3], { strides: [2], pads: [1, 1] }, ['batch', 2, 'length']],
  [[1, 1, 8], [2, 1, 3], { dilations: [2], strides: [3], pads: [2, 1] }],
  [[2, 2, 4, 5], [3, 2, 3, 2], {}, ['batch', 2, 4, 5]],
  [[1, 2, 5, 4], [2, 2, 3, 3], { pads: [1, 0, 2, 1] }, ['batch', 2, 'h', 'w']],
  [[2, 2, 5, 6], [2, 2, 2, 2], { strides: [2, 2] }, ['batch', 2, 5, 6]],
  [[1, 1, 6, 7], [2, 1, 2, 3], { strides: [3, 2], pads: [1, 1, 0, 2] }, [1, 'channels', 'h', 7]],
  [[1, 1, 7, 7], [1, 1, 3, 2], { dilations: [2, 3], strides: [2, 1] }],
  [[2, 4, 4, 3], [4, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }, ['batch', 4, 'h', 'w']],
  [[1, 3, 5, 5], [6, 1, 3, 3], { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[2, 3, 4, 4], [2, 3, 1, 1], {}, ['batch', 3, 'h', 'w']],
  [[1, 2, 5, 4], [2, 2, 3, 2], { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  [[1, 2, 5, 4], [2, 2, 2, 2], { auto_pad: 'SAME_LOWER' }, ['batch', 2, 'h', 'w']],
  [[1, 2, 5, 4], [2, 2, 2, 2], { auto_pad: 'VALID', strides: [2, 3] }],
  [
    [1, 2, 3, 4, 3],
    [2, 2, 2, 2, 2],
  ],
  [
    [1, 2, 4, 4, 3],
    [2, 1, 3, 2, 2],
    { group: 2, strides: [2, 1, 1], pads: [1, 1, 0, 1, 0, 1] },
    ['batch', 2, 4, 'h', 'w'],
  ],
]

const transposed: [number[], number[], Attributes?, Dim[]?][] = [
  [
    [2, 2, 4],
    [2, 3, 3],
  ],
  [[2, 2, 4], [2, 3, 3], { strides: [2], pads: [1, 1], output_padding: [1] }, ['batch', 2, 'length']],
  [[1, 2, 3, 3], [2, 2, 2, 2], { strides: [2, 2] }, ['batch', 2, 'h', 'w']],
  [[1, 2, 3, 2], [2, 1, 3, 3], { pads: [1, 0, 2, 1], dilations: [1, 2] }],
  [[1, 4, 3, 3], [4, 1, 3, 3], { group: 2, strides: [2, 1], pads: [1, 1, 1, 1], output_padding: [1, 0] }],
  [[1, 2, 3, 3], [2, 2, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  [[1, 2, 3, 3], [2, 2, 4, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }],
  [[1, 2, 3, 3], [2, 2, 3, 3], { output_shape: [6, 5], strides: [2, 2] }],
  [[1, 1, 2, 3, 2], [1, 2, 2, 2, 2], { strides: [1, 2, 2] }],
]

const convolutionCases = (op: string, table: typeof convolutions): Case[] =>
  table.map(([x, kernel, attributes = {}, symbolic], i) => {
    const channels = op === 'Conv' ? kernel[0] : kernel[1] * ((attributes.group as number) ?? 1)
    const shapes = i % 2 ? [x, kernel, [channels]] : [x, kernel]
    return {
      name: `${op} [${x}] [${kernel}] ${JSON.stringify(attributes)}${symbolic ? ` of [${symbolic}]` : ''}`,
      shapes,
      declared: symbolic && [symbolic, ...shapes.slice(1)],
      only32: 'linear',
      build: (g, xs) => g.emit(op, xs, attributes)[0],
    }
  })

const pools: [number[], Attributes, Dim[]?][] = [
  [[2, 2, 6], { kernel_shape: [3], strides: [2] }],
  [[2, 2, 7], { kernel_shape: [2], pads: [1, 0] }, ['batch', 2, 'length']],
  [[2, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }, ['batch', 'channels', 4, 4]],
  [[1, 2, 5, 5], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, ['batch', 2, 'h', 'w']],
  [[1, 2, 4, 5], { kernel_shape: [2, 3], pads: [1, 1, 0, 1] }],
  [[1, 1, 6, 6], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
  [
    [1, 1, 5, 6],
    { kernel_shape: [2, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
    [1, 1, 'h', 'w'],
  ],
  [[1, 2, 5, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }],
  [[1, 1, 5, 5], { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }],
  [[1, 1, 5, 5], { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER' }],
  [[1, 1, 7, 7], { kernel_shape: [2, 2], dilations: [2, 3] }],
  [[1, 1, 4, 4, 4], { kernel_shape: [2, 2, 2], strides: [2, 1, 2] }],
]

const poolingCases: Case[] = [
  ...pools.flatMap(([x, attributes, symbolic]): Case[] => {
    const tag = `[${x}] ${JSON.stringify(attributes)}${symbolic ? ` of [${symbolic}]` : ''}`
    const common = { shapes: [x], declared: symbolic && [symbolic] }
    return [
      {
        ...common,
        name: `MaxPool ${tag}`,
        build: (g, [v]) => g.sin(g.emit('MaxPool', [v], attributes)[0]),
      },
      ...[0, 1].map(
        (count_include_pad): Case => ({
          ...common,
          name: `AveragePool ${count_include_pad} ${tag}`,
          only32: 'linear',
          build: (g, [v]) => g.emit('AveragePool', [v], { ...attributes, count_include_pad })[0],
        }),
      ),
    ]
  }),
  ...(
    [
      [[2, 3, 4]],
      [
        [2, 3, 2, 3],
        ['batch', 3, 'h', 'w'],
      ],
    ] as [number[], Dim[]?][]
  ).flatMap(([x, symbolic]): Case[] => [
    {
      name: `GlobalAveragePool [${symbolic ?? x}]`,
      shapes: [x],
      declared: symbolic && [symbolic],
      only32: 'linear',
      build: (g, [v]) => g.emit('GlobalAveragePool', [v])[0],
    },
    {
      name: `GlobalMaxPool [${symbolic ?? x}]`,
      shapes: [x],
      declared: symbolic && [symbolic],
      only32: 'smooth',
      sample: apart,
      build: (g, [v]) => g.emit('GlobalMaxPool', [v])[0],
    },
  ]),
]

const modes: Attributes[] = [
  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'].map(
    (coordinate_transformation_mode) => ({
      mode: 'linear',
      coordinate_transformation_mode,
    }),
  ),
  ...['round_prefer_floor', 'floor', 'ceil', 'round_prefer_ceil'].map((nearest_mode) => ({
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode,
  })),
  { mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode: 'floor' },
  { mode: 'cubic', coordinate_transformation_mode: 'half_pixel', cubic_coeff_a: -0.75 },
  { mode: 'cubic', coordinate_transformation_mode: 'align_corners' },
  { mode: 'linear', antialias: 1 },
]

const resizeCases: Case[] = [
  ...modes.flatMap((attributes): Case[] => {
    const tag = Object.values(attributes).join(' ')
    return [
      {
        name: `Resize ${tag} by scales`,
        shapes: [[1, 2, 3, 4]],
        only32: 'linear',
        build: (g, [x]) => g.emit('Resize', [x, undefined, g.constant([1, 1, 2, 1.5])], attributes)[0],
      },
      {
        name: `Resize ${tag} to sizes`,
        shapes: [[1, 2, 5, 3]],
        only32: 'linear',
        build: (g, [x]) => g.emit('Resize', [x, undefined, undefined, ints(g, 1, 2, 3, 7)], attributes)[0],
      },
      {
        name: `Resize ${tag} of symbolic axes`,
        shapes: [[2, 2, 3, 4]],
        declared: [['batch', 2, 'h', 'w']],
        only32: 'linear',
        build: (g, [x]) => g.emit('Resize', [x, undefined, g.constant([1, 1, 2, 0.75])], attributes)[0],
      },
    ]
  }),
  {
    name: 'Resize of some axes',
    shapes: [[1, 2, 3, 4]],
    only32: 'linear',
    build: (g, [x]) =>
      g.emit('Resize', [x, undefined, undefined, ints(g, 6, 5)], { axes: [2, 3], mode: 'linear' })[0],
  },
  {
    name: 'Resize of a signal',
    shapes: [[2, 2, 5]],
    declared: [['batch', 2, 'length']],
    only32: 'linear',
    build: (g, [x]) => g.emit('Resize', [x, undefined, g.constant([1, 1, 2])], { mode: 'linear' })[0],
  },
  {
    name: 'Resize by a factor that keeps the size',
    shapes: [[1, 1, 4, 4]],
    only32: 'linear',
    build: (g, [x]) => g.emit('Resize', [x, undefined, g.constant([1, 1, 1.2, 1.2])], { mode: 'linear' })[0],
  },
  {
    name: 'Resize to the size of another image',
    shapes: [
      [1, 2, 3, 3],
      [1, 2, 5, 6],
    ],
    declared: [
      ['batch', 2, 'h', 'w'],
      ['batch', 2, 'H', 'W'],
    ],
    only32: 'linear',
    build: (g, [x, y]) => {
      const size = g.concat([ints(g, 1, 2), g.emit('Shape', [y], { start: 2 })[0]], 0)
      return g.add(g.emit('Resize', [x, undefined, undefined, size], { mode: 'nearest' })[0], y)
    },
  },
]

export const windowCases = {
  convolution: [...convolutionCases('Conv', convolutions), ...convolutionCases('ConvTranspose', transposed)],
  pooling: poolingCases,
  resize: resizeCases,
}
