import type { Case } from '../finiteDifferences.js'
import { int64 } from './samples.js'

export const indexingCases: Case[] = [
  {
    name: 'gather',
    shapes: [[4, 3]],
    build: (g, [x]) => g.sin(g.gather(x, g.constant(int64(3, 1, 1, -4, 0, 3), [2, 3]))),
  },
  {
    name: 'gather from a large table',
    shapes: [[1030, 1]],
    build: (g, [x]) => g.gather(x, g.constant(int64(1029, 1, 1, -1030, 0, 3))),
  },
  {
    name: 'gather axis 1',
    shapes: [[2, 4, 3]],
    declared: [['batch', 4, 3]],
    build: (g, [x]) => g.gather(x, g.constant(int64(3, 1, 1)), 1),
  },
  { name: 'gather one', shapes: [[2, 4, 3]], build: (g, [x]) => g.gather(x, g.constant(int64(2), []), 1) },
  {
    name: 'gather along a symbolic axis',
    shapes: [[4, 3]],
    declared: [['rows', 3]],
    build: (g, [x]) => g.gather(x, g.constant(Int32Array.of(3, 1, 1))),
  },
  {
    name: 'GatherElements',
    shapes: [[2, 3]],
    build: (g, [x]) => g.emit('GatherElements', [x, g.constant(int64(0, 0, 2, 1), [2, 2])], { axis: 1 })[0],
  },
  ...['none', 'add'].flatMap((reduction): Case[] => [
    {
      name: `ScatterElements ${reduction}`,
      shapes: [
        [3, 4],
        [2, 3],
      ],
      declared: [
        ['batch', 4],
        [2, 3],
      ],
      build: (g, [x, u]) => {
        const indices = g.constant(int64(0, 3, -2, 1, 0, 2), [2, 3])
        return g.sin(g.emit('ScatterElements', [x, indices, u], { axis: 1, reduction })[0])
      },
    },
    {
      name: `ScatterND ${reduction}`,
      shapes: [
        [3, 4, 2],
        [2, 2],
      ],
      declared: [
        ['batch', 4, 2],
        [2, 2],
      ],
      build: (g, [x, u]) => {
        const indices = g.constant(int64(0, 3, 2, -4), [2, 2])
        return g.sin(g.emit('ScatterND', [x, indices, u], { reduction })[0])
      },
    },
    {
      name: `ScatterND of rows ${reduction}`,
      shapes: [
        [4, 3],
        [2, 3],
      ],
      build: (g, [x, u]) =>
        g.sin(g.emit('ScatterND', [x, g.constant(int64(3, 1), [2, 1]), u], { reduction })[0]),
    },
  ]),
  {
    name: 'ScatterElements, the same place twice',
    shapes: [[4], [3]],
    build: (g, [x, u]) =>
      g.sin(g.emit('ScatterElements', [x, g.constant(int64(1, 1, 3)), u], { reduction: 'add' })[0]),
  },
  {
    name: 'GatherND',
    shapes: [[3, 4, 2]],
    declared: [['batch', 4, 2]],
    build: (g, [x]) => g.sin(g.emit('GatherND', [x, g.constant(int64(0, 3, 2, -1, 0, 3), [3, 2])])[0]),
  },
  {
    name: 'GatherND of single elements',
    shapes: [[2, 3]],
    build: (g, [x]) => g.sin(g.emit('GatherND', [x, g.constant(int64(0, 2, 1, 0), [1, 2, 2])])[0]),
  },
  {
    name: 'GatherND of rows along symbolic axes',
    shapes: [[3, 2]],
    declared: [['rows', 'columns']],
    build: (g, [x]) => g.sin(g.emit('GatherND', [x, g.constant(int64(2, 0, 2), [3, 1])])[0]),
  },
  {
    name: 'GatherND in batches',
    shapes: [[2, 3, 2]],
    declared: [['batch', 3, 2]],
    feeds: { indices: { shape: [2, 2, 1], data: int64(0, 2, 1, -2) } },
    build: (g, [x]) =>
      g.sin(g.emit('GatherND', [x, g.input('indices', 'int64', ['batch', 2, 1])], { batch_dims: 1 })[0]),
  },
]
