import { encodeModel, isHalf, type Model, parametersAsInputs } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { checkDevice, type Device } from './device.js'

/** What the project uses of an onnxruntime session. */
export interface Session {
  run(
    feeds: ort.InferenceSession.FeedsType,
    fetches?: ort.InferenceSession.FetchesType,
  ): Promise<ort.InferenceSession.ReturnType>
  release(): Promise<void>
}

/** Without these onnxruntime widens weights in half precision as it loads them, and nothing is saved. */
const keepHalfWeights = {
  constant_folding_max_output_size_in_bytes: '65536',
  disable_specified_optimizers: 'FuseFp16InitializerToFp32NodeTransformer',
}

const sessionOptions = (
  model: Model,
  threads: number,
  device: Device,
): ort.InferenceSession.SessionOptions => ({
  executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
  // A plan of all allocations saves no time here and takes a second copy of the activations.
  enableMemPattern: false,
  // Waiting threads must not burn the cores that the physics workers run on.
  extra: {
    session: { intra_op: { allow_spinning: '0' } },
    ...([...model.initializers.values()].some(({ dtype }) => isHalf(dtype)) && {
      optimization: keepHalfWeights,
    }),
  },
})

/** More bytes of weights than this are not put into the session. */
const insideUpTo = 2 ** 30
/** Weights below this many bytes, shapes and scalars among them, are always inside. */
const smallestFed = 1024

/**
 * An onnxruntime session; `threads` are those of its operators. Note that `run` blocks the calling thread until it is
 * done. A model with many weights is served by `createFeedingSession`.
 * @throws UserError when the device does not work here
 */
export async function createSession(model: Model, threads: number, device: Device = 'cpu'): Promise<Session> {
  let bytes = 0
  for (const { data } of model.initializers.values()) bytes += data.byteLength
  if (bytes > insideUpTo) return createFeedingSession(model, threads, device)
  await checkDevice(device)
  return ort.InferenceSession.create(encodeModel(model), sessionOptions(model, threads, device))
}

/**
 * A session that is fed the weights with every run: it reads the very arrays of the model. Weights inside a session
 * are copied, and again where they are transposed or packed, and a model in one piece ends at 2 GB.
 */
export async function createFeedingSession(model: Model, threads: number, device: Device): Promise<Session> {
  await checkDevice(device)
  // onnxruntime-node has no tensors of bfloat16: such weights stay in the session.
  const fed = [...model.initializers].filter(
    ([, { data, dtype }]) => data.byteLength >= smallestFed && dtype !== 'bfloat16',
  )
  const graph = parametersAsInputs(
    model,
    fed.map(([name]) => name),
  )
  const session = await ort.InferenceSession.create(
    encodeModel(graph),
    sessionOptions(graph, threads, device),
  )
  const weights = Object.fromEntries(
    fed.map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(dtype as 'float32', data as Float32Array, [...shape]),
    ]),
  )
  return {
    run(feeds, fetches) {
      const all = { ...weights, ...feeds }
      return fetches ? session.run(all, fetches) : session.run(all)
    },
    release: () => session.release(),
  }
}

/** Runs a session and returns one float output. */
export async function runFloat(
  session: Session,
  feeds: Record<string, ort.Tensor>,
  output: string,
): Promise<Float32Array> {
  const results = await session.run(feeds, [output])
  return results[output].data as Float32Array
}
