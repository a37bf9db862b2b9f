/**
 * Stands between a client and a server and writes down what they say, for the fixtures in test/policy/wire/fixtures:
 * node dist/scripts/peers/servers/record.js PORT ws://SERVER:PORT FILE.json, which ends when the client leaves.
 */
import { writeFileSync } from 'node:fs'
import { type RawData, WebSocket, WebSocketServer } from 'ws'

/** A frame of a recorded exchange; text as it is, bytes in base64. */
export interface RecordedFrame {
  readonly from: 'client' | 'server'
  readonly text?: string
  readonly base64?: string
}

const [port, url, file] = process.argv.slice(2)
const options = { perMessageDeflate: false }
const listener = new WebSocketServer({ port: Number(port), host: '127.0.0.1', ...options })

listener.on('connection', (client) => {
  const frames: RecordedFrame[] = []
  const server = new WebSocket(url, options)
  const opened = new Promise((resolve) => server.once('open', resolve))
  const pass = (from: RecordedFrame['from'], to: WebSocket) => async (data: RawData, isBinary: boolean) => {
    const bytes = data as Buffer
    frames.push({ from, ...(isBinary ? { base64: bytes.toString('base64') } : { text: bytes.toString() }) })
    await opened
    to.send(bytes, { binary: isBinary })
  }
  client.on('message', pass('client', server))
  server.on('message', pass('server', client))
  server.on('close', (code) => client.close(code === 1006 ? 1011 : code))
  client.on('close', () => {
    server.close()
    writeFileSync(file, `[\n${frames.map((frame) => JSON.stringify(frame)).join(',\n')}\n]\n`)
    listener.close()
  })
})
