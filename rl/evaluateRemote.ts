import { UserError } from '@vla-gym/gymnasium'
import { embodiments } from '../envs/index.js'
import { type Embodiment, type RemoteClient, RemoteError, renderSpec } from '../policy/index.js'
import type { EvaluationOptions } from './evaluate.js'
import { waitingPolicy } from './rollout/chunks.js'
import { type EpisodeRecord, type EpisodeSpec, newRecord, type RenderedFrame } from './rollout/episode.js'
import { type LiveTimes, livePolicy } from './rollout/livePolicy.js'
import {
  mappedSegment,
  measuredDim,
  type RemoteSegment,
  type RemoteSegmentOptions,
  servedSegment,
} from './rollout/remotePolicy.js'
import type { RolloutPool, SegmentOptions } from './rollout/rolloutPool.js'

export interface RemoteBatch {
  /** Those of episodes that could not be played say so in `infrastructureFailure`. */
  readonly records: EpisodeRecord[]
  readonly videos: { index: number; frames: RenderedFrame[] }[]
  /** Live mode only, of the episodes that were played. */
  readonly times: LiveTimes[]
}

/** An episode whose server failed is played so often, every time over a new connection. */
const episodeAttempts = 3
/** Robots of a segment: on connections of their own, and together. */
const defaultRobots = 16
const servedRobots = 128

/** How a remote policy's segments are run: what its observations are, and how it is asked. */
interface RemotePlan {
  readonly embodiment: Embodiment
  readonly segment: Pick<SegmentOptions, 'env' | 'stateDim' | 'actionDim' | 'executedSteps'>
  readonly robots: number
  open(episodes: readonly EpisodeSpec[], options: RemoteSegmentOptions): Promise<RemoteSegment>
}

/**
 * Plays episodes with a remote policy. One that is lost is played again from its start after a reconnect; what cannot be
 * played is an infrastructure failure. When a whole segment fails in every attempt, or the server cannot be reached,
 * the rest is not tried.
 * @throws UserError for a policy of another embodiment
 */
export async function playRemote(
  pool: RolloutPool,
  client: RemoteClient,
  episodes: readonly EpisodeSpec[],
  options: EvaluationOptions,
  onBatch: (batch: RemoteBatch) => void,
): Promise<void> {
  const plan = remotePlan(client, options)
  let gone: string | undefined
  for (let start = 0; start < episodes.length; start += plan.robots) {
    const segment = episodes.slice(start, start + plan.robots)
    const videoEpisodes = start === 0 ? (options.videoEpisodes ?? 0) : 0
    const batch: RemoteBatch =
      gone === undefined
        ? await playSegment(pool, plan, segment, videoEpisodes, options)
        : {
            records: segment.map((episode) => unplayed(episode, `not tried: ${gone}`)),
            videos: [],
            times: [],
          }
    const failures = batch.records.map((record) => record.infrastructureFailure)
    if (failures.every((failure) => failure !== undefined)) gone ??= failures[0]
    onBatch(batch)
  }
}

const unplayed = (episode: EpisodeSpec, infrastructureFailure: string): EpisodeRecord => ({
  ...newRecord(episode),
  infrastructureFailure,
})

function remotePlan(client: RemoteClient, { suite, robots }: EvaluationOptions): RemotePlan {
  const embodiment = embodiments.get(suite.embodiment)!
  const { actionDim, stateDim, id } = embodiment
  const { contract } = client
  const wanted = 'mapping' in contract ? contract.mapping.embodiment : contract.server.embodiment
  if (wanted !== id) {
    const what = 'mapping' in contract ? `mapping ${contract.mapping.name}` : client.url
    throw new UserError(`${what} is for the embodiment ${wanted}, suite ${suite.id} has ${id}`)
  }
  if ('server' in contract) {
    const { server } = contract
    if (server.actionDim !== actionDim || server.stateDim !== stateDim)
      throw new UserError(
        `${client.url}: its ${id} has ${server.stateDim} state and ${server.actionDim} action channels, not ${stateDim} and ${actionDim}`,
      )
    return {
      embodiment,
      segment: { env: { image: server.image }, stateDim, actionDim, executedSteps: server.executedSteps },
      robots: robots ?? servedRobots,
      open: async (episodes, options) => servedSegment(client, server, episodes, options),
    }
  }
  const { mapping } = contract
  const view = mapping.images.find(({ camera }) => camera === 'main')
  return {
    embodiment,
    segment: {
      env: { image: view ? renderSpec(view) : null },
      stateDim: stateDim + measuredDim,
      actionDim,
      executedSteps: mapping.executedSteps,
    },
    robots: robots ?? defaultRobots,
    open: (episodes, options) => mappedSegment(client, mapping, embodiment, episodes, options),
  }
}

async function playSegment(
  pool: RolloutPool,
  plan: RemotePlan,
  segment: readonly EpisodeSpec[],
  videoEpisodes: number,
  options: EvaluationOptions,
): Promise<RemoteBatch> {
  const records = segment.map((episode) => unplayed(episode, ''))
  const videos: RemoteBatch['videos'] = []
  const times: LiveTimes[] = []
  let open = [...segment.keys()]
  for (let attempt = 0; attempt < episodeAttempts && open.length > 0; attempt++) {
    const episodes = open.map((index) => segment[index])
    const { lost, ...played } = await playOnce(
      pool,
      plan,
      episodes,
      attempt === 0 ? videoEpisodes : 0,
      options,
    )
    for (const [i, index] of open.entries()) {
      const reason = lost.get(i)
      records[index] = reason === undefined ? played.records[i] : unplayed(segment[index], reason)
      if (reason === undefined && played.times) times.push(played.times[i])
    }
    for (const { index, frames } of played.videos)
      if (!lost.has(index)) videos.push({ index: open[index], frames })
    if (played.records.length === 0) break
    open = open.filter((_, i) => lost.has(i))
  }
  return { records, videos: videos.sort((a, b) => a.index - b.index), times }
}

interface Played {
  /** Empty when there was no connection. */
  readonly records: EpisodeRecord[]
  readonly videos: RemoteBatch['videos']
  readonly times?: readonly LiveTimes[]
  readonly lost: ReadonlyMap<number, string>
}

async function playOnce(
  pool: RolloutPool,
  plan: RemotePlan,
  episodes: readonly EpisodeSpec[],
  videoEpisodes: number,
  { live, suite, signal }: EvaluationOptions,
): Promise<Played> {
  const oneByOne = live !== undefined && live.latency === undefined
  let remote: RemoteSegment
  try {
    remote = await plan.open(episodes, { oneByOne, signal })
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    return { records: [], videos: [], lost: new Map(episodes.map((_, i) => [i, error.message])) }
  }
  const { embodiment, segment } = plan
  const { executedSteps, actionDim } = segment
  const world = live && livePolicy(remote, embodiment, episodes.length, executedSteps, live)
  const policy = world?.policy ?? waitingPolicy(remote, executedSteps, actionDim)
  const env = { ...segment.env, ...(live && suite.live) }
  const { records, videos } = await pool.runSegment(policy, {
    ...segment,
    env,
    episodes,
    videoEpisodes,
    signal,
  })
  remote.finish(records)
  return { records, videos, times: world?.times, lost: remote.lost }
}
