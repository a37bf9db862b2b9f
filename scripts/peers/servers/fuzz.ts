/**
 * Sends broken frames to a policy server and watches that it stays up and answers, and that its memory stays flat:
 * node dist/scripts/peers/servers/fuzz.js [FRAMES [PROTOCOL]] starts one for each protocol, with the shipped policy,
 * and sends 100,000 frames to each.
 */
import { Rng } from '@vla-gym/gymnasium'
import { WebSocket } from 'ws'
import { loadPolicyData, PolicyRuntime } from '../../../policy/index.js'
import { servedPolicy } from '../../../policy/serve/servedPolicy.js'
import { serverDefaults, startServer } from '../../../policy/serve/server.js'
import { type ServeProtocol, serveProtocols } from '../../../policy/serve/session.js'
import { packImage } from '../../../policy/wire/images.js'
import { NdArray, packArrays, type WireMap } from '../../../policy/wire/ndarray.js'
import { messageTypes, packMessage, readMessage } from '../../../policy/wire/vlaEval.js'
import { demoCheckpoint } from '../../policies.js'
import { mutate } from './mutate.js'

export interface FuzzResult {
  readonly sent: number
  /** Frames that were answered, with actions or a hello. */
  readonly actions: number
  /** Frames that were answered with the protocol's error. */
  readonly errors: number
  /** Times that the server closed the connection. */
  readonly closed: number
}

/** Whole frames to break: observations with pictures of every kind, and every message of vla-eval. */
export async function seedFrames(protocol: ServeProtocol): Promise<Uint8Array[]> {
  const state = new NdArray('f4', [14], new Float32Array(14).fill(0.01))
  const frames: Uint8Array[] = []
  for (const format of ['raw', 'png', 'jpeg'] as const) {
    const side = format === 'jpeg' ? 64 : 8
    const picture = { width: side, height: side, data: new Uint8Array(3 * side * side).map((_, i) => i) }
    const image = await packImage(picture, format)
    const prompt = 'put carrot on plate'
    const key = format === 'raw' ? {} : { vla_gym: { episode_seeds: [3], decision: 1 } }
    const observation: WireMap =
      protocol === 'openpi'
        ? { 'observation/image': image, 'observation/state': state, prompt, ...key }
        : { images: { primary: image }, states: state, task_description: prompt, ...key }
    frames.push(
      protocol === 'openpi' ? packArrays(observation, 'openpi') : packMessage('observation', observation, 1),
    )
  }
  if (protocol === 'vla-eval') for (const type of messageTypes) frames.push(packMessage(type, {}, 1))
  return frames
}

/** Sends `count` mutated frames one after the other, over a new connection whenever the server closes the last. */
export async function fuzz(
  url: string,
  protocol: ServeProtocol,
  count: number,
  seed: number,
  onProgress?: (sent: number) => void,
): Promise<FuzzResult> {
  const rng = Rng.fromSeed(seed, 'fuzz', protocol)
  const frames = await seedFrames(protocol)
  const result = { sent: 0, actions: 0, errors: 0, closed: 0 }
  let socket = await open(url, protocol)
  while (result.sent < count) {
    const frame = mutate(rng.choice(frames), rng)
    const text = rng.uniform() < 0.02 && Buffer.from(frame).toString('latin1')
    const barrier = protocol === 'vla-eval' ? firstBarrier + result.sent : undefined
    const answer = await ask(socket, text || frame, barrier)
    result.sent++
    if (answer === 'actions') result.actions++
    if (answer === 'error') result.errors++
    if (socket.readyState !== WebSocket.OPEN) {
      result.closed++
      socket.terminate()
      socket = await open(url, protocol)
    }
    if (result.sent % 1000 === 0) onProgress?.(result.sent)
  }
  socket.terminate()
  return result
}

/** @throws Error when the server is down */
async function open(url: string, protocol: ServeProtocol): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const metadata = protocol === 'openpi' && new Promise((resolve) => socket.once('message', resolve))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  await metadata
  return socket
}

type Answer = 'actions' | 'error' | 'nothing'

/** Sequence numbers of our own hellos: above those of any message that is broken here. */
const firstBarrier = 2 ** 40

/**
 * What the server says to a frame. openpi's answers every one, and closes after an error; vla-eval's need not: a hello
 * of ours comes behind, and the answer to it says that there is none.
 * @throws Error when the server hangs
 */
function ask(socket: WebSocket, frame: Uint8Array | string, barrier: number | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer = 'nothing'
    const timer = setTimeout(() => reject(new Error('no answer in 60 s')), 60_000)
    const done = () => {
      clearTimeout(timer)
      socket.off('message', onMessage).off('close', done)
      resolve(answer)
    }
    const onMessage = (data: Buffer, isBinary: boolean) => {
      if (barrier === undefined) {
        answer = isBinary ? 'actions' : 'error'
        if (isBinary) done()
        return
      }
      const { type, seq } = readMessage(data)
      if (type === 'hello' && seq === barrier) done()
      else answer = type === 'error' ? 'error' : 'actions'
    }
    socket.on('message', onMessage).on('close', done)
    socket.send(frame)
    if (barrier !== undefined) socket.send(packMessage('hello', {}, barrier))
  })
}

const megabytes = () => Math.round(process.memoryUsage().rss / 2 ** 20)

async function main(count: number, protocols: readonly string[]): Promise<void> {
  const runtime = await PolicyRuntime.create(loadPolicyData(demoCheckpoint))
  for (const protocol of serveProtocols.filter((name) => protocols.includes(name))) {
    const failures: unknown[] = []
    const server = await startServer(servedPolicy(runtime, 'widowx', 'fuzz', 0), {
      ...serverDefaults,
      protocol,
      port: 0,
      onFailure: (error) => failures.push(error),
    })
    const url = `ws://127.0.0.1:${server.port}`
    const memory: number[] = []
    const start = performance.now()
    const result = await fuzz(url, protocol, count, 0, (sent) => {
      memory.push(megabytes())
      if (sent % 10_000 === 0) process.stderr.write(`${protocol}: ${sent} frames, ${memory.at(-1)} MiB\n`)
    })
    const seconds = (performance.now() - start) / 1000
    const tenth = Math.max(1, Math.floor(memory.length / 10))
    const mean = (values: number[]) => Math.round(values.reduce((a, b) => a + b, 0) / values.length)
    const { status } = await fetch(`${url.replace('ws:', 'http:')}/healthz`)
    await server.close()
    process.stdout.write(
      `${JSON.stringify({
        protocol,
        ...result,
        failures: failures.map(String),
        healthz: status,
        seconds: Math.round(seconds),
        rssMiB: {
          afterTenth: mean(memory.slice(tenth, 2 * tenth)),
          atEnd: mean(memory.slice(-tenth)),
          peak: Math.max(...memory),
        },
      })}\n`,
    )
  }
  await runtime.release()
}
if (import.meta.filename === process.argv[1]) {
  const [, , count = '100000', ...protocols] = process.argv
  await main(Number(count), protocols.length > 0 ? protocols : serveProtocols)
}
