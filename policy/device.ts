import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { UserError } from '@vla-gym/gymnasium'
import { encodeModel, GraphBuilder } from '@vla-gym/onnx-grad'

/** Where onnxruntime computes: an execution provider's name. */
export type Device = 'cpu' | 'webgpu' | 'cuda'
export const devices = ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Device[]

const remedies: Record<Exclude<Device, 'cpu'>, string> = {
  webgpu:
    'it takes a GPU with a driver for Vulkan (Linux; check with vulkaninfo), Direct3D 12 (Windows) or Metal (macOS)',
  cuda:
    'it takes an NVIDIA GPU and driver, CUDA 12 with cuDNN 9, and onnxruntime-node’s CUDA libraries, which this fetches ' +
    '(Linux x64): ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js',
}

/** y = x + 1 */
function tinyModel(): string {
  const g = new GraphBuilder('tiny')
  g.output('y', g.add(g.input('x', 'float32', [1]), 1))
  return Buffer.from(encodeModel(g.build())).toString('base64')
}

/**
 * Runs in a process of its own: a driver that is missing or broken writes to the terminal, crashes or never answers,
 * and none of that should happen here.
 */
const probe = (device: Device): string => `
  const { InferenceSession, Tensor } = require(${JSON.stringify(createRequire(import.meta.url).resolve('onnxruntime-node'))})
  InferenceSession.create(Buffer.from('${tinyModel()}', 'base64'), { executionProviders: ['${device}'], logSeverityLevel: 4 })
    .then((session) => session.run({ x: new Tensor('float32', [1], [1]) }))
    .then(() => 'ready', (error) => error.message)
    .then((answer) => process.stdout.write(answer, () => process.exit()))`

const probes = new Map<Device, Promise<void>>()
const probeSeconds = 60

/** Resolves when the device works. @throws UserError saying what to install */
export function checkDevice(device: Device = 'cpu'): Promise<void> {
  if (device === 'cpu') return Promise.resolve()
  let known = probes.get(device)
  if (!known) {
    known = runProbe(device)
    probes.set(device, known)
  }
  return known
}

async function runProbe(device: Exclude<Device, 'cpu'>): Promise<void> {
  let answer: string
  try {
    const options = { timeout: 1000 * probeSeconds }
    answer = (await promisify(execFile)(process.execPath, ['-e', probe(device)], options)).stdout
  } catch (error) {
    const { killed, signal } = error as { killed?: boolean; signal?: string }
    answer = killed ? `no answer in ${probeSeconds} s` : `the driver crashed (${signal ?? 'exit'})`
  }
  if (answer === 'ready') return
  const reason = answer
    .split('\n')[0]
    .replace(/^.*false\. /, '')
    .trim()
  throw new UserError(
    `device '${device}' does not work here (${reason}): ${remedies[device]}; or use --device cpu`,
  )
}
