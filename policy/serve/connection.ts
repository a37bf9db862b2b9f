import type { WebSocket } from 'ws'
import { WireError } from '../wire/wireError.js'
import type { Reply, Session } from './session.js'

/** Frames of one client that wait for the one before; then its socket is not read until they are answered. */
const maxWaiting = 4

/** A client's socket and its session: frames are answered one after the other, in their order. */
export class Connection {
  /** Of the last frame or answer, performance.now(). */
  lastActive = performance.now()
  private readonly socket: WebSocket
  private readonly session: Session
  private readonly onFailure: (error: unknown) => void
  private waiting = 0
  private isDraining = false
  private isClosing = false
  private answered: Promise<void> = Promise.resolve()

  /** @param onFailure told of errors that are not the client's */
  constructor(socket: WebSocket, session: Session, onFailure: (error: unknown) => void) {
    this.socket = socket
    this.session = session
    this.onFailure = onFailure
    // The socket closes itself after a frame that is no WebSocket frame or is too large.
    socket.on('error', () => {})
    socket.on('message', (data: Buffer, isBinary: boolean) => this.receive(data, isBinary))
    if (session.opening) socket.send(session.opening)
  }

  private receive(data: Buffer, isBinary: boolean): void {
    if (this.isClosing || this.isDraining) return
    this.lastActive = performance.now()
    if (++this.waiting >= maxWaiting) this.socket.pause()
    this.answered = this.answered.then(async () => {
      if (!this.isClosing) await this.answer(data, isBinary)
      this.waiting--
      this.lastActive = performance.now()
      this.socket.resume()
    })
  }

  private async answer(data: Buffer, isBinary: boolean): Promise<void> {
    let reply: Reply | undefined
    try {
      reply = await this.session.handle(data, isBinary)
    } catch (error) {
      if (!(error instanceof WireError)) this.onFailure(error)
      reply = this.session.error(error instanceof WireError ? error.message : 'the policy failed')
    }
    if (!reply) return
    await this.send(reply.frame)
    if (reply.close !== undefined) this.close(reply.close, 'the last frame says why')
  }

  /** Resolves when the frame has left this process: who does not read his answers is asked nothing more. */
  private send(frame: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.send(frame, () => resolve())
    })
  }

  /** Answers what has come so far, nothing after that, and closes. */
  async finish(): Promise<void> {
    this.isDraining = true
    await this.answered
    this.close(1001, 'the server is shutting down')
  }

  close(code: number, reason: string): void {
    this.isClosing = true
    this.socket.close(code, reason)
  }
}
