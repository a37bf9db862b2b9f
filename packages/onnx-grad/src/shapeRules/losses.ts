/** Losses of the operator set. */
import { stringAttribute } from '../attributes.js'
import { forAll, like, type Rule } from './rule.js'

/** One loss for each target, or a scalar; the second output, log-probabilities, is like the scores. */
const crossEntropy: Rule = ({ node, inputs: [scores, target] }) => {
  const each = stringAttribute(node, 'reduction', 'mean') === 'none'
  return [{ dtype: scores.dtype, shape: each ? target.shape : [] }, like(scores)]
}

export const losses: Record<string, Rule> = forAll(
  'NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss',
  crossEntropy,
)
