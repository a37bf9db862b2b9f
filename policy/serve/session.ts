import { WireError } from '../wire/wireError.js'
import type { Batcher, Decided } from './batcher.js'
import type { ServedPolicy } from './servedPolicy.js'
import type { Trainer } from './trainer.js'

/** What a server sends back: bytes, or text where the protocol's errors are text; and the code to close with. */
export interface Reply {
  readonly frame: Uint8Array | string
  readonly close?: number
}

/** One client's side of a protocol, without the socket. Frames come one at a time, in their order. */
export interface Session {
  /** Frame that the server sends before anything is asked. */
  readonly opening?: Uint8Array
  /**
   * Answers a frame, of bytes or of text; undefined where no answer is due.
   * @throws WireError for a frame that cannot be answered
   */
  handle(frame: Uint8Array, isBinary: boolean): Promise<Reply | undefined>
  /** The protocol's error, about the frame last handled. */
  error(message: string): Reply
}

export type ServeProtocol = 'openpi' | 'vla-eval'
export const serveProtocols = ['openpi', 'vla-eval'] as const satisfies readonly ServeProtocol[]

/** What sessions share. */
export interface SessionContext {
  readonly policy: ServedPolicy
  readonly batcher: Batcher
  /** Largest frame in bytes. */
  readonly maxBytes: number
  /** Samples for learners, where that is allowed. */
  readonly trainer?: Trainer
}

/** @throws WireError for text: what clients send is bytes */
export function expectBinary(isBinary: boolean): void {
  if (!isBinary) throw new WireError('expected a binary frame, got text')
}

/** Shape of the actions of a decided request: [H, actionDim], with the rows in front where there are several. */
export function actionShape({ config, embodiment }: ServedPolicy, rows: number, isBatch: boolean): number[] {
  const chunk = [config.chunkSize, embodiment.description.actionDim]
  return isBatch ? [rows, ...chunk] : chunk
}

export const timingOf = ({ inferMs, queueMs, batchSize }: Decided) => ({ inferMs, queueMs, batchSize })
