import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { initPhysics, makeEnv } from '../../envs/index.js'
import { type ClientOptions, RemoteClient } from '../../policy/index.js'
import { NdArray, type WireMap } from '../../policy/wire/ndarray.js'
import { packOpenpi } from '../../policy/wire/openpi.js'
import { type EvaluationOptions, evaluate, evaluationEpisodes, findSuite } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { type Answer, openpiPeer, type Question, vlaEvalFrame, vlaEvalPeer } from '../policy/remote/peers.js'
import { testPolicy, testServer } from '../policy/serve/served.js'

const pool = new RolloutPool(2)
const dir = mkdtempSync(join(tmpdir(), 'remote-'))
const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close()
})
afterAll(async () => {
  await pool.close()
  rmSync(dir, { recursive: true })
})
function kept<T extends { close(): unknown }>(thing: T): T {
  opened.push(thing)
  return thing
}

const suite = findSuite('simpler-widowx')
const task = 'widowx_carrot_on_plate'
const options: EvaluationOptions = { suite, tasks: [task], episodes: 4, placement: 'official', seed: 0 }

/** A small picture and the parts of a state that can be compared; 20 of the 60 steps a request. */
const mapping = {
  embodiment: 'widowx',
  images: [{ key: 'image', width: 32, height: 32, fit: 'pad' }],
  state: { key: 'state', layout: ['position', 'quaternion-xyzw', 'joints', 'fingers'] },
  instruction: 'prompt',
  actions: { layout: ['position', 'rotation-vector', 'gripper'] },
  executedSteps: 20,
}
function mappingFile(name: string, changes: object = {}): string {
  const path = join(dir, `${name}.json`)
  writeFileSync(path, JSON.stringify({ ...mapping, ...changes }))
  return path
}

async function play(url: string, client: ClientOptions, changes: Partial<EvaluationOptions> = {}) {
  const quick = { attempts: 2, backoff: 0.05, ...client }
  const agent = {
    kind: 'remote',
    client: kept(await RemoteClient.connect(url, quick)),
  } as const
  return evaluate(pool, agent, url, { ...options, ...changes })
}

/** Moves that depend on what the robot sees. */
function moves({ request }: Question): Uint8Array {
  const state = (request.state as NdArray).data as Float32Array
  const actions = Float32Array.from({ length: 140 }, (_, i) =>
    i % 7 === 6 ? 1 : 0.01 * Math.sin(50 * state[0] + i),
  )
  return packOpenpi({ actions: new NdArray('f4', [20, 7], actions) })
}

/** A copy of what came, since frames are views of a buffer that is used again. */
const copyOf = (array: NdArray) => [...(array.data as Float32Array)]

describe('a mapped server', () => {
  it('is shown what the environment shows, and asked three times an episode', async () => {
    const questions: WireMap[] = []
    const server = kept(
      await openpiPeer((question) => {
        const { image, state, prompt } = question.request
        questions.push({ image: copyOf(image as NdArray), state: copyOf(state as NdArray), prompt })
        return moves(question)
      }),
    )
    const { report, records } = await play(server.url, { mapping: mappingFile('shown') })
    expect(report.remote).toEqual({ protocol: 'openpi', mapping: expect.stringContaining('shown.json') })
    expect(report.tasks[0]).toMatchObject({ episodes: 4 })
    expect(report).not.toHaveProperty('infrastructureFailures')
    expect(records.map(({ length, episodeId }) => [length, episodeId])).toEqual(
      [0, 1, 2, 3].map((i) => [60, i]),
    )
    expect(questions).toHaveLength(12)

    await initPhysics()
    const [{ seed, episodeId }] = evaluationEpisodes(options)
    const env = makeEnv(task, { image: { width: 32, height: 24 }, placement: 'official' })
    const [first] = env.reset({ seed, options: { episodeId } })
    const bars = new Array<number>(32 * 4 * 3).fill(0)
    const expected = {
      image: [...bars, ...first.image, ...bars],
      state: [...first.tcpPose, ...first.jointPositions, -first.jointPositions[6]],
      prompt: first.instruction,
    }
    env.close()
    const same = questions.filter((question) => JSON.stringify(question) === JSON.stringify(expected))
    expect(same).toHaveLength(1)
  })

  it('that loses connections and talks nonsense in between costs time, and no episode', async () => {
    const healthy = kept(await openpiPeer(moves))
    const mappingName = mappingFile('flaky')
    const { records } = await play(healthy.url, { mapping: mappingName })
    const faults: Record<number, Answer> = {
      1: (socket) => socket.terminate(),
      2: packOpenpi({ actions: new NdArray('f4', [20, 7], new Float32Array(140).fill(Number.NaN)) }),
      3: 'CUDA out of memory',
    }
    const flaky = kept(
      await openpiPeer((question) =>
        question.index === 1 ? (faults[question.connection] ?? moves(question)) : moves(question),
      ),
    )
    const again = await play(flaky.url, { mapping: mappingName })
    // Four at first; of the three that were lost, two new ones and the one that was left play again.
    expect(flaky.connections).toBe(6)
    expect(again.records).toEqual(records)
    expect(again.report).not.toHaveProperty('infrastructureFailures')
  })

  it('that fails in one episode again and again: it is counted apart, and in no rate', async () => {
    const started: unknown[] = []
    const ended: WireMap[] = []
    const broken = new Set<number>()
    const server = kept(
      await vlaEvalPeer(({ type, payload, seq }, connection) => {
        if (type === 'episode_start') {
          const { episode_idx: episode } = payload.task as WireMap
          started.push(episode)
          if (episode === 2) broken.add(connection)
        }
        if (type === 'episode_end') ended.push(payload)
        if (type !== 'observation') return undefined
        if (broken.has(connection)) return vlaEvalFrame('error', { error: 'no such episode' }, seq)
        return vlaEvalFrame('action', { actions: new NdArray('f4', [20, 7], new Float32Array(140)) }, seq)
      }),
    )
    const { report, records } = await play(server.url, { mapping: mappingFile('stateful') })
    expect(started.sort()).toEqual([0, 1, 2, 2, 2, 3])
    await expect.poll(() => ended.length).toBe(3)
    expect(ended[0]).toMatchObject({ steps: 60, metrics: { success: false } })
    expect(report.infrastructureFailures).toEqual({
      episodes: 1,
      reasons: [expect.stringContaining('no such episode')],
      tasks: [],
    })
    expect(report.tasks[0]).toMatchObject({ episodes: 3, rate: 0, infrastructureFailures: 1 })
    expect(records.map((r) => r.infrastructureFailure !== undefined)).toEqual([false, false, true, false])
  })

  it('that goes for good leaves what was played; the rest is not waited for', async () => {
    let questions = 0
    const server = await openpiPeer((question) => {
      // Six for the first segment of two episodes.
      if (++questions > 6) void server.close()
      return moves(question)
    })
    const { report, records } = await play(
      server.url,
      { mapping: mappingFile('gone') },
      { robots: 2, episodes: 6 },
    )
    expect(report.tasks[0]).toMatchObject({ episodes: 2, infrastructureFailures: 4 })
    expect(records[4].infrastructureFailure).toMatch(/^not tried: ws.*(ECONNREFUSED|closed)/)
  })

  it('that never answers as it should: no result at all', async () => {
    const server = kept(await openpiPeer(() => "KeyError: 'observation/image'"))
    const played = play(server.url, { mapping: mappingFile('never') })
    await expect(played).rejects.toThrow(UserError)
    await expect(played).rejects.toThrow(/no episode could be played: ws:.*KeyError/)
  })

  it('of another robot is refused before anything is played', async () => {
    const server = kept(await openpiPeer(moves))
    await expect(play(server.url, { mapping: 'openpi-aloha' })).rejects.toThrow(
      /openpi-aloha is for the embodiment aloha, suite simpler-widowx has widowx/,
    )
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const server = kept(
      await openpiPeer(() => () => {
        controller.abort(new Error('enough'))
      }),
    )
    const played = play(server.url, { mapping: mappingFile('stopped') }, { signal: controller.signal })
    await expect(played).rejects.toThrow('enough')
  })
})

/** Passes bytes on; a connection is cut when it has carried more than `limit` of them. */
async function cuttingProxy(port: number, limit: number): Promise<{ url: string; cuts: number }> {
  const state = { url: '', cuts: 0 }
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    let carried = 0
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => to.destroy())
      from.on('data', (data) => {
        carried += data.length
        if (carried > limit) {
          state.cuts++
          client.destroy()
        } else to.write(data)
      })
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  kept({
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => proxy.close(resolve))
    },
  })
  state.url = `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return state
}

describe('vla-gym serve', () => {
  it('plays the same episodes as the policy in this process, over either protocol, cut off or not', async () => {
    const { runtime, policy } = await testPolicy()
    const agent = { kind: 'checkpoint', runtime, contentHash: 'test' } as const
    const here = await evaluate(pool, agent, 'here', options)
    for (const protocol of ['openpi', 'vla-eval'] as const) {
      const server = kept(await testServer(policy, { protocol }))
      const there = await play(`ws://127.0.0.1:${server.port}`, {})
      expect(there.records).toEqual(here.records)
      expect(there.report).toMatchObject({
        checkpoint: 'test',
        tasks: here.report.tasks,
        remote: { protocol, mapping: 'vla-gym serve' },
      })
    }
    // Two robots' pictures are 38 kB: a connection lives for three questions.
    const { port } = kept(await testServer(policy, {}))
    const proxy = await cuttingProxy(port, 150_000)
    const cut = await play(proxy.url, { backoff: 0.01 })
    expect(proxy.cuts).toBeGreaterThanOrEqual(4)
    expect(cut.records).toEqual(here.records)
    await runtime.release()
  })

  it('in live mode is late by what is stated, as the policy in this process is', async () => {
    const { runtime, policy } = await testPolicy()
    const agent = { kind: 'checkpoint', runtime, contentHash: 'test' } as const
    const { port } = kept(await testServer(policy, {}))
    const waited = await evaluate(pool, agent, 'here', options)
    const reports = []
    for (const latency of [0, 400]) {
      const live = { latency }
      const here = await evaluate(pool, agent, 'here', { ...options, live })
      const there = await play(`ws://127.0.0.1:${port}`, {}, { live })
      expect(there.records).toEqual(here.records)
      expect(there.report.live).toEqual(here.report.live)
      if (latency === 0) expect(here.records).toEqual(waited.records)
      reports.push(here.report)
    }
    // A picture every few steps; the arm holds in the two steps before the first answer.
    const answers = 4 * Math.ceil(60 / policy.config.executedSteps)
    expect(reports.map((report) => report.live)).toEqual([
      { latency: 0, answers, p50: 0, p95: 0, held: 0 },
      { latency: 400, answers, p50: 400, p95: 400, held: 2 / 60 },
    ])
    expect(reports[1].protocol).toMatch(/live with a latency of 400 ms/)
    const measured = await play(`ws://127.0.0.1:${port}`, {}, { live: {}, episodes: 1 })
    expect(measured.report.live).toMatchObject({ latency: 'measured' })
    expect(measured.report.live!.p50).toBeGreaterThan(0)
    await runtime.release()
  })
})

it('live mode is not for those who take no time', async () => {
  await expect(evaluate(pool, { kind: 'expert' }, 'expert', { ...options, live: {} })).rejects.toThrow(
    UserError,
  )
})
