/** Normalisations. */
import type { Rule } from './rule.js'
import { axisOf, forAll, like, same } from './rule.js'

/** The normalised tensor and one or two statistics, which keep the axes as 1. */
const statistics =
  (count: number): Rule =>
  (rule) => {
    const { shape, dtype } = rule.inputs[0]
    const axis = axisOf(rule, shape.length, -1)
    const kept = {
      dtype: dtype === 'float64' ? dtype : ('float32' as const),
      shape: shape.map((dim, i) => (i < axis ? dim : 1)),
    }
    return [like(rule.inputs[0]), ...Array(count).fill(kept)]
  }

/** The running statistics of training mode have the shape of the given ones. */
const batchNormalization: Rule = ({ node, inputs }) =>
  node.outputs.map((_, i) => like(i === 0 ? inputs[0] : inputs[3 + (i % 2 === 1 ? 0 : 1)]))

export const normalization: Record<string, Rule> = {
  ...forAll(
    'GroupNormalization InstanceNormalization RMSNormalization MeanVarianceNormalization LpNormalization',
    same,
  ),
  BatchNormalization: batchNormalization,
  LayerNormalization: statistics(2),
  SimplifiedLayerNormalization: statistics(1),
}
