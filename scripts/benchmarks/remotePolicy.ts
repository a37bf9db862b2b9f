import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Rng } from '@vla-gym/gymnasium'
import type { Picture } from '../../policy/images/png.js'
import { type Device, loadPolicyData, PolicyRuntime } from '../../policy/index.js'
import { Connection } from '../../policy/remote/connection.js'
import { openpiKeys, readObservation } from '../../policy/serve/observation.js'
import { type ServedPolicy, servedPolicy } from '../../policy/serve/servedPolicy.js'
import { type ImageFormat, packImage } from '../../policy/wire/images.js'
import { NdArray, type WireMap } from '../../policy/wire/ndarray.js'
import { projectRoot } from '../policies.js'
import { medianInterval } from './medianInterval.js'

/** How many clients ask at once, and for how many robots each of them. */
export interface Load {
  readonly clients: number
  readonly rows: number
}

/** Clients of one robot each, and one client that asks for a batch in one frame, as `vla-gym eval` does. */
export const usualLoads: readonly Load[] = [
  { clients: 1, rows: 1 },
  { clients: 8, rows: 1 },
  { clients: 32, rows: 1 },
  { clients: 1, rows: 8 },
]

export interface RemoteBenchmark {
  /** Policy folder. */
  readonly policy: string
  readonly embodiment: string
  readonly threads: number
  readonly device: Device
  readonly loads: readonly Load[]
  /** Side of the square pictures that are sent. */
  readonly image: number
  readonly format: ImageFormat
  /** Spent on each load, in this process and over the wire together. */
  readonly seconds: number
}

/** What one way to the policy does. */
export interface PolicyService {
  /** Of one robot each: median of the rounds, and its 95 % interval. */
  readonly requestsPerSecond: number
  readonly interval: readonly [number, number]
  /** Milliseconds of a request. */
  readonly p50: number
  readonly p95: number
  readonly n: number
}

export interface RemoteFigure extends Load {
  readonly inProcess: PolicyService
  readonly remote: PolicyService
  /** Time of a request over the wire beyond that in this process: median over rounds of their ratio, less 1. */
  readonly wireShare: number
  readonly wireShareInterval: readonly [number, number]
}

/** Rounds in which this process and the server take turns. */
const rounds = 9

/**
 * Requests/s and latency of `vla-gym serve` over loopback against the same policy in this process: the same pictures,
 * resized to the policy's size by both, and batches of all that ask at once.
 */
export async function benchmarkRemotePolicy(options: RemoteBenchmark): Promise<RemoteFigure[]> {
  const { threads, device, policy, embodiment } = options
  const runtime = await PolicyRuntime.create(loadPolicyData(policy), { threads, device })
  const local = servedPolicy(runtime, embodiment, 'local', 0)
  const server = await startServer(options)
  try {
    const figures: RemoteFigure[] = []
    for (const load of options.loads) figures.push(await compare(local, server.url, load, options))
    return figures
  } finally {
    server.process.kill('SIGTERM')
    await Promise.all([once(server.process, 'exit'), runtime.release()])
  }
}

async function startServer(options: RemoteBenchmark): Promise<{ url: string; process: ChildProcess }> {
  const { policy, embodiment, threads, device } = options
  const given = { policy, embodiment, threads, device, port: 0 }
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, [join(projectRoot, 'bin', 'vla-gym.mjs'), 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /ws:\S+/.exec(line)?.[0]
    if (url) return { url, process: child }
  }
  throw new Error('the server did not start')
}

async function compare(
  local: ServedPolicy,
  url: string,
  { clients, rows }: Load,
  options: RemoteBenchmark,
): Promise<RemoteFigure> {
  const observations = await Promise.all(
    Array.from({ length: clients }, (_, i) => observation(local, i, rows, options)),
  )
  const connections = await Promise.all(
    Array.from({ length: clients }, () => Connection.open(url, {}, 'openpi')),
  )
  const inProcess = async () => {
    const requests = observations.map((map) => readObservation(map, openpiKeys, local))
    await local.decide(await Promise.all(requests))
  }
  const overTheWire = async () => {
    await Promise.all(connections.map((connection, i) => connection.infer(observations[i])))
  }
  for (let i = 0; i < 3; i++) await inProcess().then(overTheWire)

  const seconds = options.seconds / (2 * rounds)
  const times = { inProcess: [] as number[][], remote: [] as number[][] }
  for (let round = 0; round < rounds; round++) {
    times.inProcess.push(await timed(inProcess, seconds))
    times.remote.push(await timed(overTheWire, seconds))
  }
  for (const connection of connections) connection.close()
  const ratios = times.remote.map((remote, i) => middle(remote) / middle(times.inProcess[i]) - 1)
  const { median, interval } = medianInterval(ratios)
  return {
    clients,
    rows,
    inProcess: service(times.inProcess, clients * rows),
    remote: service(times.remote, clients * rows),
    wireShare: median,
    wireShareInterval: interval,
  }
}

/** What client `i` asks: pictures of random blocks, as hard to compress as a cluttered table. */
async function observation(
  { embodiment }: ServedPolicy,
  i: number,
  rows: number,
  { image, format }: RemoteBenchmark,
): Promise<WireMap> {
  const rng = Rng.fromSeed(i, 'remote policy')
  const { stateDim } = embodiment.description
  const state = rng.fillNormal(new Float32Array(rows * stateDim))
  const prompt = 'put carrot on plate'
  const pictures = await Promise.all(
    Array.from({ length: rows }, () => packImage(blocks(rng, image), format)),
  )
  return rows === 1
    ? {
        'observation/image': pictures[0],
        'observation/state': new NdArray('f4', [stateDim], state),
        prompt,
      }
    : {
        'observation/image': pictures,
        'observation/state': new NdArray('f4', [rows, stateDim], state),
        prompt: new Array<string>(rows).fill(prompt),
      }
}

function blocks(rng: Rng, side: number): Picture {
  const colours = Uint8Array.from({ length: 3 * 32 * 32 }, () => rng.integers(0, 256))
  const data = new Uint8Array(3 * side * side)
  for (let y = 0, k = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < 3; c++, k++) data[k] = colours[3 * (32 * ((y >> 3) % 32) + ((x >> 3) % 32)) + c]
  return { width: side, height: side, data }
}

/** Milliseconds of calls one after the other, for so long and three at least. */
async function timed(call: () => Promise<void>, seconds: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + 1000 * seconds
  while (performance.now() < end || times.length < 3) {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  }
  return times
}

const middle = (values: readonly number[]): number => medianInterval(values).median

/** All ask at once and wait for each other, so a call's time is that of every request in it. */
function service(rounds: readonly number[][], requests: number): PolicyService {
  const times = rounds.flat().sort((a, b) => a - b)
  const rates = rounds.map((round) => (1000 * requests) / middle(round))
  const { median, interval } = medianInterval(rates)
  const quantile = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))]
  const n = requests * times.length
  return { requestsPerSecond: median, interval, p50: quantile(0.5), p95: quantile(0.95), n }
}

/** A line for each way, with clients x robots of each in front, and what the wire adds. */
export function remoteText(result: RemoteFigure): string {
  const { clients, rows, inProcess, remote, wireShare, wireShareInterval } = result
  const line = (name: string, { requestsPerSecond, interval, p50, p95, n }: PolicyService) =>
    `${String(clients).padStart(3)} x ${rows}  ${name.padEnd(13)} ${figure(requestsPerSecond).padStart(6)} requests/s ` +
    `[${interval.map(figure).join(', ')}]  p50 ${figure(p50)} ms  p95 ${figure(p95)} ms  n ${n}`
  const [low, high] = wireShareInterval.map((share) => (100 * share).toFixed(0))
  return [
    line('in process', inProcess),
    line('over loopback', remote),
    `${' '.repeat(9)}the wire adds ${(100 * wireShare).toFixed(0)} % [${low}, ${high}]`,
  ].join('\n')
}

const figure = (value: number): string => value.toPrecision(3)
