import type { Case } from '../finiteDifferences.js'
import { apart, unit } from './samples.js'

const rectifiers: [string, Record<string, number>][] = [
  ['LeakyRelu', {}],
  ['LeakyRelu', { alpha: 0.3 }],
  ['Elu', {}],
  ['Elu', { alpha: 1.7 }],
  ['Selu', {}],
  ['Selu', { alpha: 1.5, gamma: 1.1 }],
  ['Celu', {}],
  ['Celu', { alpha: 0.6 }],
  ['HardSigmoid', {}],
  ['HardSigmoid', { alpha: 0.5, beta: 0.5 }],
  ['HardSwish', {}],
  ['ThresholdedRelu', {}],
  ['ThresholdedRelu', { alpha: 0.5 }],
  ['Shrink', { lambd: 0.5, bias: 0.1 }],
  ['Softsign', {}],
  ['Mish', {}],
]
const trigonometric = ['Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Atanh', 'Acosh']

export const activationCases: Case[] = [
  ...rectifiers.map(
    ([op, attributes]): Case => ({
      name: [op, ...Object.entries(attributes).flat()].join(' '),
      shapes: [[4, 6]],
      // Kinks lie at multiples of 0.5, of HardSigmoid and HardSwish too.
      sample: (x) => apart(op === 'HardSwish' ? 2.4 * x : 1.3 * x),
      only32: 'smooth',
      build: (g, [x]) => g.emit(op, [x], attributes)[0],
    }),
  ),
  ...trigonometric.map(
    (op): Case => ({
      name: op,
      shapes: [[3, 4]],
      sample: (x) => (op === 'Acosh' ? 1.5 + x * x : unit(x)),
      only32: 'smooth',
      build: (g, [x]) => g.emit(op, [x])[0],
    }),
  ),
  ...[[4], [3, 1], [1], [2, 3, 4]].map(
    (slope): Case => ({
      name: `PRelu slope [${slope}]`,
      shapes: [[2, 3, 4], slope],
      sample: apart,
      only32: 'smooth',
      build: (g, [x, s]) => g.emit('PRelu', [x, s])[0],
    }),
  ),
  {
    name: 'Dropout at inference',
    shapes: [[2, 3]],
    build: (g, [x]) => g.sin(g.emit('Dropout', [x, g.constant(0.5), g.constant(0, [], 'bool')])[0]),
  },
  ...[1, 0.7].map(
    (alpha): Case => ({
      name: `Swish ${alpha}`,
      shapes: [[3, 4]],
      opset: 24,
      only32: 'smooth',
      build: (g, [x]) => g.emit('Swish', [x], { alpha })[0],
    }),
  ),
  { name: 'Identity', shapes: [[2, 3]], build: (g, [x]) => g.sin(g.emit('Identity', [x])[0]) },
]
