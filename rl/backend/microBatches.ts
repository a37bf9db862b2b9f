import { UserError } from '@vla-gym/gymnasium'
import type { Model, TensorData } from '@vla-gym/onnx-grad'
import type { Feeds } from './trainingBackend.js'

export interface Part {
  readonly feeds: Feeds
  /** Share of the minibatch's rows. */
  readonly weight: number
}

/** The inputs of a model that have one row per sample: those whose first size is symbolic. */
export const batchInputs = (model: Model): string[] =>
  model.inputs.filter((input) => typeof input.shape[0] === 'string').map((input) => input.name)

/**
 * A minibatch in parts of at most `rows` rows, nearly equal ones, that share its memory.
 * @param batched names of the feeds that are cut; the others go to every part
 * @throws UserError when those have unlike numbers of rows
 */
export function microBatches(feeds: Feeds, batched: readonly string[], rows: number): Part[] {
  const tensors = batched.map((name) => [name, feeds[name] as TensorData] as const)
  const total = tensors[0][1].shape[0]
  for (const [name, { shape }] of tensors)
    if (shape[0] !== total)
      throw new UserError(
        `a minibatch of ${total} rows has ${shape[0]} in '${name}': give all the same number`,
      )
  const count = Math.ceil(total / rows)
  return Array.from({ length: count }, (_, part) => {
    const begin = Math.floor((part * total) / count)
    const end = Math.floor(((part + 1) * total) / count)
    const cut = tensors.map(([name, tensor]) => [name, rowsOf(tensor, begin, end)])
    return { feeds: { ...feeds, ...Object.fromEntries(cut) }, weight: (end - begin) / total }
  })
}

function rowsOf({ dtype, shape, data }: TensorData, begin: number, end: number): TensorData {
  const size = data.length / shape[0]
  return { dtype, shape: [end - begin, ...shape.slice(1)], data: data.subarray(begin * size, end * size) }
}
