import { encodeModel, type Model } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'

const sessionOptions = (threads: number): ort.InferenceSession.SessionOptions => ({
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
  // Waiting threads must not burn the cores that the physics workers run on.
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})

/** An onnxruntime session on the CPU. Note that `run` blocks the calling thread until it is done. */
export const createSession = (model: Model, threads: number): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(encodeModel(model), sessionOptions(threads))

/** Runs a session and returns one float output. */
export async function runFloat(
  session: ort.InferenceSession,
  feeds: Record<string, ort.Tensor>,
  output: string,
): Promise<Float32Array> {
  const results = await session.run(feeds, [output])
  return results[output].data as Float32Array
}
