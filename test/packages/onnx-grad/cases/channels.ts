/** Normalisations over channels, running sums and losses. */
import type { Dim } from '@vla-gym/onnx-grad'
import type { Case } from '../finiteDifferences.js'
import { int64, positive } from './samples.js'

const images: [number[], Dim[]?][] = [
  [[2, 4, 3]],
  [[2, 4, 2, 3]],
  [
    [2, 4, 2, 3],
    ['batch', 4, 'h', 'w'],
  ],
]

export const channelNormalizationCases: Case[] = [
  ...images.flatMap(([x, symbolic]): Case[] => {
    const common = { shapes: [x, [4], [4]], declared: symbolic && [symbolic, [4], [4]] }
    const tag = `[${symbolic ?? x}]`
    return [
      {
        ...common,
        name: `InstanceNormalization ${tag}`,
        only32: 'smooth',
        build: (g, xs) => g.emit('InstanceNormalization', xs, { epsilon: 0.01 })[0],
      },
      ...[1, 2, 4].map(
        (num_groups): Case => ({
          ...common,
          name: `GroupNormalization ${num_groups} ${tag}`,
          only32: 'smooth',
          build: (g, xs) => g.emit('GroupNormalization', xs, { num_groups, epsilon: 0.01 })[0],
        }),
      ),
      {
        name: `BatchNormalization ${tag}`,
        shapes: [x, [4], [4], [4], [4]],
        declared: symbolic && [symbolic, [4], [4], [4], [4]],
        sample: positive,
        build: (g, xs) => g.emit('BatchNormalization', xs, { epsilon: 0.1 })[0],
      },
    ]
  }),
  {
    name: 'SimplifiedLayerNormalization',
    shapes: [[2, 3, 4], [4]],
    declared: [['batch', 3, 4], [4]],
    only32: 'smooth',
    build: (g, xs) => g.emit('SimplifiedLayerNormalization', xs, { axis: -1, epsilon: 0.01 })[0],
  },
  {
    name: 'RMSNormalization over two axes',
    shapes: [
      [2, 3, 4],
      [3, 4],
    ],
    declared: [
      ['batch', 3, 4],
      [3, 4],
    ],
    opset: 23,
    only32: 'smooth',
    build: (g, xs) => g.emit('RMSNormalization', xs, { axis: 1, epsilon: 0.01 })[0],
  },
]

export const scanCases: Case[] = [
  ...[0, 1].flatMap((reverse) =>
    [0, 1].map(
      (exclusive): Case => ({
        name: `CumSum reverse=${reverse} exclusive=${exclusive}`,
        shapes: [[2, 4]],
        declared: [['batch', 4]],
        build: (g, [x]) =>
          g.sin(g.emit('CumSum', [x, g.constant(1 - reverse, [], 'int64')], { reverse, exclusive })[0]),
      }),
    ),
  ),
  {
    name: 'Range of floats',
    shapes: [[], []],
    sample: (x) => 1 + 0.3 * Math.tanh(x),
    build: (g, [start, delta]) =>
      g.sin(
        g.op('Range', [start, g.add(start, g.mul(delta, 3.5)), delta], {}, [
          { dtype: start.dtype, shape: ['n'] },
        ])[0],
      ),
  },
  ...[
    ['float remainders', 1],
    ['remainders of positive numbers', 1],
  ].map(
    ([name, fmod], i): Case => ({
      name: `Mod, ${name}`,
      shapes: [[3, 4], [4]],
      sample: (x) => (i ? Math.abs(x) : x) * 3 + 0.7,
      build: (g, xs) => g.emit('Mod', xs, { fmod: fmod as number })[0],
    }),
  ),
]

const targets = { target: { shape: [2, 3], data: int64(0, 3, 1, 2, 2, 0) } }
const forms: Record<string, string | number>[] = [
  { reduction: 'mean' },
  { reduction: 'sum' },
  { reduction: 'none' },
  { reduction: 'mean', ignore_index: 2 },
  { reduction: 'none', ignore_index: 0 },
]

export const lossCases: Case[] = forms.flatMap((attributes) =>
  [false, true].flatMap((weighted) =>
    ['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss'].map(
      (op): Case => ({
        name: `${op} ${Object.values(attributes).join(' ')}${weighted ? ' weighted' : ''}`,
        shapes: [[2, 4, 3]],
        declared: [['batch', 4, 3]],
        feeds: targets,
        only32: 'smooth',
        build: (g, [x]) => {
          const weight = weighted ? g.constant([0.5, 1, 2, 0.7], [4], x.dtype) : undefined
          return g.emit(op, [x, g.input('target', 'int64', ['batch', 3]), weight], attributes)[0]
        },
      }),
    ),
  ),
)
