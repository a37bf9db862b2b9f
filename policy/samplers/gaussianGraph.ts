import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'

const halfLog2Pi = 0.5 * Math.log(2 * Math.PI)

/** Log-density of every element of x under independent Gaussians; logStd broadcasts to x. */
export function elementLogProb(g: GraphBuilder, x: Value, mean: Value, logStd: Value): Value {
  const z = g.div(g.sub(x, mean), g.exp(logStd))
  return g.sub(g.mul(g.mul(z, z), -0.5), g.add(logStd, halfLog2Pi))
}

/** Mean over the elements that the mask counts of 1/2 log(2 pi e std^2); logStd broadcasts to the mask. Scalar. */
export function entropyOf(g: GraphBuilder, logStd: Value, mask: Value): Value {
  const counted = g.reduceSum(mask)
  return g.add(g.div(g.reduceSum(g.mul(mask, logStd)), counted), halfLog2Pi + 0.5)
}
