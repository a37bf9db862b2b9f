import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '@vla-gym/gymnasium'
import type { Embodiment } from '../embodiment.js'
import type { WireMap } from '../wire/ndarray.js'
import { Connection, type ConnectionOptions } from './connection.js'
import { batchActions, batchRequest, type GymServer, type RobotBatch, readGymServer } from './gymServer.js'
import { loadMapping, type Mapping, mappingNames, type Protocol } from './mapping.js'
import { asRemoteError, RemoteError } from './remoteError.js'
import { actionsOf, type RobotObservation, requestOf } from './request.js'

export interface ClientOptions extends ConnectionOptions {
  /** Name or file of a mapping; `vla-gym serve` needs none. */
  readonly mapping?: string
  /** Attempts to connect before a server counts as gone; default 6. */
  readonly attempts?: number
  /** Seconds between the first two attempts, doubled each time; default 1, so 31 s for six. */
  readonly backoff?: number
  /** Told of every attempt that failed. */
  onRetry?(message: string): void
}

const clientDefaults = { attempts: 6, backoff: 1 } as const

/** A batch of robots is asked for so often before it is given up. */
const batchAttempts = 3

export const isRemoteUrl = (name: string): boolean => /^wss?:\/\//i.test(name)

/** What robots ask: whose observations are sent by a mapping one by one, or in batches to `vla-gym serve`. */
export type Contract = { readonly mapping: Mapping } | { readonly server: GymServer }

/** A robot's answer. */
export interface RemoteActions {
  /** Robot space: [steps, actionDim], or [batch, chunkSize, actionDim]. */
  readonly actions: Float32Array
  /** From the request to the answer. */
  readonly milliseconds: number
}

/** A policy server, and the connections to it. */
export class RemoteClient {
  readonly url: string
  readonly protocol: Protocol
  readonly contract: Contract
  private readonly options: ClientOptions
  private readonly idle: Connection[] = []
  private readonly inUse = new Set<Connection>()

  private constructor(first: Connection, url: string, contract: Contract, options: ClientOptions) {
    this.url = url
    this.protocol = first.protocol
    this.contract = contract
    this.options = options
    this.idle.push(first)
  }

  /** Waits for a server that is not up yet. @throws UserError when none comes, or it does not fit the mapping */
  static async connect(url: string, options: ClientOptions = {}): Promise<RemoteClient> {
    if (!isRemoteUrl(url) || !URL.canParse(url))
      throw new UserError(`${url} is not ws://HOST:PORT or wss://…`)
    const { username, password } = new URL(url)
    if (username || password) throw new UserError('no passwords in the address: set VLA_GYM_API_KEY')
    const mapping = options.mapping === undefined ? undefined : loadMapping(options.mapping)
    let connection: Connection | undefined
    try {
      connection = await openWithBackoff(url, options, mapping?.protocol)
      const contract = mapping ? { mapping } : { server: gymServer(connection) }
      return new RemoteClient(connection, url, contract, options)
    } catch (error) {
      connection?.close()
      throw error instanceof UserError ? error : new UserError(asRemoteError(error, url).message)
    }
  }

  /** An open connection that nobody else uses. @throws RemoteError after the last attempt */
  async acquire(signal?: AbortSignal): Promise<Connection> {
    let connection = this.idle.pop()
    while (connection && !connection.isOpen) connection = this.idle.pop()
    connection ??= await openWithBackoff(this.url, this.options, this.protocol, signal)
    this.inUse.add(connection)
    return connection
  }

  release(connection: Connection): void {
    this.inUse.delete(connection)
    if (connection.isOpen) this.idle.push(connection)
  }

  /**
   * One robot's question over its connection, which is closed when there is no usable answer.
   * @throws RemoteError then; the signal's reason when it aborts
   */
  async ask(
    connection: Connection,
    mapping: Mapping,
    embodiment: Embodiment,
    observation: RobotObservation,
    signal?: AbortSignal,
  ): Promise<RemoteActions> {
    const request = await requestOf(mapping, embodiment, observation)
    return this.timed(connection, request, signal, (answer) => actionsOf(mapping, embodiment, answer))
  }

  /**
   * A batch's question to `vla-gym serve`. Its answer follows from the question, so that one which is lost is asked
   * again over another connection.
   * @throws RemoteError after the last attempt; the signal's reason when it aborts
   */
  async askBatch(server: GymServer, batch: RobotBatch, signal?: AbortSignal): Promise<RemoteActions> {
    const request = batchRequest(server, this.protocol, batch)
    for (let attempt = 1; ; attempt++) {
      const connection = await this.acquire(signal)
      try {
        return await this.timed(connection, request, signal, (a) => batchActions(server, batch.batch, a))
      } catch (error) {
        if (!(error instanceof RemoteError) || attempt >= batchAttempts) throw error
      } finally {
        this.release(connection)
      }
    }
  }

  private async timed(
    connection: Connection,
    request: WireMap,
    signal: AbortSignal | undefined,
    read: (answer: Awaited<ReturnType<Connection['infer']>>['actions']) => Float32Array,
  ): Promise<RemoteActions> {
    const start = performance.now()
    const { actions } = await connection.infer(request, signal)
    const milliseconds = performance.now() - start
    try {
      return { actions: read(actions), milliseconds }
    } catch (error) {
      connection.close()
      throw asRemoteError(error, this.url)
    }
  }

  /** Closes every connection, those in use too. */
  close(): void {
    for (const connection of [...this.idle.splice(0), ...this.inUse]) connection.end()
    this.inUse.clear()
  }
}

async function openWithBackoff(
  url: string,
  options: ClientOptions,
  protocol?: Protocol,
  signal?: AbortSignal,
): Promise<Connection> {
  const { attempts = clientDefaults.attempts, backoff = clientDefaults.backoff } = options
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await Connection.open(url, options, protocol)
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error
      if (attempt >= attempts) throw new RemoteError(`${error.message} (attempt ${attempt}, the last)`)
      const seconds = backoff * 2 ** (attempt - 1)
      options.onRetry?.(`${error.message}; trying again in ${seconds} s`)
      await sleep(1000 * seconds, undefined, { signal }).catch(() => signal?.throwIfAborted())
    }
  }
}

/** @throws UserError that names the mappings there are */
function gymServer({ protocol, info }: Connection): GymServer {
  const server = readGymServer(info, protocol)
  if (server) return server
  throw new UserError(
    `a server that speaks ${protocol} needs --mapping: ${mappingNames().join(', ')} or a .json file`,
  )
}
