import { UserError } from '@vla-gym/gymnasium'
import {
  type AdamWOptions,
  accumulateGradients,
  adamW,
  type Model,
  type TensorData,
  updatableInPlace,
  weightedLoss,
} from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import type { Session } from '../../policy/index.js'
import { batchInputs, microBatches } from './microBatches.js'
import { type InitialTensor, StateBuffers } from './stateBuffers.js'
import type { Feeds } from './trainingBackend.js'

export const stepTensor = 'adam.step'
/** Input of the gradient graph of `inParts`: a part's share of the rows. */
export const lossWeight = 'lossWeight'

/** How steps are run: `step` leaves the new state in the next buffers. */
export interface Stepper {
  readonly state: StateBuffers
  step(feeds: Feeds, number: number): Promise<Record<string, number>>
  release(): Promise<void>
}

/** Makes a session of a model. */
type Open = (model: Model) => Promise<Session>

/** One run a step. @param training the model with AdamW */
export async function wholeBatches(
  training: Model,
  initial: ReadonlyMap<string, InitialTensor>,
  open: Open,
): Promise<Stepper> {
  const session = await open(training)
  const state = new StateBuffers(initial, updatableInPlace(training))
  const outputs = scalarOutputs(training)
  return {
    state,
    step: (feeds, number) => runGraph(session, { ...feeds, [stepTensor]: number }, [state], outputs),
    release: () => session.release(),
  }
}

/**
 * One run for each part of a minibatch, then one for the step.
 * @param gradients differentiated by the loss weighted by the input `lossWeight`
 * @throws UserError when no input can be cut
 */
export async function inParts(
  forward: Model,
  gradients: Model,
  { loss, rows }: { loss: string; rows: number },
  options: AdamWOptions,
  initial: ReadonlyMap<string, InitialTensor>,
  open: Open,
): Promise<Stepper> {
  const batched = batchInputs(forward)
  if (!Number.isInteger(rows) || rows < 1)
    throw new UserError(`micro-batches of ${rows} rows: give 1 or more`)
  if (batched.length === 0)
    throw new UserError(`model '${forward.name}' has no input with a symbolic first size to cut into parts`)
  const trained = options.groups.flatMap((group) => group.parameters)
  const summing = accumulateGradients(gradients, trained)
  const parameters = trained.map((name) => ({ name, shape: forward.initializers.get(name)!.shape }))
  const updating = adamW(parameters, options)
  const gradient = await open(summing)
  const optimizer = await open(updating)
  const state = new StateBuffers(initial, updatableInPlace(updating))
  const zeros = new Map(parameters.map(({ name, shape }) => [`sum.${name}`, { shape }]))
  const sums = new StateBuffers(zeros, updatableInPlace(summing))
  const rates = new Set(options.groups.map((group) => group.lr))
  const figures = scalarOutputs(summing).filter((name) => name !== weightedLoss(loss))
  return {
    state,
    async step(feeds, number) {
      const ratesOnly = Object.entries(feeds).filter(([name]) => rates.has(name))
      const data = Object.fromEntries(Object.entries(feeds).filter(([name]) => !rates.has(name)))
      const weights = Object.fromEntries(trained.map((name) => [name, state.tensor(name)]))
      const means: Record<string, number> = Object.fromEntries(figures.map((name) => [name, 0]))
      sums.fill(0)
      for (const part of microBatches(data, batched, rows)) {
        const inputs = { ...part.feeds, [lossWeight]: part.weight }
        const scalars = await runGraph(gradient, inputs, [sums], figures, weights)
        sums.advance()
        for (const name of figures) means[name] += part.weight * scalars[name]
      }
      const summed = Object.fromEntries(trained.map((name) => [`grad.${name}`, sums.tensor(`sum.${name}`)]))
      const inputs = { ...Object.fromEntries(ratesOnly), [stepTensor]: number }
      const result = await runGraph(optimizer, inputs, [state], scalarOutputs(updating), summed)
      return { ...means, ...result }
    },
    async release() {
      await gradient.release()
      await optimizer.release()
    },
  }
}

const scalarOutputs = (model: Model): string[] =>
  model.outputs.map((output) => output.name).filter((name) => !name.startsWith('next.'))

/** One run; returns its scalar outputs. */
async function runGraph(
  session: Session,
  feeds: Feeds,
  state: readonly StateBuffers[],
  outputs: readonly string[],
  tensors: Record<string, ort.Tensor> = {},
): Promise<Record<string, number>> {
  const inputs = { ...tensors }
  const fetches: Record<string, ort.Tensor | null> = {}
  for (const buffers of state) buffers.bind(inputs, fetches)
  for (const [name, value] of Object.entries(feeds)) inputs[name] = toOrtTensor(value)
  for (const name of outputs) fetches[name] = null
  const results = await session.run(inputs, fetches)
  return Object.fromEntries(outputs.map((name) => [name, Number((results[name].data as Float32Array)[0])]))
}

function toOrtTensor(value: TensorData | number): ort.Tensor {
  if (typeof value === 'number') return new ort.Tensor('float32', Float32Array.of(value), [])
  return new ort.Tensor(value.dtype as 'float32', value.data as Float32Array, [...value.shape])
}
