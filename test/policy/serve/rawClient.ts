import { WebSocket } from 'ws'

/** A frame that came, or the code that the socket was closed with. */
export type Received =
  | { readonly bytes: Uint8Array; readonly text?: undefined; readonly closed?: undefined }
  | { readonly text: string; readonly bytes?: undefined; readonly closed?: undefined }
  | { readonly closed: number; readonly bytes?: undefined; readonly text?: undefined }

/** A WebSocket and what it received, in order; it knows no protocol. */
export class RawClient {
  readonly socket: WebSocket
  private readonly received: Received[] = []
  private wake: (() => void) | undefined

  private constructor(url: string, headers: Record<string, string>) {
    this.socket = new WebSocket(url, { headers, perMessageDeflate: false })
    const push = (item: Received) => {
      this.received.push(item)
      this.wake?.()
    }
    this.socket.on('message', (data: Buffer, isBinary) =>
      push(isBinary ? { bytes: new Uint8Array(data) } : { text: data.toString() }),
    )
    this.socket.on('close', (closed) => push({ closed }))
  }

  /** @throws Error with the status when the server refuses */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<RawClient> {
    const client = new RawClient(url, headers)
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve)
      client.socket.once('error', reject)
    })
    client.socket.on('error', () => {})
    return client
  }

  send(frame: Uint8Array | string): void {
    this.socket.send(frame)
  }

  async next(): Promise<Received> {
    while (this.received.length === 0) await new Promise<void>((resolve) => (this.wake = resolve))
    return this.received.shift()!
  }

  /** @throws Error for anything but bytes */
  async nextBytes(): Promise<Uint8Array> {
    const { bytes, text, closed } = await this.next()
    if (!bytes) throw new Error(text ?? `closed with ${closed}`)
    return bytes
  }

  close(): void {
    this.socket.terminate()
  }
}
