import { UserError } from '@vla-gym/gymnasium'
import type { Explored, Explorer } from '../exploration.js'
import { hiddenTokens, type NanoConfig } from '../nano/config.js'
import type { Parameters } from '../parameters.js'
import { safetensorsPieces } from '../safetensors.js'
import type { Sampler } from '../samplers/sampler.js'
import { decisionField } from '../wire/decisionKey.js'
import { defaultLimits } from '../wire/messagePack.js'
import { type FloatArray, isMap, type WireMap } from '../wire/ndarray.js'
import {
  packTraining,
  readHiddenStates,
  readRecord,
  readVersion,
  shortVersion,
  versionOf,
} from '../wire/training.js'
import { packSetup, type TrainingSetup } from '../wire/trainingSetup.js'
import type { RemoteClient } from './client.js'
import type { Connection } from './connection.js'
import { batchActions, batchRequest, type GymServer, type RobotBatch, readGymServer } from './gymServer.js'
import { asRemoteError, RemoteError } from './remoteError.js'

export interface RemoteExplorerOptions {
  readonly setup: TrainingSetup
  /** The policy's, with the settings that it acts with. */
  readonly config: NanoConfig
  /** The run's own sampler: its records are what the server's must look like. */
  readonly sampler: Sampler
  readonly signal?: AbortSignal
  /** Bytes of weights in a frame; default 16 MiB. */
  readonly partBytes?: number
}

interface Weights {
  readonly version: string
  readonly pieces: readonly Uint8Array[]
}

interface Answer {
  readonly actions: FloatArray
  /** What it holds under `vla_gym`. */
  readonly fields: WireMap
}

const defaultPartBytes = 16 * 2 ** 20
/** A request is sent so often, every time over a new connection, before the server counts as gone. */
const attempts = 3
/** What a frame holds beside pictures, states and records. */
const frameSlack = 2 ** 20

/**
 * Explores on a `vla-gym serve --allow-training`, with the weights that `setWeights` was given last. A batch is one
 * request and its answer follows from it, so that the numbers are those of `localExplorer`, and one that is lost can be
 * asked for again. A server that was restarted in between gets the weights once more.
 */
export class RemoteExplorer implements Explorer {
  readonly config: NanoConfig
  private readonly client: RemoteClient
  private readonly server: GymServer
  private readonly options: RemoteExplorerOptions
  private readonly setup: string
  private readonly chain: number
  private weights: Weights | undefined

  /** @throws UserError for a server of another policy or embodiment, or one that allows no training */
  constructor(client: RemoteClient, options: RemoteExplorerOptions) {
    if (!('server' in client.contract)) throw new UserError(`${client.url} is not 'vla-gym serve'`)
    const { server } = client.contract
    const { config, sampler, setup } = options
    this.config = config
    this.client = client
    this.server = server
    this.options = options
    this.setup = packSetup(setup)
    this.chain = chainSize(sampler)
    if (server.training !== true)
      throw new UserError(`${client.url} does not allow training: start it with --allow-training`)
    this.checkServer(server)
  }

  private checkServer({ policy, embodiment }: GymServer): void {
    const { url } = this.client
    const { setup } = this.options
    if (policy !== setup.policy)
      throw new UserError(
        `${url} serves policy ${shortVersion(policy)}, the run began with ${shortVersion(setup.policy)}: serve the folder that --init names`,
      )
    if (embodiment !== setup.embodiment)
      throw new UserError(`${url} serves the embodiment ${embodiment}, the run has ${setup.embodiment}`)
  }

  /**
   * Weights to explore with from now on.
   * @param expert the action expert's
   * @param sampler the sampler's own
   * @throws UserError when the server cannot be brought to take them; the signal's reason when it aborts
   */
  async setWeights(expert: Parameters, sampler: Parameters): Promise<void> {
    const pieces = safetensorsPieces(new Map([...expert, ...sampler]))
    const version = versionOf(this.setup, pieces)
    if (version === this.weights?.version) return
    this.weights = { version, pieces }
    await this.push(this.weights)
  }

  async explore(o: RobotBatch): Promise<Explored> {
    const { config, chain, server } = this
    return this.ask(o, false, ({ actions, fields }) => ({
      actions: batchActions(server, o.batch, actions),
      ...readRecord(fields, o.batch, config, chain),
    }))
  }

  hiddenStates(o: RobotBatch): Promise<Float32Array> {
    return this.ask(o, true, ({ fields }) => readHiddenStates(fields, o.batch, this.config))
  }

  private async ask<T>(o: RobotBatch, final: boolean, read: (answer: Answer) => T): Promise<T> {
    const { weights, client, server } = this
    if (!weights) throw new Error('setWeights comes before the first question')
    this.checkSize(o)
    const { version } = weights
    const { [decisionField]: key, ...observation } = batchRequest(server, client.protocol, o)
    const training = packTraining({ kind: 'explore', version, final })
    const request = { ...observation, [decisionField]: { ...(key as WireMap), ...training } }
    for (let pushed = 0; ; pushed++) {
      const found = await this.retried(async () => {
        const answer = await this.exchange(request)
        return this.usable(() => {
          const held = readVersion(answer.fields)
          return held === version ? { held, value: read(answer) } : { held }
        })
      })
      if ('value' in found) return found.value as T
      // None: it was restarted. Another: it does not belong to this run alone.
      if (found.held !== null)
        throw new UserError(
          `${client.url}: an answer from weights ${shortVersion(found.held)} instead of ${shortVersion(version)} is refused: another run trains on this server`,
        )
      if (pushed >= attempts) throw new UserError(`${client.url} loses the weights that it is sent`)
      await this.push(weights)
    }
  }

  private async push({ version, pieces }: Weights): Promise<void> {
    const { setup } = this
    const { partBytes = defaultPartBytes } = this.options
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
    const held = await this.retried(async () => {
      let answered: string | null = null
      let offset = 0
      for (const data of parts(pieces, partBytes)) {
        const part = packTraining({ kind: 'weights', version, setup, bytes, offset, data })
        const { fields } = await this.exchange({ [decisionField]: part })
        answered = this.usable(() => readVersion(fields))
        offset += data.length
      }
      return answered
    })
    if (held !== version)
      throw new UserError(
        `${this.client.url} was sent weights ${shortVersion(version)} and has ${shortVersion(held)}: another run trains on this server`,
      )
  }

  /** One request and its answer. @throws RemoteError when none came; UserError when the server is gone or another */
  private async exchange(request: WireMap): Promise<Answer> {
    const { client, options } = this
    const connection = await this.connection()
    try {
      const { actions, fields } = await connection.infer(request, options.signal)
      const training = fields[decisionField]
      return { actions, fields: isMap(training) ? training : {} }
    } finally {
      client.release(connection)
    }
  }

  private async connection(): Promise<Connection> {
    const { client, options } = this
    let connection: Connection
    try {
      connection = await client.acquire(options.signal)
    } catch (error) {
      throw error instanceof RemoteError ? this.gone(error) : error
    }
    try {
      // It may have come back as a server of something else.
      const server = readGymServer(connection.info, connection.protocol)
      if (!server) throw new UserError(`${client.url} is no longer 'vla-gym serve'`)
      this.checkServer(server)
      return connection
    } catch (error) {
      connection.close()
      client.release(connection)
      throw asRemoteError(error, client.url)
    }
  }

  /** @throws RemoteError for an answer that makes no sense */
  private usable<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw asRemoteError(error, this.client.url)
    }
  }

  private async retried<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error
        if (attempt >= attempts) throw this.gone(error)
      }
    }
  }

  private gone(error: RemoteError): UserError {
    return new UserError(`${error.message}; the run goes on from its last iteration when it is started again`)
  }

  /** @throws UserError when a batch, or its record, does not go into a frame */
  private checkSize(o: RobotBatch): void {
    const { config, chain, server } = this
    const numbers = hiddenTokens(config) * config.width + 2 * chain + server.chunkSize * server.actionDim
    const bytes = Math.max(o.images.byteLength + o.states.byteLength, 4 * o.batch * numbers) + frameSlack
    if (bytes > defaultLimits.maxBytes || o.batch > maxRows)
      throw new UserError(
        `${o.batch} robots do not go into one request to ${this.client.url}: train with fewer --episodes-per-iteration`,
      )
  }
}

/** Of one request to `vla-gym serve`, which refuses larger ones. */
const maxRows = 256

/** Numbers in the states of a decision's record: those that the loss takes. */
function chainSize(sampler: Sampler): number {
  const none = new Float32Array(0)
  return sampler.feeds([{ x: none, xNext: none, denoiseIndex: 0, logProb: 0 }]).x.data.length
}

/** The bytes of all pieces in parts of one size, but for the last. */
function* parts(pieces: readonly Uint8Array[], size: number): Generator<Uint8Array> {
  let part: Uint8Array[] = []
  let room = size
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const slice = piece.subarray(at, at + room)
      part.push(slice)
      at += slice.length
      room -= slice.length
      if (room > 0) continue
      yield Buffer.concat(part)
      part = []
      room = size
    }
  }
  if (part.length > 0) yield Buffer.concat(part)
}
