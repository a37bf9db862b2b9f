/** Normalisations over channels [N, C, …] and by the root mean square. */
import { floatAttribute, intAttribute } from '../attributes.js'
import { normalizeAxis } from '../axes.js'
import type { GraphBuilder, Value } from '../builder.js'
import { dimProduct, dimQuotient } from '../dims.js'
import type { Dim } from '../model.js'
import { type GradientContext, type GradientRule, unbroadcast } from './rule.js'

const inverseRoot = (g: GraphBuilder, variance: Value, epsilon: number): Value =>
  g.div(1, g.sqrt(g.add(variance, epsilon)))

/** x̂ = (x − mean) / deviation over these axes, and 1 / deviation. */
function standardized(g: GraphBuilder, x: Value, axes: readonly number[], epsilon: number) {
  const centred = g.sub(x, g.reduceMean(x, axes, true))
  const inverse = inverseRoot(g, g.reduceMean(g.mul(centred, centred), axes, true), epsilon)
  return { normalised: g.mul(centred, inverse), inverse }
}

/** (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂)) / deviation. */
function throughStatistics(
  g: GraphBuilder,
  dxhat: Value,
  { normalised, inverse }: { normalised: Value; inverse: Value },
  axes: readonly number[],
): Value {
  const along = g.reduceMean(g.mul(dxhat, normalised), axes, true)
  const centred = g.sub(dxhat, g.reduceMean(dxhat, axes, true))
  return g.mul(g.sub(centred, g.mul(normalised, along)), inverse)
}

const axesFrom = (x: Value, first: number): number[] => x.shape.map((_, i) => i).filter((i) => i >= first)

/** A vector of channels as [C, 1, …], to broadcast against [N, C, …]. */
const perChannel = (g: GraphBuilder, vector: Value, x: Value): Value =>
  g.unsqueeze(
    vector,
    x.shape.slice(2).map((_, i) => i + 1),
  )

/** Sums over everything but the channels, as the vector that a parameter is. */
const channelSums = (g: GraphBuilder, x: Value, vector: Value): Value =>
  g.reshape(
    g.reduceSum(
      x,
      x.shape.map((_, i) => i).filter((i) => i !== 1),
    ),
    vector.shape,
  )

/** Groups of channels are normalised; an instance normalisation has one channel in each. */
const overGroups =
  (groupsOf: (context: GradientContext) => Dim): GradientRule =>
  (context) => {
    const { g, node, dy, needs, input, unsupported } = context
    const x = input(0)
    const groups = groupsOf(context)
    const each = dimQuotient(x.shape[1], groups)
    if (each === undefined) throw unsupported('a number of channels that is not known')
    const grouped = [x.shape[0], groups, dimProduct([each, ...x.shape.slice(2)])]
    const statistics = standardized(g, g.reshape(x, grouped), [2], floatAttribute(node, 'epsilon', 1e-5))
    const dxhat = (): Value => g.reshape(g.mul(dy, perChannel(g, input(1), x)), grouped)
    return [
      needs(0) ? g.reshape(throughStatistics(g, dxhat(), statistics, [2]), x.shape) : undefined,
      needs(1) ? channelSums(g, g.mul(dy, g.reshape(statistics.normalised, x.shape)), input(1)) : undefined,
      needs(2) ? channelSums(g, dy, input(2)) : undefined,
    ]
  }

/** With the mean and variance that it was given: (x − mean) / sqrt(variance + ε) scale + bias. */
const batchNormalization: GradientRule = ({ g, node, dy, needs, input, unsupported }) => {
  if (intAttribute(node, 'training_mode', 0) !== 0) throw unsupported('training mode')
  const x = input(0)
  const [scale, mean, variance] = [1, 3, 4].map((i) => perChannel(g, input(i), x))
  const inverse = inverseRoot(g, variance, floatAttribute(node, 'epsilon', 1e-5))
  const slope = g.mul(scale, inverse)
  const normalised = (): Value => g.mul(g.sub(x, mean), inverse)
  const spread = (): Value => g.mul(g.mul(g.mul(dy, normalised()), slope), g.mul(inverse, -0.5))
  return [
    needs(0) ? g.mul(dy, slope) : undefined,
    needs(1) ? channelSums(g, g.mul(dy, normalised()), input(1)) : undefined,
    needs(2) ? channelSums(g, dy, input(2)) : undefined,
    needs(3) ? g.neg(channelSums(g, g.mul(dy, slope), input(3))) : undefined,
    needs(4) ? channelSums(g, spread(), input(4)) : undefined,
  ]
}

/** x / sqrt(mean(x²) + ε) times scale, over the axes from `axis` on. */
const rmsNormalization: GradientRule = ({ g, node, dy, needs, input }) => {
  const [x, scale] = [input(0), input(1)]
  const axes = axesFrom(x, normalizeAxis(intAttribute(node, 'axis', -1), x.shape.length, node.name))
  const meanSquare = g.reduceMean(g.mul(x, x), axes, true)
  const inverse = inverseRoot(g, meanSquare, floatAttribute(node, 'epsilon', 1e-5))
  const normalised = g.mul(x, inverse)
  const dxhat = g.mul(dy, scale)
  const along = (): Value => g.reduceMean(g.mul(dxhat, normalised), axes, true)
  return [
    needs(0) ? g.mul(g.sub(dxhat, g.mul(normalised, along())), inverse) : undefined,
    needs(1) ? unbroadcast(g, g.mul(dy, normalised), scale) : undefined,
  ]
}

export const imageNormalization: Record<string, GradientRule> = {
  InstanceNormalization: overGroups(({ input }) => input(0).shape[1]),
  GroupNormalization: overGroups(({ node }) => intAttribute(node, 'num_groups', 1)),
  BatchNormalization: batchNormalization,
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
}
