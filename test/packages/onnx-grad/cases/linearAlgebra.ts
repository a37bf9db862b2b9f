import type { Case } from '../finiteDifferences.js'

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
export const linearAlgebraCases: Case[] = [
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

const equations: [string, ...number[][]][] = [
  ['ij,jk->ik', [2, 3], [3, 4]],
  ['bij,bjk->bik', [2, 2, 3], [2, 3, 2]],
  ['bhid,bhjd->bhij', [2, 2, 3, 2], [2, 2, 2, 2]],
  ['ij,jk', [2, 3], [3, 4]],
  ['ba,cb', [2, 3], [4, 2]],
  ['ij->ji', [2, 3]],
  ['ij->i', [2, 3]],
  ['ij->', [2, 3]],
  ['i,j->ij', [2], [3]],
  ['ij,ij->', [2, 3], [2, 3]],
  ['ij,kl->jk', [2, 3], [2, 4]],
  ['ii->i', [3, 3]],
  ['ii', [3, 3]],
  ['bii->bi', [2, 3, 3]],
  ['...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]],
  ['...ij,jk->...ik', [2, 2, 3], [3, 2]],
  ['i...,i->...', [3, 2, 2], [3]],
  ['... j , j ... -> ...', [2, 3], [3, 2]],
  ['ij,jk,kl->il', [2, 3], [3, 2], [2, 2]],
  ['bi,oi,bo->b', [2, 3], [4, 3], [2, 4]],
  ['ab,cd->abcd', [1, 2], [2, 3]],
  ['ij,j->ij', [3, 2], [2]],
]
export const einsumCases: Case[] = [
  ...equations.map(
    ([equation, ...shapes]): Case => ({
      name: `${equation} ${shapes.map((shape) => `[${shape}]`).join(' ')}`,
      shapes,
      build: (g, xs) => g.emit('Einsum', xs, { equation })[0],
    }),
  ),
  {
    name: 'symbolic batch',
    shapes: [
      [2, 3, 4],
      [4, 2],
    ],
    declared: [
      ['batch', 'tokens', 4],
      [4, 2],
    ],
    build: (g, xs) => g.sin(g.emit('Einsum', xs, { equation: 'btd,de->bte' })[0]),
  },
  {
    name: 'sizes of 1 that broadcast',
    shapes: [
      [1, 3, 4],
      [2, 4, 2],
    ],
    build: (g, xs) => g.emit('Einsum', xs, { equation: '...ij,...jk->...ik' })[0],
  },
  {
    name: 'unlike symbols that broadcast',
    shapes: [
      [1, 3, 4],
      [2, 4, 2],
    ],
    declared: [
      ['a', 3, 4],
      ['b', 4, 2],
    ],
    build: (g, xs) => g.emit('Einsum', xs, { equation: '...ij,...jk->...ik' })[0],
  },
]
