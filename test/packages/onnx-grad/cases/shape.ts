import type { Case } from '../finiteDifferences.js'
import { int64, ints } from './samples.js'

export const shapeCases: Case[] = [
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
  {
    name: 'slice with steps along a symbolic axis',
    shapes: [[5, 2]],
    declared: [['batch', 2]],
    build: (g, [x]) => g.sin(g.emit('Slice', [x, ints(g, -1), ints(g, -99), ints(g, 0), ints(g, -2)])[0]),
  },
  {
    name: 'slice with bounds from a shape',
    shapes: [
      [5, 6],
      [2, 3],
    ],
    declared: [
      ['a', 'b'],
      ['c', 'd'],
    ],
    build: (g, [x, y]) => {
      const size = g.emit('Shape', [y])[0]
      return g.sin(g.emit('Slice', [x, ints(g, 1, 0), size, ints(g, 0, 1)])[0])
    },
  },
  {
    name: 'slice with bounds from an input',
    shapes: [[5, 3]],
    declared: [['batch', 3]],
    feeds: { from: { shape: [1], data: int64(1) }, to: { shape: [1], data: int64(-1) } },
    build: (g, [x]) => {
      const [from, to] = ['from', 'to'].map((name) => g.input(name, 'int64', [1]))
      return g.sin(g.emit('Slice', [x, from, to, ints(g, 0)])[0])
    },
  },
  {
    name: 'split by an input',
    shapes: [[6, 2]],
    feeds: { sizes: { shape: [2], data: int64(4, 2) } },
    build: (g, [x]) => {
      const [a, b] = g.emit('Split', [x, g.input('sizes', 'int64', [2])], { axis: 0 }, 2)
      return g.concat([g.sin(b), a], 0)
    },
  },
  {
    name: 'split by an input, one part used',
    shapes: [[6, 2]],
    feeds: { sizes: { shape: [2], data: int64(4, 2) } },
    build: (g, [x]) => g.sin(g.emit('Split', [x, g.input('sizes', 'int64', [2])], { axis: 0 }, 2)[1]),
  },
  {
    name: 'split into num_outputs',
    shapes: [[2, 5]],
    build: (g, [x]) => {
      const [a, b] = g.emit('Split', [x], { axis: 1, num_outputs: 2 }, 2)
      return g.concat([g.sin(b), a], 1)
    },
  },
  {
    name: 'reshape to a shape from an input',
    shapes: [[2, 6]],
    feeds: { shape: { shape: [3], data: int64(3, 1, 4) } },
    build: (g, [x]) => g.sin(g.emit('Reshape', [x, g.input('shape', 'int64', [3])])[0]),
  },
  {
    name: 'expand to a shape from an input',
    shapes: [
      [3, 1],
      [2, 3, 4],
    ],
    feeds: { shape: { shape: [3], data: int64(2, 1, 4) } },
    build: (g, [x, y]) => g.mul(g.emit('Expand', [x, g.input('shape', 'int64', [3])])[0], y),
  },
  {
    name: 'flatten',
    shapes: [[2, 3, 2]],
    declared: [['batch', 3, 2]],
    build: (g, [x]) => g.sin(g.emit('Flatten', [x], { axis: 2 })[0]),
  },
  {
    name: 'pad of a symbolic axis',
    shapes: [[2, 3]],
    declared: [['batch', 3]],
    build: (g, [x]) => g.sin(g.emit('Pad', [x, ints(g, 2, 1), undefined, ints(g, 0)])[0]),
  },
  {
    name: 'pad with a value and with negative amounts',
    shapes: [[4, 3], []],
    build: (g, [x, value]) => g.sin(g.emit('Pad', [x, ints(g, -1, 2, 1, -1), value])[0]),
  },
  {
    name: 'pad by an input',
    shapes: [[2, 3], []],
    declared: [['batch', 3], []],
    feeds: { pads: { shape: [4], data: int64(1, 0, 0, 2) } },
    build: (g, [x, value]) => g.sin(g.emit('Pad', [x, g.input('pads', 'int64', [4]), value])[0]),
  },
  ...['reflect', 'edge', 'wrap'].flatMap((mode): Case[] => [
    {
      name: `pad in mode ${mode}`,
      shapes: [[2, 4, 3]],
      build: (g, [x]) => g.sin(g.emit('Pad', [x, ints(g, 0, 2, 1, 0, 1, 2)], { mode })[0]),
    },
    {
      name: `pad in mode ${mode} of symbolic axes`,
      shapes: [[1, 4, 3]],
      declared: [['batch', 'h', 'w']],
      build: (g, [x]) =>
        g.sin(g.emit('Pad', [x, ints(g, 2, 1, 1, 2), undefined, ints(g, -1, 1)], { mode })[0]),
    },
  ]),
  {
    name: 'pad in mode edge by an input',
    shapes: [[3, 2]],
    declared: [['batch', 2]],
    feeds: { pads: { shape: [4], data: int64(1, 0, 0, 2) } },
    build: (g, [x]) => g.sin(g.emit('Pad', [x, g.input('pads', 'int64', [4])], { mode: 'edge' })[0]),
  },
  {
    name: 'tile',
    shapes: [[2, 3]],
    declared: [['batch', 3]],
    build: (g, [x]) => g.sin(g.mul(g.emit('Tile', [x, ints(g, 2, 3)])[0], 0.7)),
  },
  {
    name: 'tile along one axis',
    shapes: [[2, 1, 3]],
    build: (g, [x]) => g.sin(g.emit('Tile', [x, ints(g, 1, 4, 1)])[0]),
  },
  {
    name: 'tile by an input',
    shapes: [[2, 3]],
    declared: [['batch', 3]],
    feeds: { repeats: { shape: [2], data: int64(2, 2) } },
    build: (g, [x]) => g.sin(g.emit('Tile', [x, g.input('repeats', 'int64', [2])])[0]),
  },
  {
    name: 'tile by a symbolic size',
    shapes: [[1, 3], [4]],
    declared: [[1, 3], ['batch']],
    build: (g, [x, y]) => {
      const repeats = g.concat([g.emit('Shape', [y])[0], ints(g, 1)], 0)
      return g.mul(g.emit('Tile', [x, repeats])[0], g.unsqueeze(y, [1]))
    },
  },
  ...['DCR', 'CRD'].map(
    (mode): Case => ({
      name: `DepthToSpace ${mode}`,
      shapes: [[2, 8, 2, 3]],
      declared: [['batch', 8, 'h', 3]],
      build: (g, [x]) => g.sin(g.emit('DepthToSpace', [x], { blocksize: 2, mode })[0]),
    }),
  ),
  {
    name: 'SpaceToDepth',
    shapes: [[2, 2, 4, 6]],
    declared: [['batch', 2, 4, 'w']],
    build: (g, [x]) => g.sin(g.emit('SpaceToDepth', [x], { blocksize: 2 })[0]),
  },
  ...[0, 1].flatMap((upper) =>
    [undefined, -1, 2].map(
      (k): Case => ({
        name: `Trilu upper=${upper} k=${k}`,
        shapes: [[2, 3, 4]],
        declared: [['batch', 3, 4]],
        build: (g, [x]) =>
          g.sin(g.emit('Trilu', [x, k === undefined ? undefined : g.constant(k, [], 'int64')], { upper })[0]),
      }),
    ),
  ),
]
