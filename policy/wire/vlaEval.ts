import type { WireLimits } from './messagePack.js'
import {
  type FloatArray,
  isMap,
  NdArray,
  packArrays,
  printable,
  toFloats,
  unpackArrays,
  type WireMap,
} from './ndarray.js'
import { type ActionResult, packTiming, readTiming, type ServerTiming } from './openpi.js'
import { WireError } from './wireError.js'

/**
 * The protocol of vla-eval (allenai/vla-evaluation-harness, src/vla_eval/protocol/messages.py, connection.py and
 * model_servers/serve.py): every frame is one map {type, payload, seq, timestamp}. The client says hello, the server
 * replies; an answer carries the `seq` of its observation. Errors are messages too and leave the connection open.
 */
export const vlaEvalVersion = 1

export const messageTypes = [
  'hello',
  'observation',
  'action',
  'episode_start',
  'episode_end',
  'error',
] as const
export type MessageType = (typeof messageTypes)[number]

export interface VlaEvalMessage {
  readonly type: MessageType
  readonly payload: WireMap
  readonly seq: number
  /** Unix time in seconds. */
  readonly timestamp: number
}

export function packMessage(type: MessageType, payload: WireMap, seq: number): Uint8Array {
  return packArrays({ type, payload, seq, timestamp: Date.now() / 1000 }, 'vla-eval')
}

/** @throws WireError for a frame that is no message */
export function readMessage(frame: Uint8Array, limits?: WireLimits): VlaEvalMessage {
  const value = unpackArrays(frame, limits)
  if (!isMap(value)) throw new WireError('message: expected a map {type, payload, seq, timestamp}')
  const { type, payload, seq, timestamp } = value
  if (!messageTypes.includes(type as MessageType))
    throw new WireError(`message type ${printable(type)}; known: ${messageTypes.join(', ')}`)
  if (!isMap(payload)) throw new WireError(`${String(type)}: the payload must be a map`)
  if (!Number.isSafeInteger(seq) || typeof timestamp !== 'number')
    throw new WireError(`${String(type)}: seq must be a whole number and timestamp a number`)
  return { type: type as MessageType, payload, seq: seq as number, timestamp }
}

/** Payload of either side's hello. `harness_version` is the name and version of the sender. */
export const helloPayload = (version: string, fields: WireMap = {}): WireMap => ({
  harness_version: version,
  protocol_version: vlaEvalVersion,
  ...fields,
})

export const packAction = (
  actions: FloatArray,
  timing: ServerTiming,
  seq: number,
  fields: WireMap = {},
): Uint8Array =>
  packMessage(
    'action',
    { ...fields, actions: new NdArray('f4', actions.shape, actions.data), server_timing: packTiming(timing) },
    seq,
  )

/**
 * An action message's payload. Servers answer with one action [actionDim] an observation or with a chunk
 * [H, actionDim].
 * @throws WireError for one without finite actions
 */
export function readAction(payload: WireMap): ActionResult {
  const timing = readTiming(payload.server_timing)
  return {
    actions: toFloats(payload.actions ?? payload.action, 'actions'),
    ...(timing && { timing }),
    fields: payload,
  }
}

export const packError = (message: string, seq: number): Uint8Array =>
  packMessage('error', { error: message }, seq)
