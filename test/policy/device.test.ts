import { GraphBuilder } from '@vla-gym/onnx-grad'
import { Tensor } from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { checkDevice, devices } from '../../policy/device.js'
import { createSession } from '../../policy/onnxSession.js'

const g = new GraphBuilder('double')
g.output('y', g.mul(g.input('x', 'float32', ['n']), 2))
const model = g.build()

// On a machine without the device the error must say what to install; with it, the numbers must be right.
it.each(devices)('%s computes, or says what to install', async (device) => {
  const problem = await checkDevice(device).then(
    () => null,
    (error: Error) => error,
  )
  if (problem) {
    expect(problem.name).toBe('UserError')
    expect(problem.message).toMatch(
      device === 'cuda'
        ? /^device 'cuda' does not work here \(.+\): .*ONNXRUNTIME_NODE_INSTALL=cuda12 node .*; or use --device cpu$/
        : /^device 'webgpu' does not work here \(.+\): .*Vulkan.*; or use --device cpu$/,
    )
    expect(problem.message).not.toMatch(/\n/)
    await expect(createSession(model, 1, device)).rejects.toThrow(problem.message)
    return
  }
  const session = await createSession(model, 1, device)
  const { y } = await session.run({ x: new Tensor('float32', [1, 2.5], [2]) })
  expect([...(y.data as Float32Array)]).toEqual([2, 5])
  await session.release()
})
