import type { Case } from '../finiteDifferences.js'
import { apart, ints, positive } from './samples.js'

export const reductionCases: Case[] = [
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
  ...['ReduceMin', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2', 'ReduceLogSumExp', 'ReduceProd'].map(
    (op): Case => ({
      name: op,
      shapes: [[3, 4]],
      sample: apart,
      build: (g, [x]) => g.emit(op, [g.mul(x, 2), ints(g, 1)], { keepdims: 0 })[0],
    }),
  ),
  {
    name: 'ReduceLogSum',
    shapes: [[3, 4]],
    sample: positive,
    build: (g, [x]) => g.emit('ReduceLogSum', [x, ints(g, 0)])[0],
  },
  {
    name: 'ReduceProd of all',
    shapes: [[2, 3]],
    sample: apart,
    build: (g, [x]) => g.emit('ReduceProd', [x], { keepdims: 0 })[0],
  },
  {
    name: 'ReduceProd with a zero',
    shapes: [[2, 3]],
    sample: apart,
    build: (g, [x]) =>
      g.emit('ReduceProd', [g.mul(x, g.constant([0, 1, 1, 0, 0, 1], [2, 3], x.dtype)), ints(g, 1)])[0],
  },
  {
    name: 'ReduceProd at a zero',
    shapes: [[3, 3]],
    sample: (x) => Math.round(x),
    build: (g, [x]) => g.emit('ReduceProd', [x, ints(g, 1)])[0],
  },
  {
    name: 'TopK',
    shapes: [[3, 5]],
    build: (g, [x]) => g.sin(g.emit('TopK', [x, ints(g, 2)], { axis: 1 }, 2)[0]),
  },
  {
    name: 'TopK, smallest along a symbolic axis',
    shapes: [[5, 2]],
    declared: [['batch', 2]],
    build: (g, [x]) => g.sin(g.emit('TopK', [x, ints(g, 3)], { axis: 0, largest: 0 }, 2)[0]),
  },
]
