import { GraphBuilder } from './builder.js'
import { gradientName } from './differentiate.js'
import { UserError } from './errors.js'
import { lastComputedFirst } from './executionOrder.js'
import type { Model } from './model.js'
import { parametersAsInputs } from './weights.js'

/**
 * Adds a scalar float32 input `weight` that the loss is multiplied by, as output `<loss>.weighted`. The
 * gradient of that output costs no more than the gradient of the loss. A minibatch in parts: differentiate this
 * output, give each part its share of the rows as weight, and the gradients of the parts add up to that of the
 * whole, provided that the loss is a mean over rows.
 */
export function withLossWeight(model: Model, loss: string, weight: string): Model {
  const g = GraphBuilder.from(model)
  g.output(weightedLoss(loss), g.mul(g.value(loss), g.input(weight, 'float32', [])))
  return g.build()
}

/** Name of the output that withLossWeight adds. */
export const weightedLoss = (loss: string): string => `${loss}.weighted`

/**
 * A differentiated model that adds its gradients to those of earlier runs: inputs `sum.<p>` and outputs
 * `next.sum.<p>` take the place of the outputs `grad.<p>`; the parameters become inputs.
 * UserError: a parameter without gradient.
 */
export function accumulateGradients(model: Model, parameters: readonly string[]): Model {
  const gradients = new Set(parameters.map(gradientName))
  const g = GraphBuilder.from(
    parametersAsInputs(
      model,
      parameters.filter((name) => model.initializers.has(name)),
    ),
  )
  for (const name of parameters)
    if (!model.outputs.some((output) => output.name === gradientName(name)))
      throw new UserError(`no output '${gradientName(name)}': differentiate with respect to '${name}'`)
  const names = new Map(parameters.map((name) => [gradientName(name), name]))
  for (const gradientOf of lastComputedFirst(g, [...gradients])) {
    const gradient = g.value(gradientOf)
    const sum = `sum.${names.get(gradientOf)}`
    g.output(`next.${sum}`, g.add(g.input(sum, gradient.dtype, gradient.shape), gradient))
  }
  const result = g.build()
  return { ...result, outputs: result.outputs.filter((output) => !gradients.has(output.name)) }
}
