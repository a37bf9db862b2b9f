/** Output types of each operator from its inputs (ONNX operator specification, opset 13 to 21). */
import { elementwise } from './elementwise.js'
import { indexing } from './indexing.js'
import { linearAlgebra } from './linearAlgebra.js'
import { losses } from './losses.js'
import { normalization } from './normalization.js'
import { reductions } from './reductions.js'
import type { Rule } from './rule.js'
import { shape } from './shape.js'
import { windows } from './windows.js'

export type { OutputType } from './rule.js'

export const shapeRules: Record<string, Rule> = {
  ...elementwise,
  ...reductions,
  ...linearAlgebra,
  ...normalization,
  ...shape,
  ...indexing,
  ...windows,
  ...losses,
}
