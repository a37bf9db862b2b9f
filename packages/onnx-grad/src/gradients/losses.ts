/** Cross entropies over classes, which PyTorch's exporter writes for its loss functions. */
import { intAttribute, stringAttribute } from '../attributes.js'
import type { Value } from '../builder.js'
import { type GradientContext, type GradientRule, sizeOf } from './rule.js'

/** Weight that each example [N, …] has in the loss, times dy; and the one-hot targets [N, C, …]. */
function targets({ g, node, dy, input, hasInput }: GradientContext) {
  const [scores, target] = [input(0), input(1)]
  const reduction = stringAttribute(node, 'reduction', 'mean')
  const index = g.cast(target, 'int64')
  const ignored = node.attributes.ignore_index
    ? g.equal(index, intAttribute(node, 'ignore_index', 0))
    : undefined
  const known = ignored ? g.where(ignored, 0, index) : index
  const ones = g.expand(g.constant(1, [], scores.dtype), target.shape)
  const classWeight = hasInput(2) ? g.gather(input(2), known) : ones
  const weight = ignored ? g.where(ignored, 0, classWeight) : classWeight
  const share = reduction === 'mean' ? g.div(weight, g.reduceSum(weight)) : weight
  const [oneHot] = g.op(
    'OneHot',
    [known, sizeOf(g, scores, 1), g.constant([0, 1], [2], scores.dtype)],
    { axis: 1 },
    [{ dtype: scores.dtype, shape: scores.shape }],
  )
  return { oneHot, share: g.unsqueeze(g.mul(share, dy), [1]) }
}

const refuseWeights = ({ needs, unsupported }: GradientContext): void => {
  if (needs(2)) throw unsupported('gradient of the class weights')
}

const negativeLogLikelihood: GradientRule = (context) => {
  refuseWeights(context)
  const { oneHot, share } = targets(context)
  return [context.g.neg(context.g.mul(oneHot, share))]
}

const softmaxCrossEntropy: GradientRule = (context) => {
  refuseWeights(context)
  const { g, input } = context
  const { oneHot, share } = targets(context)
  const probabilities: Value = g.softmax(input(0), 1)
  return [g.mul(g.sub(probabilities, oneHot), share)]
}

export const losses: Record<string, GradientRule> = {
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
}
