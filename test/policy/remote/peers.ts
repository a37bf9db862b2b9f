import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { packArrays, type WireMap } from '../../../policy/wire/ndarray.js'
import { packOpenpi, readOpenpi } from '../../../policy/wire/openpi.js'
import { readMessage, type VlaEvalMessage } from '../../../policy/wire/vlaEval.js'

export interface Peer {
  readonly url: string
  /** Connections that were opened. */
  readonly connections: number
  close(): Promise<void>
}

/** A server on a free port that does what it is told to with every connection. */
export async function peer(
  behave: (socket: WebSocket, connection: number) => void,
  options: object = {},
): Promise<Peer> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false,
    maxPayload: 2 ** 26,
    ...options,
  })
  await once(server, 'listening')
  let connections = 0
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    behave(socket, ++connections)
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections
    },
    close() {
      for (const client of server.clients) client.terminate()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** What a peer answers: bytes, a text, or something it does with the socket. */
export type Answer = Uint8Array | string | ((socket: WebSocket) => void)

function give(socket: WebSocket, answer: Answer): void {
  if (typeof answer === 'function') answer(socket)
  else socket.send(answer)
}

export interface Question {
  readonly connection: number
  /** Questions before this one over the same connection. */
  readonly index: number
  readonly request: WireMap
}

/** A peer that speaks openpi's protocol as far as `answer` does. */
export function openpiPeer(
  answer: (question: Question) => Answer,
  metadata: WireMap = {},
  port = 0,
): Promise<Peer> {
  return peer(
    (socket, connection) => {
      let index = 0
      socket.on('message', (data: Buffer) =>
        give(socket, answer({ connection, index: index++, request: readOpenpi(data, 'request') })),
      )
      socket.send(packOpenpi(metadata))
    },
    { port },
  )
}

/** A peer that speaks vla-eval's; messages that nothing is due for are left unanswered. */
export function vlaEvalPeer(
  answer: (message: VlaEvalMessage, connection: number) => Answer | undefined,
): Promise<Peer> {
  return peer((socket, connection) => {
    socket.on('message', (data: Buffer) => {
      const message = readMessage(data)
      const reply = message.type === 'hello' ? vlaEvalFrame('hello', {}, 0) : answer(message, connection)
      if (reply !== undefined) give(socket, reply)
    })
  })
}

export const vlaEvalFrame = (type: string, payload: WireMap, seq: number): Uint8Array =>
  packArrays({ type, payload, seq, timestamp: 1 }, 'vla-eval')
