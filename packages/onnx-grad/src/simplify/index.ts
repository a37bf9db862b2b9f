import type { Model } from '../model.js'
import { batchedMatMul } from './attention.js'
import { scaledLinear, splitOfLinear } from './linear.js'
import { Rewriting } from './rewriting.js'

/**
 * The same function with fewer passes over memory, forward and above all backward, written so that onnxruntime fuses
 * what it can. Values that are read from outside keep their names; results differ by rounding only.
 */
export const simplify = (model: Model): Model =>
  [splitOfLinear, scaledLinear, batchedMatMul].reduce((m, rewrite) => Rewriting.of(m, rewrite), model)
