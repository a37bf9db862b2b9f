import { intAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import { type GradientRule, unbroadcast } from './rule.js'

/** y (dy − Σ y dy). */
const softmax: GradientRule = ({ g, node, dy, output }) => {
  const y = output(0)
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), y.shape.length, node.name)
  return [g.mul(y, g.sub(dy, g.reduceSum(g.mul(dy, y), [axis], true)))]
}

/** dy − softmax Σ dy. */
const logSoftmax: GradientRule = ({ g, node, dy, output }) => {
  const y = output(0)
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), y.shape.length, node.name)
  return [g.sub(dy, g.mul(g.exp(y), g.reduceSum(dy, [axis], true)))]
}

/**
 * With x̂ the normalised input and ĝ = dy scale: dx = (ĝ − mean(ĝ) − x̂ mean(ĝ x̂)) / deviation. The forward node
 * is given its outputs for mean and inverse deviation.
 */
const layerNormalization: GradientRule = ({ g, node, dy, needs, input, output, hasInput, unsupported }) => {
  const x = input(0)
  if (x.dtype !== 'float32') throw unsupported(`dtype ${x.dtype}`)
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), x.shape.length, node.name)
  const axes = x.shape.map((_, i) => i).filter((i) => i >= axis)
  const [mean, inverseDeviation] = g.layerNormStatistics(node)
  const scaleIsOne = g.constantNumber(node.inputs[1]) === 1
  const normalised = scaleIsOne && !hasInput(2) ? output(0) : g.mul(g.sub(x, mean), inverseDeviation)
  const weighted = g.mul(dy, normalised)
  const dxhat = scaleIsOne ? dy : g.mul(dy, input(1))
  const along = scaleIsOne ? weighted : g.mul(weighted, input(1))
  const centred = g.sub(dxhat, g.reduceMean(dxhat, axes, true))
  return [
    needs(0)
      ? g.mul(g.sub(centred, g.mul(normalised, g.reduceMean(along, axes, true))), inverseDeviation)
      : undefined,
    needs(1) ? unbroadcast(g, weighted, input(1)) : undefined,
    hasInput(2) && needs(2) ? unbroadcast(g, dy, input(2)) : undefined,
  ]
}

export const normalization: Record<string, GradientRule> = {
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  LayerNormalization: layerNormalization,
}
