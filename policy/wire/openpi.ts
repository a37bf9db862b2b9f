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
  type WireValue,
} from './ndarray.js'
import { WireError } from './wireError.js'

/**
 * The protocol of openpi's policy server (Physical-Intelligence/openpi, packages/openpi-client and
 * src/openpi/serving/websocket_policy_server.py), which StarVLA shares (starVLA/starVLA, deployment/model_server/tools):
 * the server sends a map of metadata, then answers one observation map after the other. A text frame is an error.
 */

/** Close code of a server that has sent an error. */
export const openpiErrorCode = 1011

export interface ServerTiming {
  /** Inference of the batch that the request was in. */
  readonly inferMs: number
  /** From the arrival of the client's last request until it had its answer. */
  readonly prevTotalMs?: number
  /** From the request's arrival until its batch began. */
  readonly queueMs?: number
  /** Rows in the batch. */
  readonly batchSize?: number
}

export interface ActionResult {
  /** [H, actionDim], or [rows, H, actionDim] */
  readonly actions: FloatArray
  readonly timing?: ServerTiming
  /** Everything the server sent. */
  readonly fields: WireMap
}

/** A frame of the server's metadata or of a client's observation. */
export const packOpenpi = (map: WireMap): Uint8Array => packArrays(map, 'openpi')

/** @throws WireError for anything but a map */
export function readOpenpi(frame: Uint8Array, what: string, limits?: WireLimits): WireMap {
  const value = unpackArrays(frame, limits)
  if (!isMap(value)) throw new WireError(`${what}: expected a map`)
  return value
}

export const packTiming = (timing: ServerTiming): WireMap => ({
  infer_ms: timing.inferMs,
  prev_total_ms: timing.prevTotalMs,
  queue_ms: timing.queueMs,
  batch_size: timing.batchSize,
})

export function packActionResult(
  actions: FloatArray,
  timing: ServerTiming,
  fields: WireMap = {},
): Uint8Array {
  return packOpenpi({
    ...fields,
    actions: new NdArray('f4', actions.shape, actions.data),
    server_timing: packTiming(timing),
  })
}

/**
 * A server's answer; StarVLA's lies in an envelope {status, data}.
 * @throws WireError for an answer without finite actions, or one that says what went wrong
 */
export function readActionResult(frame: Uint8Array, limits?: WireLimits): ActionResult {
  const fields = readOpenpi(frame, 'answer', limits)
  const answer = openEnvelope(fields)
  const timing = readTiming(answer.server_timing)
  return { actions: toFloats(answer.actions, 'actions'), ...(timing && { timing }), fields }
}

function openEnvelope(fields: WireMap): WireMap {
  if (fields.ok === false || fields.status === 'error') {
    const message = isMap(fields.error) ? fields.error.message : fields.error
    throw new WireError(`the server answers with an error: ${printable(message)}`)
  }
  return fields.actions === undefined && isMap(fields.data) ? fields.data : fields
}

export function readTiming(value: WireValue | undefined): ServerTiming | undefined {
  if (!isMap(value) || typeof value.infer_ms !== 'number') return undefined
  const optional = (name: string) => {
    const number = value[name]
    return typeof number === 'number' ? number : undefined
  }
  return {
    inferMs: value.infer_ms,
    prevTotalMs: optional('prev_total_ms'),
    queueMs: optional('queue_ms'),
    batchSize: optional('batch_size'),
  }
}
