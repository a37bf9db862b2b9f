import { UserError } from '@vla-gym/gymnasium'
import { type RawData, WebSocket } from 'ws'
import { defaultLimits } from '../wire/messagePack.js'
import type { WireMap } from '../wire/ndarray.js'
import { type ActionResult, packOpenpi, readActionResult, readOpenpi } from '../wire/openpi.js'
import { helloPayload, type MessageType, packMessage, readAction, readMessage } from '../wire/vlaEval.js'
import { WireError } from '../wire/wireError.js'
import type { Protocol } from './mapping.js'
import { asRemoteError, oneLine, RemoteError } from './remoteError.js'

export interface ConnectionOptions {
  /** Sent as `Authorization: Api-Key ...`. */
  readonly apiKey?: string
  /** Seconds until a connection and its handshake must stand, and until an answer must have come; default 30. */
  readonly timeout?: number
  /** Seconds that a server has to speak first, which openpi's does; default 1. Then it is asked in vla-eval's words. */
  readonly greeting?: number
}

const connectionDefaults = { timeout: 30, greeting: 1 } as const

/** Name and version in the hello. */
const clientVersion = 'vla-gym 0.1'

/** Errors of a moment: the server may be there later. Others (no such host, a bad certificate) stay. */
const transientErrors = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'],
]

/**
 * One connection to a policy server, its handshake done. Requests follow one another: the answer to one comes before
 * the next is sent. After an error it is closed, since nobody knows what the peer would send next.
 */
export class Connection {
  readonly protocol: Protocol
  /** What the server says of itself: openpi's metadata, or the payload of vla-eval's hello. */
  readonly info: WireMap
  private readonly frames: FrameSocket
  private readonly timeout: number
  private seq: number

  private constructor(frames: FrameSocket, protocol: Protocol, info: WireMap, timeout: number, seq: number) {
    this.frames = frames
    this.protocol = protocol
    this.info = info
    this.timeout = timeout
    this.seq = seq
  }

  /**
   * @param protocol absent: told apart by who speaks first
   * @throws RemoteError when the server is not there, silent or speaks neither; UserError when it will stay so
   */
  static async open(url: string, options: ConnectionOptions = {}, protocol?: Protocol): Promise<Connection> {
    const { timeout = connectionDefaults.timeout, greeting = connectionDefaults.greeting } = options
    const frames = await FrameSocket.open(url, options)
    try {
      if (protocol !== 'vla-eval') {
        const metadata = await frames.next(protocol === 'openpi' ? timeout : greeting)
        if (metadata) return new Connection(frames, 'openpi', readOpenpi(metadata, 'metadata'), timeout, 0)
        if (protocol === 'openpi') throw new Error(`no greeting in ${timeout} s, as openpi's servers send`)
      }
      const early = frames.takeEarly()
      if (!early) frames.send(packMessage('hello', helloPayload(clientVersion), 0))
      const reply = early ?? (await frames.next(timeout))
      if (!reply) throw new Error(`no greeting and no hello in ${timeout} s`)
      if (speaksOpenpi(reply)) {
        if (protocol === 'vla-eval')
          throw new UserError(
            `${url} speaks openpi's protocol, the mapping is for vla-eval's: choose another`,
          )
        // Its greeting came late, and it took the hello for a request.
        frames.destroy()
        return Connection.open(url, options, 'openpi')
      }
      const { type, payload } = readMessage(reply)
      if (type !== 'hello') throw new WireError(`expected hello, got ${type}`)
      return new Connection(frames, 'vla-eval', payload, timeout, 1)
    } catch (error) {
      frames.destroy()
      throw asRemoteError(error, url)
    }
  }

  get isOpen(): boolean {
    return this.frames.isOpen
  }

  /** @throws RemoteError when no usable answer came; the signal's reason when it aborts */
  async infer(request: WireMap, signal?: AbortSignal): Promise<ActionResult> {
    const stop = () => this.frames.fail(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      signal?.throwIfAborted()
      return this.protocol === 'openpi' ? await this.inferOpenpi(request) : await this.inferVlaEval(request)
    } catch (error) {
      this.frames.destroy()
      if (signal?.aborted) throw signal.reason
      throw asRemoteError(error, this.frames.url)
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  private async inferOpenpi(request: WireMap): Promise<ActionResult> {
    this.frames.send(packOpenpi(request))
    return readActionResult(await this.answer())
  }

  private async inferVlaEval(request: WireMap): Promise<ActionResult> {
    const seq = this.send('observation', request)
    const message = readMessage(await this.answer())
    if (message.type === 'error') throw new Error(`the server answers: ${oneLine(message.payload.error)}`)
    if (message.type !== 'action' || message.seq !== seq)
      throw new WireError(`expected action ${seq}, got ${message.type} ${message.seq}`)
    return readAction(message.payload)
  }

  /** vla-eval's servers keep things of an episode; openpi's know none. */
  startEpisode(task: WireMap): void {
    if (this.protocol === 'vla-eval') this.send('episode_start', { task })
  }

  endEpisode(result: WireMap): void {
    if (this.protocol === 'vla-eval') this.send('episode_end', result)
  }

  /** At once: nothing more is sent. */
  close(): void {
    this.frames.destroy()
  }

  /** When all is sent. */
  end(): void {
    this.frames.end()
  }

  private send(type: MessageType, payload: WireMap): number {
    const seq = this.seq++
    this.frames.send(packMessage(type, payload, seq))
    return seq
  }

  private async answer(): Promise<Uint8Array> {
    const frame = await this.frames.next(this.timeout)
    if (!frame) throw new Error(`no answer in ${this.timeout} s`)
    return frame
  }
}

/** A map without vla-eval's `type`: openpi's metadata. */
function speaksOpenpi(frame: Uint8Array): boolean {
  return readOpenpi(frame, 'greeting').type === undefined
}

/** Whole frames of a WebSocket, one awaited at a time. */
class FrameSocket {
  readonly url: string
  private readonly socket: WebSocket
  private readonly received: Uint8Array[] = []
  private waiting: { resolve(frame: Uint8Array): void; reject(error: unknown): void } | undefined
  private failure: unknown

  private constructor(url: string, socket: WebSocket) {
    this.url = url
    this.socket = socket
    socket.on('message', (data, isBinary) => this.take(data, isBinary))
    socket.on('close', (code) => this.fail(new Error(`the connection was closed (code ${code})`)))
    socket.on('error', (error) => this.fail(error))
  }

  static open(url: string, options: ConnectionOptions): Promise<FrameSocket> {
    const { timeout = connectionDefaults.timeout } = options
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      maxPayload: defaultLimits.maxBytes,
      // Masks keep scripts of web pages from forging traffic; here they would only cost a pass over every picture.
      generateMask: (mask) => mask.fill(0),
      headers: options.apiKey === undefined ? {} : { Authorization: `Api-Key ${options.apiKey}` },
    })
    // Before it is open: what the server says first must not be missed.
    const frames = new FrameSocket(url, socket)
    const opened = new Promise<FrameSocket>((resolve, reject) => {
      socket.once('open', () => resolve(frames))
      socket.once('unexpected-response', (request, { statusCode = 0 }) => {
        request.destroy()
        reject(refusal(url, statusCode))
      })
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const isTransient = error.code === undefined || transientErrors.includes(error.code)
        const message = `${url}: ${oneLine(error.message || error.code)}`
        reject(isTransient ? new RemoteError(message) : new UserError(message))
      })
      socket.once('close', () => reject(new RemoteError(`${url}: no connection in ${timeout} s`)))
    })
    // ws's own timeout is one of inactivity, which a peer that sends its headers byte by byte never reaches.
    const timer = setTimeout(() => socket.terminate(), 1000 * timeout)
    return opened.finally(() => clearTimeout(timer))
  }

  get isOpen(): boolean {
    return this.failure === undefined && this.socket.readyState === WebSocket.OPEN
  }

  /** What went wrong with it, `next` says. */
  send(frame: Uint8Array): void {
    if (this.received.length > 0) this.fail(new WireError('frames that nobody asked for'))
    if (this.failure === undefined) this.socket.send(frame)
  }

  /** The next frame; undefined when none came in time. @throws what ended the connection */
  async next(seconds: number): Promise<Uint8Array | undefined> {
    if (this.failure !== undefined) throw this.failure
    const early = this.takeEarly()
    if (early) return early
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        this.waiting = { resolve, reject }
        timer = setTimeout(() => resolve(undefined), 1000 * seconds)
      })
    } finally {
      clearTimeout(timer)
      this.waiting = undefined
    }
  }

  /** A frame that came before anybody waited for it. */
  takeEarly(): Uint8Array | undefined {
    return this.received.shift()
  }

  /** Ends the connection: whoever waits is told. */
  fail(error: unknown): void {
    this.failure ??= error
    this.waiting?.reject(this.failure)
    this.socket.terminate()
  }

  destroy(): void {
    this.fail(new Error('the connection is closed'))
  }

  /** Says goodbye; a peer that does not answer in a second is left. */
  end(): void {
    this.socket.close()
    setTimeout(() => this.socket.terminate(), 1000).unref()
  }

  private take(data: RawData, isBinary: boolean): void {
    if (!isBinary) this.fail(new Error(`the server answers: ${oneLine(data)}`))
    else if (this.waiting) {
      this.waiting.resolve(data as Buffer)
      this.waiting = undefined
    }
    // A server may greet before it is listened to; more than that is no conversation.
    else if (this.received.length < 1) this.received.push(data as Buffer)
    else this.fail(new WireError('frames that nobody asked for'))
  }
}

function refusal(url: string, status: number): Error {
  if (status === 401 || status === 403)
    return new UserError(`${url} refuses the API key (HTTP ${status}): set VLA_GYM_API_KEY to the server's`)
  const message = `${url} answers HTTP ${status} instead of a WebSocket`
  return status >= 500 || status === 429 ? new RemoteError(message) : new UserError(message)
}
