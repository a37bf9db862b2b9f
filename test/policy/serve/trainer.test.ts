import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  createSampler,
  decisionNoise,
  encodeSafetensors,
  expertOf,
  localExplorer,
  type Parameters,
  type PolicyData,
  PolicyRuntime,
  packOpenpi,
  RemoteClient,
  RemoteExplorer,
  type RemoteExplorerOptions,
  type RobotBatch,
  readActionResult,
  type Sampler,
} from '../../../policy/index.js'
import { type ServedPolicy, servedPolicy } from '../../../policy/serve/servedPolicy.js'
import type { PolicyServer, ServerOptions } from '../../../policy/serve/server.js'
import { Trainer } from '../../../policy/serve/trainer.js'
import { packTraining, versionOf } from '../../../policy/wire/training.js'
import { packSetup, type TrainingSetup } from '../../../policy/wire/trainingSetup.js'
import { randomPolicy } from '../../rl/testPolicy.js'
import { RawClient } from './rawClient.js'
import { openpiObservation, sight, testServer } from './served.js'

const setup: TrainingSetup = {
  policy: 'a'.repeat(64),
  embodiment: 'widowx',
  sampler: 'flow-sde',
  settings: { noiseLevel: 0.7 },
  acting: { initialNoise: 1 },
}

let data: PolicyData
let runtime: PolicyRuntime
let policy: ServedPolicy
/** What the learner explores with, in this process. */
let own: PolicyRuntime
let sampler: Sampler
let weights: Parameters
const opened: { close(): unknown }[] = []
function kept<T extends { close(): unknown }>(thing: T): T {
  opened.push(thing)
  return thing
}

beforeAll(async () => {
  data = randomPolicy(0)
  runtime = await PolicyRuntime.create(data)
  policy = servedPolicy(runtime, 'widowx', setup.policy, 0)
  const config = { ...data.manifest.config, initialNoise: 1 }
  // Weights of another policy of the same sizes: those of the server would give other numbers.
  weights = expertOf(randomPolicy(1).parameters)
  for (const [name, tensor] of weights)
    weights.set(name, { ...tensor, data: (tensor.data as Float32Array).map((x, i) => x + 0.1 * Math.sin(i)) })
  const parameters = new Map([...data.parameters, ...weights])
  own = await PolicyRuntime.create({ ...data, manifest: { ...data.manifest, config }, parameters })
  sampler = await createSampler('flow-sde', { config, activeChannels: 7, seed: 0 }, setup.settings)
})
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close()
})
afterAll(() => Promise.all([runtime.release(), own.release(), sampler.release()]))

async function serve(options: Partial<ServerOptions> = {}): Promise<PolicyServer & { url: string }> {
  const trainer = new Trainer(data, setup.policy, 'widowx', {})
  kept({ close: () => trainer.release() })
  const server = kept(await testServer(policy, { trainer, ...options }))
  return { ...server, url: `ws://127.0.0.1:${server.port}` }
}

async function learner(url: string, changes: Partial<RemoteExplorerOptions> = {}): Promise<RemoteExplorer> {
  const client = kept(await RemoteClient.connect(url, { attempts: 2, backoff: 0.01 }))
  return new RemoteExplorer(client, { setup, config: own.config, sampler, ...changes })
}

function robots(decision = 0): RobotBatch {
  const [a, b] = [sight(decision), sight(decision + 1)]
  return {
    batch: 2,
    images: Buffer.concat([a.image, b.image]),
    states: Float32Array.of(...a.state, ...b.state),
    instructions: ['put carrot on plate', 'stack the green block on the yellow block'],
    episodeSeeds: [7, 8],
    decision,
  }
}

describe('a server that samples for a learner', () => {
  it.each(['openpi', 'vla-eval'] as const)('gives the numbers of this process over %s', async (protocol) => {
    const { url } = await serve({ protocol })
    // Weights in many parts.
    const remote = await learner(url, { partBytes: 300_001 })
    await remote.setWeights(weights, new Map())
    const here = localExplorer(own, 'widowx', sampler)
    for (const decision of [0, 3]) {
      expect(await remote.explore(robots(decision))).toEqual(await here.explore(robots(decision)))
      expect(await remote.hiddenStates(robots(decision))).toEqual(await here.hiddenStates(robots(decision)))
    }
  })

  it('gives everybody else the policy of the folder', async () => {
    const { url } = await serve()
    const ask = async () => {
      const client = kept(await RawClient.connect(url))
      await client.nextBytes()
      client.send(packOpenpi(openpiObservation(1, 5)))
      return readActionResult(await client.nextBytes()).actions.data
    }
    const before = await ask()
    const remote = await learner(url)
    await remote.setWeights(weights, new Map())
    await remote.explore(robots())
    expect(await ask()).toEqual(before)
  })

  it('refuses a learner of another policy, robot or kind, each in one line', async () => {
    const { url } = await serve()
    const other = { ...setup, policy: 'b'.repeat(64) }
    await expect(learner(url, { setup: other })).rejects.toThrow(
      /serves policy aaaaaaaaaaaa, .* bbbbbbbbbbbb: serve/,
    )
    const robot = { ...setup, embodiment: 'google_robot' }
    await expect(learner(url, { setup: robot })).rejects.toThrow(
      /embodiment widowx, the run has google_robot/,
    )
    const closed = await testServer(policy, {})
    kept(closed)
    await expect(learner(`ws://127.0.0.1:${closed.port}`)).rejects.toThrow(/--allow-training/)
  })

  it('refuses what an answer from the weights of another run would be trained on', async () => {
    const { url } = await serve()
    const [one, two] = [await learner(url), await learner(url)]
    await one.setWeights(weights, new Map())
    await two.setWeights(expertOf(data.parameters), new Map())
    await expect(one.explore(robots())).rejects.toThrow(
      /answer from weights \w{12} instead of \w{12} is refused: another run trains/,
    )
    await two.explore(robots())
  })

  const first = () => [...weights][0]
  const replaced = (data: Float32Array): Parameters =>
    new Map([...weights, [first()[0], { ...first()[1], data }]])
  it.each<[string, () => Parameters, RegExp]>([
    [
      'NaN',
      () => replaced((first()[1].data as Float32Array).map((x, i) => (i === 3 ? Number.NaN : x))),
      /number 3 of 'dit\..*' is NaN/,
    ],
    ['a missing one', () => new Map([...weights].slice(1)), /'dit\..*' is missing/],
    [
      'one too many',
      () => new Map([...weights, ['dit.more', first()[1]]]),
      /'dit.more' is none of this policy's/,
    ],
    [
      'a wrong shape',
      () => new Map([...weights, [first()[0], { ...first()[1], shape: [first()[1].data.length, 1, 1] }]]),
      /'dit\..*' is float32 \[.*, 1, 1\], not float32/,
    ],
    [
      'far too many',
      () =>
        new Map([
          ...weights,
          ...[...weights].flatMap(([n, t]) => [0, 1].map((i) => [`${n}.${i}`, t] as const)),
        ]),
      /bytes, those of this policy are fewer/,
    ],
  ])('refuses weights with %s, and keeps those before', async (_, make, message) => {
    const { url } = await serve()
    const [one, two] = [await learner(url), await learner(url)]
    await one.setWeights(weights, new Map())
    await expect(two.setWeights(make(), new Map())).rejects.toThrow(message)
    await one.explore(robots())
  })

  it('refuses settings of a sampler that are none', async () => {
    const { url } = await serve()
    for (const [settings, message] of [
      [{ noise: 1 }, /the setup of the weights: expected/],
      [{ noiseLevel: -1 }, /the setup of the weights: expected/],
    ] as const) {
      const remote = await learner(url, { setup: { ...setup, settings } })
      await expect(remote.setWeights(weights, new Map())).rejects.toThrow(message)
    }
    const acting = { executedSteps: 9 }
    const remote = await learner(url, { setup: { ...setup, acting } })
    await expect(remote.setWeights(weights, new Map())).rejects.toThrow(/executedSteps 9 exceeds chunkSize 8/)
  })
})

describe('messages of no learner of ours', () => {
  const file = () => encodeSafetensors(weights)
  const text = packSetup(setup)
  const part = (changes: object) => {
    const data = file()
    const version = versionOf(text, [data])
    return packTraining({
      kind: 'weights',
      version,
      setup: text,
      bytes: data.length,
      offset: 0,
      data,
      ...changes,
    })
  }
  const version = 'c'.repeat(64)
  it.each<[string, () => unknown, RegExp]>([
    ['a version of another kind', () => part({ version: 'x' }), /weights: expected/],
    [
      'weights that are not their version',
      () => part({ version }),
      /not what their version cccccccccccc says/,
    ],
    ['a part in the middle', () => part({ offset: 4 }), /does not follow what came before/],
    ['more bytes than announced', () => part({ bytes: 100 }), /more than the 100 bytes/],
    ['no safetensors', () => garbage(), /not a readable safetensors file/],
    [
      'weights of another policy',
      () => part({ setup: packSetup({ ...setup, policy: 'two\nlines' }) }),
      /began with policy 'two lines', served here is aaaaaaaaaaaa/,
    ],
    [
      'weights for another robot',
      () => part({ setup: packSetup({ ...setup, embodiment: 'aloha' }) }),
      /the embodiment 'aloha', served here is widowx/,
    ],
    ['a setup that is no JSON', () => part({ setup: '{' }), /not JSON/],
    ['a setup that is null', () => part({ setup: 'null' }), /the setup of the weights: expected/],
    ['no key of the decisions', () => ({ explore: { version, final: false } }), /vla_gym: expected/],
    ['a version that is a number', () => ({ explore: { version: 1, final: false } }), /explore: expected/],
  ])('are answered in one line: %s', async (_, make, message) => {
    const { url } = await serve()
    const client = kept(await RawClient.connect(url))
    await client.nextBytes()
    client.send(packOpenpi({ ...openpiObservation(0), vla_gym: make() as never }))
    const { text: answer } = await client.next()
    expect(answer).toMatch(message)
    expect(answer).not.toContain('\n')
    expect(await client.next()).toEqual({ closed: 1011 })
  })
  function garbage() {
    const data = new Uint8Array(100).fill(7)
    return part({ version: versionOf(text, [data]), bytes: 100, data })
  }

  it('to a server that allows no training are refused', async () => {
    const server = kept(await testServer(policy, {}))
    const client = kept(await RawClient.connect(`ws://127.0.0.1:${server.port}`))
    await client.nextBytes()
    client.send(packOpenpi({ vla_gym: part({}) }))
    expect((await client.next()).text).toMatch(/start it with --allow-training/)
  })
})

it('noise of a decision does not depend on the batch that it is in', () => {
  const { config } = own
  const size = config.chunkSize * config.actionDim
  const both = decisionNoise(config, { episodeSeeds: [3, 4], decision: 2 }, 'sde')
  const alone = decisionNoise(config, { episodeSeeds: [4], decision: 2 }, 'sde')
  expect(both.subarray(size)).toEqual(alone)
  expect(decisionNoise({ ...config, initialNoise: 0 }, { episodeSeeds: [3], decision: 2 }, 'noise')).toEqual(
    new Float32Array(size),
  )
})
