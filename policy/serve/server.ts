import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { UserError } from '@vla-gym/gymnasium'
import { type WebSocket, WebSocketServer } from 'ws'
import { defaultLimits } from '../wire/messagePack.js'
import { checkExposure, isAuthorized } from './apiKey.js'
import { Batcher, type BatcherOptions, batcherDefaults } from './batcher.js'
import { Connection } from './connection.js'
import { openpiSession } from './openpiSession.js'
import type { ServedPolicy } from './servedPolicy.js'
import type { ServeProtocol } from './session.js'
import type { Trainer } from './trainer.js'
import { vlaEvalSession } from './vlaEvalSession.js'

export interface ServerOptions extends BatcherOptions {
  readonly protocol: ServeProtocol
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly apiKey?: string
  readonly maxClients: number
  /** Largest frame in bytes. */
  readonly maxBytes: number
  /** A client that neither asks nor reads for so long is let go. */
  readonly idleSeconds: number
  /** Samples for learners; absent: nobody may train. */
  readonly trainer?: Trainer
  /** Told of errors that are not a client's. */
  onFailure(error: unknown): void
}

export const serverDefaults = {
  ...batcherDefaults,
  host: '127.0.0.1',
  maxClients: 64,
  maxBytes: defaultLimits.maxBytes,
  idleSeconds: 600,
} as const

/** How long answers in progress may take when the server closes. */
const closeSeconds = 10

export interface PolicyServer {
  readonly port: number
  /** Connected clients. */
  readonly clients: number
  /** Lets nobody in any more, answers what has been asked, and closes every socket. */
  close(): Promise<void>
}

/**
 * Serves a policy over WebSocket; `GET /healthz`, `/health` and `/config` on the same port tell how it is.
 * @throws UserError where the port cannot be had, or other machines could connect without a key
 */
export async function startServer(served: ServedPolicy, options: ServerOptions): Promise<PolicyServer> {
  const { protocol, host, apiKey, maxClients, maxBytes, trainer } = options
  const policy = trainer ? { ...served, metadata: { ...served.metadata, training: true } } : served
  checkExposure(host, apiKey)
  const batcher = new Batcher(policy, options)
  const connections = new Set<Connection>()
  let isClosing = false

  const http = createServer((request, response) => answerHttp(request, response, options, isClosing))
  http.headersTimeout = 10_000
  http.requestTimeout = 10_000
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxBytes,
    perMessageDeflate: false,
  })

  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const refusal = refuse(request, apiKey, isClosing || connections.size >= maxClients)
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => open(client))
  })

  function open(socket: WebSocket): void {
    const context = { policy, batcher, maxBytes, ...(trainer && { trainer }) }
    const session = protocol === 'openpi' ? openpiSession(context) : vlaEvalSession(context)
    const connection = new Connection(socket, session, options.onFailure)
    connections.add(connection)
    batcher.clients = connections.size
    socket.on('close', () => {
      connections.delete(connection)
      batcher.clients = connections.size
    })
  }

  const sweep = setInterval(() => {
    const limit = performance.now() - 1000 * options.idleSeconds
    for (const connection of connections)
      if (connection.lastActive < limit) connection.close(1001, `idle for ${options.idleSeconds} s`)
  }, 1000)
  sweep.unref()

  await listen(http, options)

  async function close(): Promise<void> {
    isClosing = true
    clearInterval(sweep)
    const closed = new Promise<void>((resolve) => http.close(() => resolve()))
    const finished = Promise.all([...connections].map((connection) => connection.finish()))
    const timeout = setTimeout(() => {
      for (const client of sockets.clients) client.terminate()
      http.closeAllConnections()
    }, 1000 * closeSeconds)
    await finished
    http.closeIdleConnections()
    await closed
    clearTimeout(timeout)
  }

  return {
    port: (http.address() as AddressInfo).port,
    get clients() {
      return connections.size
    },
    close,
  }
}

function listen(http: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the port is taken' : (error.code ?? error.message)
      reject(new UserError(`cannot serve on ${host}:${port}: ${reason}; choose another --port or --host`))
    })
    http.listen(port, host, resolve)
  })
}

/** Status line that refuses a client, if it is to be refused. */
function refuse(
  { headers }: IncomingMessage,
  apiKey: string | undefined,
  isFull: boolean,
): string | undefined {
  if (apiKey && !isAuthorized(headers.authorization, apiKey)) return '401 Unauthorized'
  // Only browsers send an origin: a web page must not reach a server of the machine that it is shown on.
  if (!apiKey && headers.origin) return '403 Forbidden'
  return isFull ? '503 Service Unavailable' : undefined
}

function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
  isClosing: boolean,
): void {
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  const json = (status: number, value: unknown) =>
    send(status, 'application/json', `${JSON.stringify(value)}\n`)
  const [path] = (request.url ?? '/').split('?', 1)
  if (request.method !== 'GET' && request.method !== 'HEAD') json(405, { error: 'GET only' })
  else if (path === '/healthz') send(isClosing ? 503 : 200, 'text/plain', isClosing ? 'closing\n' : 'OK\n')
  else if (path === '/health') json(isClosing ? 503 : 200, { status: isClosing ? 'closing' : 'ok' })
  else if (path === '/config') {
    const { protocol, maxBatch, maxWaitMs, maxClients, maxBytes } = options
    const config = { max_batch_size: maxBatch, max_wait_time: maxWaitMs / 1000 }
    json(200, { applied: {}, config, protocol, max_clients: maxClients, max_frame_bytes: maxBytes })
  } else json(404, { error: 'a policy server: connect with a WebSocket; /healthz, /health and /config' })
}
