import type { Case } from '../finiteDifferences.js'

export const normalizationCases: Case[] = [
  { name: 'softmax', shapes: [[2, 5]], build: (g, [x]) => g.softmax(x) },
  { name: 'softmax axis 1', shapes: [[2, 3, 4]], build: (g, [x]) => g.softmax(x, 1) },
  { name: 'logSoftmax', shapes: [[2, 5]], build: (g, [x]) => g.logSoftmax(x) },
  {
    name: 'layerNorm',
    only32: 'smooth',
    shapes: [[2, 3, 6], [6], [6]],
    declared: [['batch', 3, 6], [6], [6]],
    build: (g, [x, s, b]) => g.layerNorm(x, s, b),
  },
  {
    name: 'layerNorm without scale',
    only32: 'smooth',
    shapes: [[2, 3, 6]],
    build: (g, [x]) => g.layerNorm(x),
  },
  {
    name: 'layerNorm scale only',
    only32: 'smooth',
    shapes: [[3, 6], [6]],
    build: (g, [x, s]) => g.layerNorm(x, s),
  },
  {
    name: 'LayerNormalization over two axes',
    only32: 'smooth',
    shapes: [
      [2, 3, 4],
      [3, 4],
      [3, 4],
    ],
    build: (g, xs) => g.emit('LayerNormalization', xs, { axis: 1 })[0],
  },
]
