import { Rng } from '@vla-gym/gymnasium'
import { NdArray, nanoConfig, type PolicyData, PolicyRuntime, type WireMap } from '../../../policy/index.js'
import { type ServedPolicy, servedPolicy } from '../../../policy/serve/servedPolicy.js'
import {
  type PolicyServer,
  type ServerOptions,
  serverDefaults,
  startServer,
} from '../../../policy/serve/server.js'
import { randomPolicy } from '../../rl/testPolicy.js'

/** Random weights that see the observation (a new action expert ignores it), and noise where sampling starts. */
function seeingPolicy(): PolicyData {
  const data = randomPolicy(0)
  const rng = Rng.fromSeed(0, 'seeing')
  const parameters = new Map(data.parameters)
  for (const [name, tensor] of parameters) {
    if (!name.startsWith('dit.') || !(tensor.data instanceof Float32Array)) continue
    parameters.set(name, { ...tensor, data: tensor.data.map((x) => x + 0.1 * rng.normal()) })
  }
  const config = { ...data.manifest.config, initialNoise: 1 }
  return { ...data, manifest: { ...data.manifest, config }, parameters }
}

/** Such a policy, as a server has it. */
export async function testPolicy(): Promise<{ runtime: PolicyRuntime; policy: ServedPolicy }> {
  const runtime = await PolicyRuntime.create(seeingPolicy())
  return { runtime, policy: servedPolicy(runtime, 'widowx', 'test', 0) }
}

/** A server on a free port; failures of its own fail the test. */
export function testServer(policy: ServedPolicy, options: Partial<ServerOptions>): Promise<PolicyServer> {
  const onFailure = (error: unknown) => {
    throw error
  }
  return startServer(policy, { ...serverDefaults, protocol: 'openpi', port: 0, onFailure, ...options })
}

const { imageWidth, imageHeight } = nanoConfig

/** Pictures and states that differ with `i`. */
export function sight(i: number): { image: Uint8Array; state: Float32Array } {
  const image = Uint8Array.from({ length: 3 * imageWidth * imageHeight }, (_, k) => (k * (i + 3)) % 251)
  return { image, state: Float32Array.from({ length: 14 }, (_, k) => 0.02 * Math.sin(k + i)) }
}

/** An observation for openpi's keys; with seeds, keyed. */
export function openpiObservation(i: number, seed?: number, decision = 0): WireMap {
  const { image, state } = sight(i)
  return {
    'observation/image': new NdArray('u1', [imageHeight, imageWidth, 3], image),
    'observation/state': new NdArray('f4', [14], state),
    prompt: 'put carrot on plate',
    ...(seed !== undefined && { vla_gym: { episode_seeds: [seed], decision } }),
  }
}

/** The same for vla-eval. */
export function vlaEvalObservation(i: number, seed?: number, decision = 0): WireMap {
  const observation = openpiObservation(i, seed, decision)
  return {
    images: { primary: observation['observation/image'] },
    states: observation['observation/state'],
    task_description: observation.prompt,
    ...(observation.vla_gym !== undefined && { vla_gym: observation.vla_gym }),
  }
}
