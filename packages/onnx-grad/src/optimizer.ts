import { GraphBuilder, type Value } from './builder.js'
import { gradientName } from './differentiate.js'
import { UserError } from './errors.js'
import { lastComputedFirst } from './executionOrder.js'
import { isHalf, type Model } from './model.js'
import { pruneModel } from './prune.js'
import { withoutOutputCopies } from './simplify/outputs.js'
import { parametersAsInputs } from './weights.js'

export interface AdamWGroup {
  readonly parameters: readonly string[]
  /** Name of the scalar float32 input that holds this group's learning rate. */
  readonly lr: string
  readonly weightDecay?: number
}

export interface AdamWOptions {
  readonly groups: readonly AdamWGroup[]
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** Gradients are scaled by min(1, maxGradNorm / gradNorm), the norm being over all groups. */
  readonly maxGradNorm?: number
  /**
   * Keeps an exponential moving average of the parameters, ema ← decay ema + (1 − decay) p: the decay, or the
   * name of a scalar float32 input that holds it.
   */
  readonly ema?: number | string
}

/** A trained tensor, float32. */
export interface ParameterInfo {
  readonly name: string
  readonly shape: readonly number[]
}

/** Names of the tensors that training one parameter carries from step to step, the parameter first. */
export const stateNames = (parameter: string, options: Pick<AdamWOptions, 'ema'>): string[] => [
  parameter,
  `adam.m.${parameter}`,
  `adam.v.${parameter}`,
  ...(options.ema === undefined ? [] : [`ema.${parameter}`]),
]

/**
 * One step of AdamW (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, as in PyTorch: bias-corrected,
 * decay p −= lr · weightDecay · p) added to a differentiated model. The trained initializers become inputs.
 *
 * Inputs: `<p>`, `adam.m.<p>`, `adam.v.<p>`, each learning rate, `adam.step` (float32, 1 for the first step);
 * with an average also `ema.<p>`.
 * Outputs: those of the model without grad.*, and `next.` of every tensor of that state, `gradNorm`
 * (before clipping), `applied` (1, or 0 when gradNorm is not finite: then next.* equal the inputs).
 * UserError: a parameter without gradient, not float32, in two groups, or no parameter at all.
 */
export function withAdamW(model: Model, options: AdamWOptions): Model {
  const trained = trainedBy(options)
  checkParameters(model, trained)
  const isTrainedHere = trained.filter((name) => model.initializers.has(name))
  const g = GraphBuilder.from(parametersAsInputs(model, isTrainedHere))
  writeUpdates(g, options)
  const result = g.build()
  const isGradient = new Set(trained.map(gradientName))
  const outputs = result.outputs.map((output) => output.name).filter((name) => !isGradient.has(name))
  return withoutOutputCopies({ ...pruneModel(result, outputs), inputs: result.inputs })
}

/**
 * The same step as a model of its own, without the model that is trained: the gradients `grad.<p>` are inputs.
 * For gradients that were summed over several runs (see accumulateGradients).
 */
export function adamW(parameters: readonly ParameterInfo[], options: AdamWOptions): Model {
  const g = new GraphBuilder('adamw')
  for (const { name, shape } of parameters) {
    g.input(name, 'float32', shape)
    g.input(gradientName(name), 'float32', shape)
  }
  trainedBy(options)
  writeUpdates(g, options)
  return g.build()
}

function writeUpdates(g: GraphBuilder, options: AdamWOptions): void {
  const { groups, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, maxGradNorm, ema } = options
  const trained = groups.flatMap((group) => group.parameters)
  const gradNorm = globalNorm(g, trained.map(gradientName))
  const finite = g.equal(g.sub(gradNorm, gradNorm), 0)
  const applied = g.cast(finite, 'float32')
  const norm = g.where(finite, gradNorm, 1)
  const clip = maxGradNorm === undefined ? undefined : g.min(g.div(maxGradNorm, g.max(norm, 1e-30)), 1)
  const scalar = (name: string) => (g.hasInput(name) ? g.value(name) : g.input(name, 'float32', []))

  const step = scalar('adam.step')
  const correction1 = g.sub(1, g.pow(g.constant(beta1), step))
  const correction2 = g.sqrt(g.sub(1, g.pow(g.constant(beta2), step)))
  // As 0 · NaN is NaN, a bad gradient is replaced before it is scaled; then decay factors of 1 and additions
  // of 0 leave everything as it was.
  const keep1 = g.where(finite, beta1, 1)
  const keep2 = g.where(finite, beta2, 1)
  const take1 = g.mul(clip ?? 1, 1 - beta1)
  const take2 = g.mul(clip ? g.mul(clip, clip) : 1, 1 - beta2)
  const pull =
    ema === undefined ? undefined : g.mul(applied, g.sub(1, typeof ema === 'number' ? ema : scalar(ema)))
  for (const group of groups) {
    const lr = scalar(group.lr)
    const rate = g.mul(applied, g.div(g.mul(lr, correction2), correction1))
    const decay = g.sub(1, g.mul(applied, g.mul(lr, group.weightDecay ?? 0)))
    for (const name of group.parameters) {
      const parameter = g.value(name)
      const gradient = g.where(finite, g.value(gradientName(name)), 0)
      const m = g.input(`adam.m.${name}`, 'float32', parameter.shape)
      const v = g.input(`adam.v.${name}`, 'float32', parameter.shape)
      const nextM = g.add(g.mul(m, keep1), g.mul(gradient, take1))
      const nextV = g.add(g.mul(v, keep2), g.mul(g.mul(gradient, gradient), take2))
      const denominator = g.add(g.sqrt(nextV), g.mul(correction2, epsilon))
      const decayed = group.weightDecay ? g.mul(parameter, decay) : parameter
      const next = g.sub(decayed, g.div(g.mul(nextM, rate), denominator))
      g.output(`next.${name}`, next)
      g.output(`next.adam.m.${name}`, nextM)
      g.output(`next.adam.v.${name}`, nextV)
      if (!pull) continue
      const average = g.input(`ema.${name}`, 'float32', parameter.shape)
      g.output(`next.ema.${name}`, g.add(average, g.mul(g.sub(next, average), pull)))
    }
  }
  g.output('gradNorm', gradNorm)
  g.output('applied', applied)
}

function globalNorm(g: GraphBuilder, gradients: readonly string[]): Value {
  const squares = lastComputedFirst(g, gradients).map(
    (name) => g.emit('ReduceSumSquare', [g.value(name)], { keepdims: 0 })[0],
  )
  return g.sqrt(squares.length === 1 ? squares[0] : g.emit('Sum', squares)[0])
}

/** The parameters of all groups. */
function trainedBy({ groups }: AdamWOptions): string[] {
  const trained = groups.flatMap((group) => group.parameters)
  if (trained.length === 0) throw new UserError('withAdamW: no group has a parameter')
  const seen = new Set<string>()
  for (const name of trained) {
    if (seen.has(name)) throw new UserError(`withAdamW: '${name}' is listed twice`)
    seen.add(name)
  }
  return trained
}

function checkParameters(model: Model, trained: readonly string[]): void {
  for (const name of trained) {
    const info = model.initializers.get(name) ?? model.inputs.find((input) => input.name === name)
    if (!info) throw new UserError(`withAdamW: model '${model.name}' has no initializer or input '${name}'`)
    if (info.dtype !== 'float32')
      throw new UserError(
        `withAdamW: '${name}' is ${info.dtype}, not float32${isHalf(info.dtype) ? ': train master copies, see widenWeights' : ''}`,
      )
    if (!model.outputs.some((output) => output.name === gradientName(name)))
      throw new UserError(
        `withAdamW: no output '${gradientName(name)}': differentiate with respect to '${name}'`,
      )
  }
}
