import { activations } from './activations.js'
import { elementwise } from './elementwise.js'
import { indexing } from './indexing.js'
import { linearAlgebra } from './linearAlgebra.js'
import { normalization } from './normalization.js'
import { reductions } from './reductions.js'
import type { GradientRule } from './rule.js'
import { shapes } from './shape.js'

const rules = new Map<string, GradientRule>(
  Object.entries({
    ...elementwise,
    ...activations,
    ...reductions,
    ...linearAlgebra,
    ...shapes,
    ...indexing,
    ...normalization,
  }),
)

/** Operators whose derivative is zero wherever it exists, and those that only look at shapes. */
const flat = new Set([
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'Shape',
  'Size',
  'ConstantOfShape',
  'ArgMax',
  'ArgMin',
])
for (const op of ['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Not', 'And', 'Or', 'Xor'])
  flat.add(op)
for (const op of ['IsNaN', 'IsInf', 'NonZero']) flat.add(op)

export const gradientRule = (op: string): GradientRule | undefined => rules.get(op)

/** Whether no gradient passes through the operator, by definition. */
export const isFlat = (op: string): boolean => flat.has(op)

/** Operators that `differentiate` covers. */
export const differentiableOperators = (): string[] => [...rules.keys()].sort()
