import {
  type Connection,
  type Embodiment,
  type GymServer,
  type Mapping,
  type RemoteClient,
  RemoteError,
} from '../../policy/index.js'
import { type Chunk, type ChunkPolicy, selectRows } from './chunks.js'
import type { EpisodeRecord, EpisodeSpec } from './episode.js'
import type { ObservationBatch } from './rolloutPool.js'

/** Numbers that a segment's states have beside the embodiment's own for a mapping: tool pose 7, joints 7. */
export const measuredDim = 14

/** The episodes of a segment that a remote policy plays. */
export interface RemoteSegment extends ChunkPolicy {
  /** Why episodes were lost, by their index in the segment. They have to be played again from their start. */
  readonly lost: ReadonlyMap<number, string>
  /** After the segment: servers are told how the episodes ended, and connections given back. */
  finish(records: readonly EpisodeRecord[]): void
}

export interface RemoteSegmentOptions {
  /** A question is sent when the one before is answered, so that its time is one robot's. */
  readonly oneByOne?: boolean
  readonly signal?: AbortSignal
}

/**
 * Robots that each have a connection of their own for the whole episode, since servers may keep what they saw of it.
 * @throws RemoteError when there are not as many connections to be had
 */
export async function mappedSegment(
  client: RemoteClient,
  mapping: Mapping,
  embodiment: Embodiment,
  episodes: readonly EpisodeSpec[],
  { oneByOne = false, signal }: RemoteSegmentOptions = {},
): Promise<RemoteSegment> {
  const connections = await acquireAll(client, episodes.length, signal)
  const lost = new Map<number, string>()

  async function ask(o: ObservationBatch, row: number, decision: number): Promise<Chunk | undefined> {
    const episode = o.episodes[row]
    if (lost.has(episode)) return undefined
    const connection = connections[episode]
    if (decision === 0) connection.startEpisode(taskOf(episodes[episode]))
    const observation = robotObservation(o, row, embodiment.stateDim)
    return orLost(lost, [episode], () => client.ask(connection, mapping, embodiment, observation, signal))
  }

  return {
    lost,
    async chunks(observations, decision) {
      const rows = [...observations.episodes.keys()]
      if (!oneByOne) return Promise.all(rows.map((row) => ask(observations, row, decision)))
      const chunks: (Chunk | undefined)[] = []
      for (const row of rows) chunks.push(await ask(observations, row, decision))
      return chunks
    },
    finish(records) {
      for (const [episode, connection] of connections.entries()) {
        const { success, length } = records[episode]
        if (!lost.has(episode)) connection.endEpisode({ metrics: { success }, steps: length })
        client.release(connection)
      }
    },
  }
}

/**
 * Robots that ask `vla-gym serve` together: the batches, and with the noise of (episode seed, decision) all numbers,
 * are those of the same policy in this process.
 */
export function servedSegment(
  client: RemoteClient,
  server: GymServer,
  episodes: readonly EpisodeSpec[],
  { oneByOne = false, signal }: RemoteSegmentOptions = {},
): RemoteSegment {
  const lost = new Map<number, string>()
  const rowBytes = 3 * server.image.width * server.image.height
  const rowsAtOnce = oneByOne ? 1 : Math.max(1, Math.min(maxRows, Math.floor(maxRequestBytes / rowBytes)))

  async function ask(o: ObservationBatch, decision: number): Promise<(Chunk | undefined)[]> {
    const asked = [...o.episodes]
    const episodeSeeds = asked.map((episode) => episodes[episode].seed)
    const answer = await orLost(lost, asked, () =>
      client.askBatch(server, { ...o, episodeSeeds, decision }, signal),
    )
    if (!answer) return asked.map(() => undefined)
    const { actions, milliseconds } = answer
    const size = actions.length / o.batch
    return asked.map((_, row) => ({ actions: actions.subarray(row * size, (row + 1) * size), milliseconds }))
  }

  return {
    lost,
    async chunks(observations, decision) {
      const chunks: (Chunk | undefined)[] = new Array(observations.batch).fill(undefined)
      const rows = [...observations.episodes.keys()].filter((row) => !lost.has(observations.episodes[row]))
      for (let start = 0; start < rows.length; start += rowsAtOnce) {
        const some = rows.slice(start, start + rowsAtOnce)
        const answers = await ask(selectRows(observations, some), decision)
        for (const [i, row] of some.entries()) chunks[row] = answers[i]
      }
      return chunks
    },
    finish() {},
  }
}

/** Of one request to `vla-gym serve`, which refuses larger ones. */
const maxRows = 256
const maxRequestBytes = 24 * 2 ** 20

/** What `ask` gives; undefined when the server failed, which the episodes' entry in `lost` then says. */
async function orLost<T>(
  lost: Map<number, string>,
  episodes: readonly number[],
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    for (const episode of episodes) lost.set(episode, error.message)
    return undefined
  }
}

/** @throws RemoteError, with none of the connections kept */
async function acquireAll(client: RemoteClient, count: number, signal?: AbortSignal): Promise<Connection[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, () => client.acquire(signal)))
  const open = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  if (!failed) return open
  for (const connection of open) client.release(connection)
  throw failed.reason
}

const taskOf = ({ task, seed, episodeId }: EpisodeSpec) => ({
  name: task,
  task_name: task,
  seed,
  ...(episodeId !== undefined && { episode_idx: episodeId }),
})

function robotObservation(o: ObservationBatch, row: number, stateDim: number) {
  const size = o.images.length / o.batch
  const states = o.states.subarray(row * (stateDim + measuredDim), (row + 1) * (stateDim + measuredDim))
  return {
    image: o.images.subarray(row * size, (row + 1) * size),
    state: states.subarray(0, stateDim),
    tcpPose: states.subarray(stateDim, stateDim + 7),
    joints: states.subarray(stateDim + 7),
    instruction: o.instructions[row],
  }
}
