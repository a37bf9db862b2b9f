/** Moving tensors between the two places where weights live: inside the model and outside. */

import { sameShape } from './dims.js'
import { UserError } from './errors.js'
import type { Model, TensorData, ValueInfo } from './model.js'

/** Turns initializers into inputs, so that their data is fed with every run. UserError for an unknown name. */
export function parametersAsInputs(model: Model, names: readonly string[]): Model {
  const initializers = new Map(model.initializers)
  const inputs = [...model.inputs]
  for (const name of new Set(names)) {
    const tensor = initializers.get(name)
    if (!tensor) throw new UserError(`'${name}' is no initializer of model '${model.name}'`)
    initializers.delete(name)
    inputs.push({ name, dtype: tensor.dtype, shape: tensor.shape })
  }
  return { ...model, inputs, initializers }
}

/** Puts data into the model: replaces initializers, and turns inputs into initializers. UserError: see below. */
export function withInitializers(model: Model, tensors: ReadonlyMap<string, TensorData>): Model {
  const initializers = new Map(model.initializers)
  for (const [name, tensor] of tensors) {
    const input = model.inputs.find((info) => info.name === name)
    const known: Omit<ValueInfo, 'name'> | undefined = input ?? initializers.get(name)
    if (!known) throw new UserError(`model '${model.name}' has neither input nor initializer '${name}'`)
    const fits = input
      ? input.shape.length === tensor.shape.length &&
        input.shape.every((dim, i) => typeof dim === 'string' || dim === tensor.shape[i])
      : sameShape(known.shape, tensor.shape)
    if (!fits || known.dtype !== tensor.dtype)
      throw new UserError(
        `'${name}' is ${known.dtype} [${known.shape}] in model '${model.name}', given ${tensor.dtype} [${tensor.shape}]`,
      )
    initializers.set(name, tensor)
  }
  return { ...model, inputs: model.inputs.filter((input) => !tensors.has(input.name)), initializers }
}
