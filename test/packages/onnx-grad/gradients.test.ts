import { describe, it } from 'vitest'
import { type Case, checkCase } from './support.js'

const positive = (x: number): number => Math.abs(x) + 0.5
/** Away from kinks at multiples of 0.5, by more than the step of the difference. */
const apart = (x: number): number => Math.floor(x * 2) / 2 + 0.25 + 0.1 * Math.sin(37 * x)
const matrix = [[3, 4]]
const int64 = (values: number[]) => BigInt64Array.from(values, BigInt)

const unaryCases: Case[] = [
  { name: 'neg', shapes: matrix, build: (g, [x]) => g.neg(x) },
  { name: 'sqrt', shapes: matrix, sample: positive, build: (g, [x]) => g.sqrt(x) },
  { name: 'exp', shapes: matrix, build: (g, [x]) => g.exp(x) },
  { name: 'log', shapes: matrix, sample: positive, build: (g, [x]) => g.log(x) },
  { name: 'abs', shapes: matrix, sample: apart, build: (g, [x]) => g.abs(x) },
  { name: 'erf', shapes: matrix, build: (g, [x]) => g.erf(x) },
  { name: 'tanh', shapes: matrix, build: (g, [x]) => g.tanh(x) },
  { name: 'sigmoid', shapes: matrix, build: (g, [x]) => g.sigmoid(x) },
  { name: 'relu', shapes: matrix, sample: apart, build: (g, [x]) => g.relu(x) },
  { name: 'gelu', shapes: [[3, 8]], build: (g, [x]) => g.gelu(x) },
  { name: 'gelu tanh', shapes: [[3, 8]], build: (g, [x]) => g.emit('Gelu', [x], { approximate: 'tanh' })[0] },
  { name: 'silu', shapes: matrix, build: (g, [x]) => g.silu(x) },
  { name: 'softplus', shapes: matrix, build: (g, [x]) => g.emit('Softplus', [x])[0] },
  {
    name: 'reciprocal',
    shapes: matrix,
    sample: (x) => positive(x) + 0.5,
    build: (g, [x]) => g.emit('Reciprocal', [x])[0],
  },
  { name: 'sin', shapes: matrix, build: (g, [x]) => g.sin(x) },
  { name: 'cos', shapes: matrix, build: (g, [x]) => g.cos(x) },
  { name: 'clip', shapes: matrix, sample: apart, build: (g, [x]) => g.clip(x, -0.5, 1) },
  { name: 'clip below', shapes: matrix, sample: apart, build: (g, [x]) => g.clip(x, 0) },
  ...[0, 1, 2, 3, 0.5, -1].map((power) => ({
    name: `pow ${power}`,
    shapes: matrix,
    sample: positive,
    build: ((g, [x]) => g.pow(x, power)) as Case['build'],
  })),
  { name: 'cast', shapes: matrix, build: (g, [x]) => g.sin(g.cast(g.exp(g.cast(x, 'float64')), 'float32')) },
]

const shapePairs: [number[], number[]][] = [
  [
    [3, 4],
    [3, 4],
  ],
  [[3, 4], [4]],
  [
    [3, 1],
    [2, 1, 4],
  ],
  [
    [2, 3, 4],
    [1, 1],
  ],
  [[], [2, 3]],
]
const binaryCases: Case[] = shapePairs.flatMap(([a, b]) =>
  (
    [
      ['add', (g, [x, y]) => g.mul(g.add(x, y), x)],
      ['sub', (g, [x, y]) => g.mul(g.sub(x, y), x)],
      ['mul', (g, [x, y]) => g.mul(x, y)],
      ['div', (g, [x, y]) => g.div(x, g.add(g.mul(y, y), 1))],
      ['pow', (g, [x, y]) => g.pow(g.add(g.abs(x), 0.5), y)],
      ['min', (g, [x, y]) => g.mul(x, g.min(x, g.sub(y, 0.25)))],
      ['max', (g, [x, y]) => g.max(x, g.add(y, 0.25))],
      [
        'where',
        (g, [x, y]) => g.where(g.greater(g.sin(g.stopGradient(g.mul(y, 0))), -1), g.mul(x, y), g.sub(y, x)),
      ],
      ['sum', (g, [x, y]) => g.emit('Sum', [x, y, g.mul(x, y)])[0]],
    ] as [string, Case['build']][]
  ).map(([name, build]) => ({ name: `${name} [${a}] [${b}]`, shapes: [a, b], sample: apart, build })),
)

const matmulPairs: [number[], number[]][] = [
  [
    [3, 4],
    [4, 2],
  ],
  [
    [2, 3, 4],
    [4, 2],
  ],
  [
    [2, 3, 4],
    [2, 4, 2],
  ],
  [
    [2, 1, 3, 4],
    [3, 4, 2],
  ],
  [
    [3, 4],
    [2, 4, 2],
  ],
  [[4], [4, 2]],
  [[2, 3, 4], [4]],
  [[4], [2, 4, 3]],
  [[4], [4]],
]
const linearCases: Case[] = [
  ...matmulPairs.map(([a, b]) => ({
    name: `matmul [${a}] [${b}]`,
    shapes: [a, b],
    build: ((g, [x, y]) => g.matmul(x, y)) as Case['build'],
  })),
  {
    name: 'linear',
    shapes: [[2, 3, 4], [4, 5], [5]],
    declared: [['batch', 'tokens', 4], [4, 5], [5]],
    build: (g, [x, w, b]) => g.linear(x, w, b),
  },
  {
    name: 'linear 2-D',
    shapes: [[3, 4], [4, 5], [5]],
    declared: [['batch', 4], [4, 5], [5]],
    build: (g, [x, w, b]) => g.linear(x, w, b),
  },
  {
    name: 'linear without bias',
    shapes: [
      [2, 3, 4],
      [4, 5],
    ],
    declared: [
      ['batch', 3, 4],
      [4, 5],
    ],
    build: (g, [x, w]) => g.linear(x, w),
  },
  ...[0, 1, 2, 3].map((flags): Case => {
    const [transA, transB] = [flags & 1, flags >> 1]
    return {
      name: `gemm ${transA}${transB}`,
      shapes: [transA ? [4, 3] : [3, 4], transB ? [2, 4] : [4, 2], [2]],
      build: (g, [a, b, c]) => g.emit('Gemm', [a, b, c], { transA, transB, alpha: 0.7, beta: 1.3 })[0],
    }
  }),
]

const normalizationCases: Case[] = [
  { name: 'softmax', shapes: [[2, 5]], build: (g, [x]) => g.softmax(x) },
  { name: 'softmax axis 1', shapes: [[2, 3, 4]], build: (g, [x]) => g.softmax(x, 1) },
  { name: 'logSoftmax', shapes: [[2, 5]], build: (g, [x]) => g.logSoftmax(x) },
  {
    name: 'layerNorm',
    shapes: [[2, 3, 6], [6], [6]],
    declared: [['batch', 3, 6], [6], [6]],
    build: (g, [x, s, b]) => g.layerNorm(x, s, b),
  },
  { name: 'layerNorm without scale', shapes: [[2, 3, 6]], build: (g, [x]) => g.layerNorm(x) },
  { name: 'layerNorm scale only', shapes: [[3, 6], [6]], build: (g, [x, s]) => g.layerNorm(x, s) },
  {
    name: 'LayerNormalization over two axes',
    shapes: [
      [2, 3, 4],
      [3, 4],
      [3, 4],
    ],
    build: (g, xs) => g.emit('LayerNormalization', xs, { axis: 1 })[0],
  },
]

const reductionCases: Case[] = [
  ...[undefined, [0], [1], [-1, 0]].flatMap((axes) =>
    [false, true].flatMap((keep): Case[] => {
      const tag = `over ${axes ?? 'all'}${keep ? ' kept' : ''}`
      const symbolic = [['batch', 3, 4]]
      return [
        {
          name: `reduceSum ${tag}`,
          shapes: [[2, 3, 4]],
          declared: symbolic,
          build: (g, [x]) => g.reduceSum(g.sin(x), axes, keep),
        },
        {
          name: `reduceMean ${tag}`,
          shapes: [[2, 3, 4]],
          declared: symbolic,
          build: (g, [x]) => g.reduceMean(g.sin(x), axes, keep),
        },
        {
          name: `reduceMax ${tag}`,
          shapes: [[2, 3, 4]],
          build: (g, [x]) => g.reduceMax(g.mul(x, 9), axes, keep),
        },
      ]
    }),
  ),
  ...['ReduceMin', 'ReduceSumSquare', 'ReduceL2', 'ReduceLogSumExp'].map(
    (op): Case => ({
      name: op,
      shapes: [[3, 4]],
      build: (g, [x]) => g.emit(op, [g.mul(x, 2), g.constant([1], [1], 'int64')], { keepdims: 0 })[0],
    }),
  ),
]

const shapeCases: Case[] = [
  {
    name: 'reshape',
    shapes: [[2, 6]],
    declared: [['batch', 6]],
    build: (g, [x]) => g.sin(g.reshape(x, ['batch', 2, 3])),
  },
  {
    name: 'reshape merging',
    shapes: [[2, 3, 4]],
    declared: [['batch', 3, 4]],
    build: (g, [x]) => g.reshape(x, [-1, 4]),
  },
  {
    name: 'reshape with two symbols',
    shapes: [[2, 3, 4]],
    declared: [['a', 'b', 4]],
    build: (g, [x]) => g.reshape(g.reshape(x, [-1, 4]), ['b', 'a', 4]),
  },
  { name: 'transpose', shapes: [[2, 3, 4]], build: (g, [x]) => g.sin(g.transpose(x, [2, 0, 1])) },
  { name: 'squeeze', shapes: [[2, 1, 3]], build: (g, [x]) => g.squeeze(x, [1]) },
  {
    name: 'unsqueeze',
    shapes: [[2, 3]],
    declared: [['batch', 3]],
    build: (g, [x]) => g.unsqueeze(x, [0, -1]),
  },
  {
    name: 'expand',
    shapes: [
      [3, 1],
      [2, 5],
    ],
    declared: [
      [3, 1],
      ['batch', 5],
    ],
    build: (g, [x, y]) => g.mul(g.expand(x, ['batch', 3, 5]), g.unsqueeze(y, [1])),
  },
  {
    name: 'concat',
    shapes: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    build: (g, xs) => g.concat(xs, -1),
  },
  {
    name: 'concat of symbolic sizes',
    shapes: [
      [2, 3],
      [4, 3],
    ],
    declared: [
      ['a', 3],
      ['b', 3],
    ],
    build: (g, xs) => g.sin(g.concat(xs, 0)),
  },
  {
    name: 'split',
    shapes: [[2, 6]],
    build: (g, [x]) => {
      const [a, b, c] = g.split(x, 1, [2, 2, 2])
      return g.add(g.mul(a, b), g.exp(c))
    },
  },
  {
    name: 'split, one part used',
    shapes: [[2, 6]],
    declared: [['batch', 6]],
    build: (g, [x]) => g.sin(g.split(x, 1, [1, 2, 3])[1]),
  },
  { name: 'slice', shapes: [[3, 5]], build: (g, [x]) => g.slice(x, 1, 1, -1) },
  { name: 'slice to the end', shapes: [[3, 5]], build: (g, [x]) => g.slice(x, 0, 2, Infinity) },
  {
    name: 'slice of a symbolic axis',
    shapes: [[4, 2]],
    declared: [['batch', 2]],
    build: (g, [x]) => g.slice(x, 0, 1, -1),
  },
  {
    name: 'slice of a symbolic axis from its end',
    shapes: [[4, 2]],
    declared: [['batch', 2]],
    build: (g, [x]) => g.slice(x, 0, -3, 3),
  },
  {
    name: 'slice beyond a symbolic axis',
    shapes: [[4, 2]],
    declared: [['batch', 2]],
    build: (g, [x]) => g.slice(x, 0, -9, 9),
  },
  {
    name: 'slice with steps',
    shapes: [[3, 5]],
    build: (g, [x]) =>
      g.emit('Slice', [
        x,
        ...[
          [0, 4],
          [3, -6],
          [0, 1],
          [2, -2],
        ].map((v) => g.constant(v, [2], 'int64')),
      ])[0],
  },
  {
    name: 'pad',
    shapes: [[2, 3]],
    build: (g, [x]) => g.emit('Pad', [x, g.constant([1, 0, 0, 2], [4], 'int64')])[0],
  },
  {
    name: 'broadcast of unlike symbols',
    shapes: [
      [1, 3],
      [4, 3],
    ],
    declared: [
      ['a', 3],
      ['b', 3],
    ],
    build: (g, [x, y]) => g.mul(x, y),
  },
  {
    name: 'broadcast of unlike symbols, equal sizes',
    shapes: [
      [4, 3],
      [4, 3],
    ],
    declared: [
      ['a', 3],
      ['b', 3],
    ],
    build: (g, [x, y]) => g.mul(x, y),
  },
]

const indexingCases: Case[] = [
  {
    name: 'gather',
    shapes: [[4, 3]],
    build: (g, [x]) => g.sin(g.gather(x, g.constant(int64([3, 1, 1, -4, 0, 3]), [2, 3]))),
  },
  {
    name: 'gather from a large table',
    shapes: [[1030, 1]],
    build: (g, [x]) => g.gather(x, g.constant(int64([1029, 1, 1, -1030, 0, 3]))),
  },
  {
    name: 'gather axis 1',
    shapes: [[2, 4, 3]],
    declared: [['batch', 4, 3]],
    build: (g, [x]) => g.gather(x, g.constant(int64([3, 1, 1])), 1),
  },
  { name: 'gather one', shapes: [[2, 4, 3]], build: (g, [x]) => g.gather(x, g.constant(int64([2]), []), 1) },
  {
    name: 'gather along a symbolic axis',
    shapes: [[4, 3]],
    declared: [['rows', 3]],
    build: (g, [x]) => g.gather(x, g.constant(Int32Array.of(3, 1, 1))),
  },
  {
    name: 'GatherElements',
    shapes: [[2, 3]],
    build: (g, [x]) => g.emit('GatherElements', [x, g.constant(int64([0, 0, 2, 1]), [2, 2])], { axis: 1 })[0],
  },
]

describe('gradient against central differences', () => {
  const families = {
    unaryCases,
    binaryCases,
    linearCases,
    normalizationCases,
    reductionCases,
    shapeCases,
    indexingCases,
  }
  for (const [family, cases] of Object.entries(families))
    describe(family.replace('Cases', ''), () => {
      it.each(cases)('$name', checkCase)
    })
})
