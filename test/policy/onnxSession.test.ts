import { castWeights, GraphBuilder } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { createFeedingSession, createSession } from '../../policy/onnxSession.js'

/** y = x·w with 48 x 32 weights that bfloat16 holds exactly. */
function product() {
  const g = new GraphBuilder('product')
  const w = g.parameter(
    'w',
    [48, 32],
    Float32Array.from({ length: 48 * 32 }, (_, i) => (i % 17) / 16),
  )
  g.output('y', g.matmul(g.input('x', 'float32', ['batch', 48]), w))
  return g.build()
}

describe.each(['float16', 'bfloat16'] as const)('a session over %s weights', (dtype) => {
  it.each([createSession, createFeedingSession])('computes what float32 weights do', async (create) => {
    const x = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 96 }, (_, i) => Math.sin(i)),
      [2, 48],
    )
    const exact = await createSession(product(), 1)
    const half = await create(castWeights(product(), dtype), 1, 'cpu')
    const [expected, found] = [await exact.run({ x }), await half.run({ x })]
    expect(found.y.data).toEqual(expected.y.data)
    await exact.release()
    await half.release()
  })
})
