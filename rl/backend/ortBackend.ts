import { UserError } from '@vla-gym/gymnasium'
import { type AdamWGroup, differentiate, type Model, type TensorData, withAdamW } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { createSession } from '../../policy/index.js'
import type { Feeds, TrainingBackend } from './trainingBackend.js'

export interface OrtBackendOptions {
  /** Name of the scalar output to minimise. */
  readonly loss: string
  readonly groups: readonly AdamWGroup[]
  readonly maxGradNorm: number
  readonly beta1?: number
  readonly beta2?: number
  /** Intra-op threads of ONNX Runtime. */
  readonly threads?: number
}

const stepTensor = 'adam.step'

/**
 * Training on ONNX Runtime: the forward graph is differentiated, AdamW is appended, and one `session.run`
 * is one optimiser step. Parameters and moments live in two sets of buffers that take turns as inputs and
 * preallocated outputs, so that a step copies no weights.
 */
export async function createOrtBackend(forward: Model, options: OrtBackendOptions): Promise<TrainingBackend> {
  const trained = options.groups.flatMap((group) => group.parameters)
  const gradients = differentiate(forward, { loss: options.loss, wrt: trained })
  const training = withAdamW(gradients, {
    groups: [...options.groups],
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.95,
    maxGradNorm: options.maxGradNorm,
  })
  const session = await createSession(training, options.threads ?? 2)

  const shapes = new Map(trained.map((name) => [name, forward.initializers.get(name)!.shape]))
  const stateNames = trained.flatMap((name) => [name, `adam.m.${name}`, `adam.v.${name}`])
  const shapeOf = (stateName: string) => shapes.get(stateName.replace(/^adam\.[mv]\./, ''))!
  const allocate = (name: string) => {
    const shape = shapeOf(name)
    const size = shape.reduce((a, b) => a * b, 1)
    return new ort.Tensor('float32', new Float32Array(size), [...shape])
  }
  let current = new Map(stateNames.map((name) => [name, allocate(name)]))
  let next = new Map(stateNames.map((name) => [name, allocate(name)]))
  for (const name of trained) {
    ;(current.get(name)!.data as Float32Array).set(forward.initializers.get(name)!.data as Float32Array)
  }
  let steps = 0

  const scalarOutputs = training.outputs.map((o) => o.name).filter((name) => !name.startsWith('next.'))

  return {
    async step(feeds: Feeds) {
      const inputs: Record<string, ort.Tensor> = {
        [stepTensor]: new ort.Tensor('float32', Float32Array.of(steps + 1), []),
      }
      for (const [name, tensor] of current) inputs[name] = tensor
      for (const [name, value] of Object.entries(feeds)) inputs[name] = toOrtTensor(value)
      const fetches: Record<string, ort.Tensor | null> = {}
      for (const [name, tensor] of next) fetches[`next.${name}`] = tensor
      for (const name of scalarOutputs) fetches[name] = null
      const results = await session.run(inputs, fetches)
      const scalars: Record<string, number> = {}
      for (const name of scalarOutputs) scalars[name] = Number((results[name].data as Float32Array)[0])
      if (scalars.applied === 1) {
        ;[current, next] = [next, current]
        steps += 1
      }
      return scalars
    },

    parameters() {
      return new Map(trained.map((name) => [name, copyOf(current.get(name)!)]))
    },

    state() {
      const state = new Map(stateNames.map((name) => [name, copyOf(current.get(name)!)]))
      state.set(stepTensor, { dtype: 'float32', shape: [1], data: Float32Array.of(steps) })
      return state
    },

    loadState(state) {
      for (const name of stateNames) {
        const saved = state.get(name)
        const target = current.get(name)!
        if (!saved || saved.data.length !== target.data.length) {
          throw new UserError(`optimiser state does not fit: tensor '${name}' is missing or has another size`)
        }
      }
      for (const name of stateNames)
        (current.get(name)!.data as Float32Array).set(state.get(name)!.data as Float32Array)
      steps = Number(state.get(stepTensor)?.data[0] ?? 0)
    },

    release: () => session.release(),
  }
}

function toOrtTensor(value: TensorData | number): ort.Tensor {
  if (typeof value === 'number') return new ort.Tensor('float32', Float32Array.of(value), [])
  return new ort.Tensor(value.dtype as 'float32', value.data as Float32Array, [...value.shape])
}

function copyOf(tensor: ort.Tensor): TensorData {
  return { dtype: 'float32', shape: [...tensor.dims], data: (tensor.data as Float32Array).slice() }
}
