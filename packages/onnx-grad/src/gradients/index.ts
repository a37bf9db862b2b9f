import { activations } from './activations.js'
import { convolutions } from './convolution.js'
import { einsums } from './einsum.js'
import { elementwise } from './elementwise.js'
import { imageNormalization } from './imageNormalization.js'
import { indexing } from './indexing.js'
import { linearAlgebra } from './linearAlgebra.js'
import { losses } from './losses.js'
import { normalization } from './normalization.js'
import { poolings } from './pooling.js'
import { rearrangements } from './rearrange.js'
import { rectifiers } from './rectifiers.js'
import { reductions } from './reductions.js'
import { resizing } from './resize.js'
import type { GradientRule } from './rule.js'
import { scans } from './scan.js'
import { scatters } from './scatter.js'
import { shapes } from './shape.js'
import { trigonometry } from './trigonometry.js'

const rules = new Map<string, GradientRule>(
  Object.entries({
    ...elementwise,
    ...activations,
    ...reductions,
    ...linearAlgebra,
    ...shapes,
    ...indexing,
    ...normalization,
    ...rectifiers,
    ...trigonometry,
    ...einsums,
    ...convolutions,
    ...poolings,
    ...resizing,
    ...imageNormalization,
    ...rearrangements,
    ...scatters,
    ...scans,
    ...losses,
  }),
)

/** Operators whose derivative is zero wherever it exists, and those that only look at shapes. */
const flat = new Set(
  [
    'Sign Floor Ceil Round Shape Size ConstantOfShape ArgMax ArgMin Hardmax NonZero IsNaN IsInf',
    'Equal Less LessOrEqual Greater GreaterOrEqual Not And Or Xor',
    'BitwiseAnd BitwiseOr BitwiseXor BitwiseNot EyeLike RandomNormalLike RandomUniformLike',
  ].flatMap((names) => names.split(' ')),
)

/** Whether an operator looks only at the type of that input. */
const isTypeOnly = (op: string, input: number): boolean => op === 'CastLike' && input === 1

/** Whether gradients can flow to that input of the operator. */
export const carriesGradient = (op: string, input: number): boolean => !flat.has(op) && !isTypeOnly(op, input)

export const gradientRule = (op: string): GradientRule | undefined => rules.get(op)

/** Operators that `differentiate` covers. */
export const differentiableOperators = (): string[] => [...rules.keys()].sort()

/** Operators through which no gradient passes, by definition. */
export const flatOperators = (): string[] => [...flat].sort()
