import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, describe, expect, it } from 'vitest'
import { type Explorer, loadPolicyData, PolicyRuntime, readFolder, savePolicy } from '../../policy/index.js'
import { servedPolicy } from '../../policy/serve/servedPolicy.js'
import { Trainer } from '../../policy/serve/trainer.js'
import { lastCheckpoint } from '../../rl/checkpoint.js'
import { findSuite } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { type TrainRlOptions, trainRl } from '../../rl/stages/rl.js'
import { differing } from '../policy/fixtures.js'
import { testServer } from '../policy/serve/served.js'
import { eventually, startCli } from '../scripts/cli.js'
import { randomPolicy } from './testPolicy.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-server-'))
const pool = new RolloutPool(1)
afterAll(async () => {
  await pool.close()
  rmSync(root, { recursive: true, force: true })
})

const init = join(root, 'init')
savePolicy(init, randomPolicy(5))
const data = loadPolicyData(init)
const { contentHash } = readFolder(init).manifest

/** Two iterations of four episodes, in two groups; few decisions in each, which take less time. */
const base = {
  init,
  suite: findSuite('simpler-widowx'),
  tasks: ['widowx_carrot_on_plate'],
  seed: 0,
  minutes: 10,
  episodes: 8,
  evaluationEpisodes: 1,
  videoEpisodes: 0,
  threads: 1,
  checkpointSeconds: 0,
  acting: { executedSteps: 8, initialNoise: 1 },
  config: {
    episodesPerIteration: 4,
    criticWarmupIterations: 0,
    updateEpochs: 1,
    targetKl: 10,
    actorLr: 1e-3,
  },
} satisfies Partial<TrainRlOptions>

let runs = 0
/** Content hash of the policy that a run ends with. */
async function run(options: Partial<TrainRlOptions>): Promise<string> {
  const out = join(root, `run ${++runs}`)
  const { iterations } = await trainRl(pool, { ...base, out, ...options })
  expect(iterations).toBe(2)
  const policy = join(out, 'policy')
  const changed = differing(data.parameters, loadPolicyData(policy).parameters)
  expect(changed.some((name) => name.startsWith('dit.'))).toBe(true)
  return readFolder(policy).manifest.contentHash
}

/** Loses its weights when it is asked for the fifth time, as if it had been started again. */
class ForgetfulTrainer extends Trainer {
  asked = 0
  override withVersion<T>(version: string, explore: (explorer: Explorer) => Promise<T>) {
    if (++this.asked === 5) void this.release()
    return super.withVersion(version, explore)
  }
}

describe('reinforcement learning through a policy server', () => {
  it('gives the checkpoint of a run in this process, also when the server forgets the weights', async () => {
    const here = await run({})
    const runtime = await PolicyRuntime.create(data)
    const trainer = new ForgetfulTrainer(data, contentHash, 'widowx', {})
    const server = await testServer(servedPolicy(runtime, 'widowx', contentHash, 0), { trainer })
    const policyServer = { url: `ws://127.0.0.1:${server.port}` }
    expect(await run({ policyServer })).toBe(here)
    // Two groups, 8 decisions and a last observation, in two iterations; one was asked again.
    expect(trainer.asked).toBe(2 * 2 * 9 + 1)
    await server.close()
    await Promise.all([runtime.release(), trainer.release()])
  })

  it('goes on when the server is killed and another one started, in the other protocol and sampler', async () => {
    const options = { sampler: 'flow-noise', acting: { ...base.acting, denoisingSteps: 3 } } as const
    const here = await run(options)
    const start = async (port: string) => {
      const args = ['--protocol', 'vla-eval', '--allow-training', '--port', port]
      const process = startCli('serve', '--policy', init, ...args)
      return { process, url: await eventually(() => /ws:\S+/.exec(process.output.stdout)?.[0]) }
    }
    let server = await start('0')
    const { port } = new URL(server.url)
    let restarted: Promise<void> | undefined
    const onProgress: TrainRlOptions['onProgress'] = (phase, _done, _total, fields) => {
      if (phase !== 'train' || fields.episodes === undefined || restarted) return
      server.process.kill('SIGKILL')
      restarted = server.process.finished.then(async () => {
        server = await start(port)
      })
    }
    const retries: string[] = []
    const onRetry = (message: string) => retries.push(message)
    const policyServer = { url: server.url, attempts: 9, backoff: 0.2, onRetry }
    const there = await run({ ...options, policyServer, onProgress })
    await restarted
    expect(there).toBe(here)
    expect(retries[0]).toMatch(/ECONNREFUSED.*; trying again in 0.2 s/)
    server.process.kill('SIGTERM')
    expect((await server.process.finished).code).toBe(0)
  })

  it('ends in one line when the server does not come back, and leaves what was trained', async () => {
    const runtime = await PolicyRuntime.create(data)
    const trainer = new Trainer(data, contentHash, 'widowx', {})
    const server = await testServer(servedPolicy(runtime, 'widowx', contentHash, 0), { trainer })
    const out = join(root, 'gone')
    let closed: Promise<void> | undefined
    const onProgress: TrainRlOptions['onProgress'] = (phase, _done, _total, fields) => {
      if (phase === 'train' && fields.episodes !== undefined) closed = server.close()
    }
    const policyServer = { url: `ws://127.0.0.1:${server.port}`, attempts: 2, backoff: 0.05 }
    const trained = trainRl(pool, { ...base, out, policyServer, onProgress })
    await expect(trained).rejects.toThrow(UserError)
    await expect(trained).rejects.toThrow(/ECONNREFUSED.*the last.* goes on from its last iteration/)
    expect(lastCheckpoint(out)).toMatch(/000001$/)
    await closed
    await Promise.all([runtime.release(), trainer.release()])
  })
})
