import { type Rng, UserError } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'

/** Weights by hierarchical name ('dit.blocks.0.attention.qkv.weight'), float32. */
export type Parameters = Map<string, TensorData>

/** 'xavier' is a normal of variance 2 / (fan in + fan out) over the last two axes. */
export type Initialization = 'zeros' | 'ones' | 'xavier' | { normal: number }

/**
 * Where the model blocks take their weights from: existing ones (shape checked), or new ones from
 * `rng.split(name)`, so that a weight does not depend on the order in which blocks are built.
 */
export class ParameterStore {
  readonly parameters: Parameters = new Map()
  private readonly existing: Parameters | null
  private readonly rng: Rng | null

  constructor(existing: Parameters | null, rng: Rng | null) {
    this.existing = existing
    this.rng = rng
  }

  /** @throws UserError when an existing weight is absent (and there is no rng) or has another shape. */
  get(name: string, shape: readonly number[], init: Initialization): TensorData {
    if (this.parameters.has(name)) throw new Error(`parameter '${name}' is built twice`)
    const found = this.existing?.get(name)
    if (found) checkShape(name, found, shape)
    else if (!this.rng) throw new UserError(`weights: '${name}' [${shape.join(', ')}] is missing`)
    const tensor = found ?? initialize(shape, init, this.rng!.split(name))
    this.parameters.set(name, tensor)
    return tensor
  }
}

function checkShape(name: string, tensor: TensorData, shape: readonly number[]): void {
  if (tensor.dtype !== 'float32') throw new UserError(`weights: '${name}' is ${tensor.dtype}, not float32`)
  if (tensor.shape.join() !== shape.join()) {
    throw new UserError(
      `weights: '${name}' has shape [${tensor.shape.join(', ')}], the config asks for [${shape.join(', ')}]`,
    )
  }
}

function initialize(shape: readonly number[], init: Initialization, rng: Rng): TensorData {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
  if (init === 'ones') data.fill(1)
  else if (init !== 'zeros') {
    const std = init === 'xavier' ? Math.sqrt(2 / (shape.at(-2)! + shape.at(-1)!)) : init.normal
    rng.fillNormal(data)
    for (let i = 0; i < data.length; i++) data[i] *= std
  }
  return { dtype: 'float32', shape: [...shape], data }
}

/** Number of weights, in all or of the names that start with a prefix. */
export function countParameters(parameters: Parameters, prefix = ''): number {
  let count = 0
  for (const [name, tensor] of parameters) if (name.startsWith(prefix)) count += tensor.data.length
  return count
}

/** The weights that reinforcement learning trains: those of the action expert. */
export const expertOf = (parameters: Parameters): Parameters =>
  new Map([...parameters].filter(([name]) => name.startsWith('dit.')))
