import { decisionField, packDecisionKey } from '../wire/decisionKey.js'
import { type FloatArray, isMap, NdArray, printable, type WireMap } from '../wire/ndarray.js'
import { WireError } from '../wire/wireError.js'
import type { Protocol } from './mapping.js'

/** What `vla-gym serve` says of the policy that it serves. */
export interface GymServer {
  /** Content hash of the policy's folder. */
  readonly policy: string
  readonly embodiment: string
  readonly chunkSize: number
  readonly executedSteps: number
  readonly actionDim: number
  readonly stateDim: number
  /** Whether it samples for learners. */
  readonly training?: boolean
  readonly image: {
    readonly width: number
    readonly height: number
    readonly crop?: readonly [x: number, y: number, w: number, h: number]
  }
}

/** Observations of several robots. */
export interface RobotBatch {
  readonly batch: number
  /** [batch, height, width, 3] in the policy's size. */
  readonly images: Uint8Array
  /** [batch, stateDim] robot space. */
  readonly states: Float32Array
  readonly instructions: readonly string[]
  /** [batch] the noise of a decision follows from these and its number. */
  readonly episodeSeeds: readonly number[]
  readonly decision: number
}

/**
 * The policy behind a server's first words; undefined where it is not `vla-gym serve`.
 * @throws WireError when it is, and they make no sense
 */
export function readGymServer(info: WireMap, protocol: Protocol): GymServer | undefined {
  const metadata = protocol === 'openpi' ? info : info.vla_gym
  if (!isMap(metadata) || metadata.server !== 'vla-gym') return undefined
  const count = (name: string, value = metadata[name]): number => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 4096)
      throw new WireError(`metadata: ${name} is ${printable(value)}`)
    return value as number
  }
  const text = (name: string): string => {
    const value = metadata[name]
    if (typeof value !== 'string') throw new WireError(`metadata: ${name} is ${printable(value)}`)
    return value
  }
  const [height, width] = Array.isArray(metadata.image) ? metadata.image : []
  const crop = metadata.image_crop
  const isCrop = Array.isArray(crop) && crop.length === 4 && crop.every(Number.isFinite)
  const server = {
    policy: text('policy'),
    embodiment: text('embodiment'),
    chunkSize: count('chunk_size'),
    executedSteps: count('executed_steps'),
    actionDim: count('action_dim'),
    stateDim: count('state_dim'),
    ...(metadata.training === true && { training: true }),
    image: {
      width: count('image width', width),
      height: count('image height', height),
      ...(isCrop && { crop: crop as [number, number, number, number] }),
    },
  }
  if (server.executedSteps > server.chunkSize)
    throw new WireError(`metadata: ${server.executedSteps} of ${server.chunkSize} steps executed`)
  return server
}

/** One request for all robots of a batch: their chunks are those of a batch in this process. */
export function batchRequest(server: GymServer, protocol: Protocol, o: RobotBatch): WireMap {
  const { width, height } = server.image
  const image = new NdArray('u1', [o.batch, height, width, 3], o.images)
  const state = new NdArray('f4', [o.batch, server.stateDim], o.states)
  const key = packDecisionKey({ episodeSeeds: o.episodeSeeds, decision: o.decision })
  return protocol === 'openpi'
    ? {
        'observation/image': image,
        'observation/state': state,
        prompt: o.instructions,
        [decisionField]: key,
      }
    : { images: { primary: image }, states: state, task_description: o.instructions, [decisionField]: key }
}

/** @throws WireError unless the answer is [batch, chunkSize, actionDim] */
export function batchActions(server: GymServer, batch: number, { shape, data }: FloatArray): Float32Array {
  const expected = [batch, server.chunkSize, server.actionDim]
  if (shape.length !== 3 || shape.some((n, axis) => n !== expected[axis]))
    throw new WireError(`actions of shape [${shape.join(', ')}], expected [${expected.join(', ')}]`)
  return data
}
