import { UserError } from '@vla-gym/gymnasium'
import {
  type AdamWGroup,
  type AdamWOptions,
  castableWeights,
  differentiate,
  type HalfDType,
  type Model,
  type RecomputeOptions,
  recomputeActivations,
  roundedTo,
  stateNames,
  weightedLoss,
  withAdamW,
  withLossWeight,
  withMasterWeights,
} from '@vla-gym/onnx-grad'
import { createSession, type Device } from '../../policy/index.js'
import type { InitialTensor } from './stateBuffers.js'
import { inParts, lossWeight, stepTensor, wholeBatches } from './steppers.js'
import type { TrainingBackend } from './trainingBackend.js'

export interface OrtBackendOptions {
  /** Name of the scalar output to minimise. */
  readonly loss: string
  readonly groups: readonly AdamWGroup[]
  readonly maxGradNorm: number
  readonly beta1?: number
  readonly beta2?: number
  /** Keeps a moving average of the parameters with this decay. */
  readonly ema?: number
  /**
   * Rows that are run at once. A larger minibatch is run in parts whose gradients are added up, which takes
   * less memory and gives the same step when the loss is a mean over rows. Scalar outputs are means over the
   * parts.
   */
  readonly microBatch?: number
  /** Activations that the backward pass computes again instead of keeping them. */
  readonly recompute?: RecomputeOptions
  /** The model computes with its weights rounded to this type; float32 master copies are trained. */
  readonly weights?: HalfDType
  /** Intra-op threads of ONNX Runtime. */
  readonly threads?: number
  readonly device?: Device
}

/**
 * Training on ONNX Runtime: the forward graph is differentiated and AdamW is appended, so that one
 * `session.run` is one optimiser step. With micro-batches there are two graphs, one run for each part and one
 * for the step.
 */
export async function createOrtBackend(forward: Model, options: OrtBackendOptions): Promise<TrainingBackend> {
  const trained = options.groups.flatMap((group) => group.parameters)
  const rounded = options.weights ? castableWeights(forward).filter((name) => trained.includes(name)) : []
  const optimizer: AdamWOptions = {
    groups: options.groups,
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.95,
    maxGradNorm: options.maxGradNorm,
    ema: options.ema,
  }
  const gradients = gradientGraph(forward, trained, rounded, options)
  const initial = initialState(forward, trained, optimizer)
  const open = (model: Model) => createSession(model, options.threads ?? 2, options.device)
  const stepper =
    options.microBatch === undefined
      ? await wholeBatches(withAdamW(gradients, optimizer), initial, open)
      : await inParts(
          forward,
          gradients,
          { loss: options.loss, rows: options.microBatch },
          optimizer,
          initial,
          open,
        )
  const { state } = stepper
  let steps = 0

  return {
    async step(feeds) {
      const scalars = await stepper.step(feeds, steps + 1)
      if (scalars.applied === 1) {
        state.advance()
        steps += 1
      }
      return scalars
    },

    parameters(which = 'latest') {
      if (which === 'average' && options.ema === undefined)
        throw new UserError('no moving average of the parameters is kept: give the training backend a decay')
      const prefix = which === 'average' ? 'ema.' : ''
      return new Map(
        trained.map((name) => {
          const tensor = state.copy(prefix + name)
          return [name, rounded.includes(name) ? roundedTo(tensor, options.weights!) : tensor]
        }),
      )
    },

    state() {
      const tensors = new Map(state.names.map((name) => [name, state.copy(name)]))
      return tensors.set(stepTensor, { dtype: 'float32', shape: [1], data: Float32Array.of(steps) })
    },

    loadState(saved) {
      state.load(saved)
      steps = Number(saved.get(stepTensor)?.data[0] ?? 0)
    },

    release: () => stepper.release(),
  }
}

/** The differentiated model as the options ask for it. */
function gradientGraph(
  forward: Model,
  trained: readonly string[],
  rounded: readonly string[],
  { loss, microBatch, recompute, weights }: OrtBackendOptions,
): Model {
  const summed = microBatch !== undefined
  const model = summed ? withLossWeight(forward, loss, lossWeight) : forward
  const gradients = differentiate(model, { loss: summed ? weightedLoss(loss) : loss, wrt: trained })
  const lean = recompute ? recomputeActivations(gradients, recompute) : gradients
  return weights ? withMasterWeights(lean, weights, rounded) : lean
}

/** Parameters as they are in the model, averages equal to them, moments zero. */
function initialState(forward: Model, trained: readonly string[], options: AdamWOptions) {
  const state = new Map<string, InitialTensor>()
  for (const parameter of trained) {
    const { shape, data } = forward.initializers.get(parameter)!
    for (const name of stateNames(parameter, options))
      state.set(name, name.startsWith('adam.') ? { shape } : { shape, data: data as Float32Array })
  }
  return state
}
