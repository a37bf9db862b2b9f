import type { Rng } from '@vla-gym/gymnasium'
import { encodeModel, type Model } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'

export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array | BigInt64Array | Uint8Array | Int32Array
}

function typeOf(data: Tensor['data']): 'float32' | 'float64' | 'int64' | 'int32' | 'bool' {
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof BigInt64Array) return 'int64'
  return data instanceof Int32Array ? 'int32' : 'bool'
}

export interface Result {
  readonly shape: readonly number[]
  readonly data: Float32Array
}
export type Runner = (feeds: Record<string, Tensor>) => Promise<Record<string, Result>>

/** Session of onnxruntime on one thread over a model. */
export async function runner(model: Model, threads = 1): Promise<Runner> {
  const session = await ort.InferenceSession.create(encodeModel(model), {
    logSeverityLevel: 3,
    intraOpNumThreads: threads,
  })
  return async (feeds) => {
    const tensors = Object.entries(feeds).map(([name, { shape, data }]) => [
      name,
      new ort.Tensor(typeOf(data), data as Float32Array, shape),
    ])
    const results = await session.run(Object.fromEntries(tensors))
    return Object.fromEntries(
      Object.entries(results).map(([name, t]) => [name, { shape: t.dims, data: t.data as Float32Array }]),
    )
  }
}

export const normals = (rng: Rng, shape: readonly number[], scale = 1): Tensor => ({
  shape,
  data: rng.fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))).map((x) => x * scale),
})
