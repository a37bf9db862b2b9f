import type { Case } from '../finiteDifferences.js'
import { apart, positive } from './samples.js'

const matrix = [[3, 4]]

export const elementwiseCases: Case[] = [
  {
    name: 'clip with bounds',
    shapes: [[3, 4], [], []],
    sample: apart,
    build: (g, [x, a, b]) => {
      const [lo, hi] = [g.sub(g.mul(a, 0.1), 0.6), g.add(g.mul(b, 0.1), 0.6)]
      return g.emit('Clip', [x, lo, hi])[0]
    },
  },
  {
    name: 'CastLike',
    shapes: [[3, 4], [2]],
    build: (g, [x, like]) => g.add(g.sin(g.emit('CastLike', [x, like])[0]), g.reduceSum(like)),
  },
  { name: 'neg', shapes: matrix, build: (g, [x]) => g.neg(x) },
  { name: 'sqrt', shapes: matrix, sample: positive, build: (g, [x]) => g.sqrt(x) },
  { name: 'exp', shapes: matrix, build: (g, [x]) => g.exp(x) },
  { name: 'log', shapes: matrix, sample: positive, build: (g, [x]) => g.log(x) },
  { name: 'abs', shapes: matrix, sample: apart, build: (g, [x]) => g.abs(x) },
  { name: 'erf', only32: 'smooth', shapes: matrix, build: (g, [x]) => g.erf(x) },
  { name: 'tanh', shapes: matrix, build: (g, [x]) => g.tanh(x) },
  { name: 'sigmoid', shapes: matrix, build: (g, [x]) => g.sigmoid(x) },
  { name: 'relu', shapes: matrix, sample: apart, build: (g, [x]) => g.relu(x) },
  { name: 'gelu', only32: 'smooth', shapes: [[3, 8]], build: (g, [x]) => g.gelu(x) },
  {
    name: 'gelu tanh',
    only32: 'smooth',
    shapes: [[3, 8]],
    build: (g, [x]) => g.emit('Gelu', [x], { approximate: 'tanh' })[0],
  },
  { name: 'silu', only32: 'smooth', shapes: matrix, build: (g, [x]) => g.silu(x) },
  { name: 'softplus', only32: 'smooth', shapes: matrix, build: (g, [x]) => g.emit('Softplus', [x])[0] },
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
  {
    name: 'cast',
    only32: 'smooth',
    shapes: matrix,
    build: (g, [x]) => g.sin(g.cast(g.exp(g.cast(x, 'float64')), 'float32')),
  },
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
export const broadcastCases: Case[] = shapePairs.flatMap(([a, b]) =>
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
      ['mean', (g, [x, y]) => g.emit('Mean', [x, y, g.mul(x, y)])[0]],
    ] as [string, Case['build']][]
  ).map(([name, build]) => ({
    name: `${name} [${a}] [${b}]`,
    shapes: [a, b],
    sample: apart,
    // Mean has no float64 kernel.
    only32: name === 'mean' ? 'smooth' : undefined,
    build,
  })),
)
