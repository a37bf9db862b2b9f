import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import {
  createSampler,
  type Explored,
  hiddenTokens,
  NdArray,
  nanoConfig,
  packOpenpi,
  RemoteClient,
  RemoteExplorer,
  type Sampler,
  type WireMap,
} from '../../../policy/index.js'
import { packHiddenStates, packRecord, readTraining } from '../../../policy/wire/training.js'
import { explorationPolicy } from '../../../rl/rollout/explorationPolicy.js'
import { type Answer, openpiPeer, type Peer, type Question } from './peers.js'

const setup = {
  policy: 'a'.repeat(64),
  embodiment: 'widowx',
  sampler: 'flow-sde',
  settings: {},
  acting: {},
} as const
/** What `vla-gym serve --allow-training` says of itself. */
const metadata = {
  server: 'vla-gym',
  policy: setup.policy,
  embodiment: 'widowx',
  chunk_size: nanoConfig.chunkSize,
  executed_steps: nanoConfig.executedSteps,
  action_dim: 7,
  state_dim: 14,
  image: [nanoConfig.imageHeight, nanoConfig.imageWidth, 3],
  training: true,
}
const weights = new Map([['dit.w', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } as const]])

let sampler: Sampler
beforeAll(async () => {
  sampler = await createSampler('flow-sde', { config: nanoConfig, activeChannels: 7, seed: 0 })
})
const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close()
})
afterAll(() => sampler.release())
function kept<T extends { close(): unknown }>(thing: T): T {
  opened.push(thing)
  return thing
}

const size = nanoConfig.chunkSize * nanoConfig.actionDim
const explored: Explored = {
  actions: new Float32Array(nanoConfig.chunkSize * 7),
  hiddenStates: new Float32Array(hiddenTokens(nanoConfig) * nanoConfig.width).fill(0.5),
  steps: [
    { x: new Float32Array(size), xNext: new Float32Array(size).fill(1), denoiseIndex: 3, logProb: -1 / 3 },
  ],
}
const actions = (data = explored.actions) => new NdArray('f4', [1, nanoConfig.chunkSize, 7], data)
const record = (version: string): WireMap => packRecord(version, nanoConfig, explored)

/** A server that takes weights, and answers a question as it is told to. */
function trainingPeer(explore: (version: string, question: Question) => Answer | WireMap): Promise<Peer> {
  return openpiPeer((question) => {
    const message = readTraining(question.request.vla_gym)!
    const none = new NdArray('f4', [0], new Float32Array(0))
    if (message.kind === 'weights')
      return packOpenpi({ actions: none, vla_gym: { version: message.version } })
    const answer = explore(message.version, question)
    return typeof answer === 'object' && !(answer instanceof Uint8Array)
      ? packOpenpi({ actions: actions(), vla_gym: answer })
      : answer
  }, metadata)
}

async function policyOf(url: string) {
  const client = kept(await RemoteClient.connect(url, { attempts: 2, backoff: 0.01, timeout: 30 }))
  const explorer = new RemoteExplorer(client, { setup, config: nanoConfig, sampler })
  await explorer.setWeights(weights, new Map())
  const { policy, experience } = explorationPolicy(explorer, [{ task: 't', seed: 1 }])
  const observations = {
    batch: 1,
    episodes: Int32Array.of(0),
    images: new Uint8Array(3 * nanoConfig.imageWidth * nanoConfig.imageHeight),
    states: new Float32Array(14),
    instructions: ['put carrot on plate'],
  }
  return {
    act: () => policy.act(observations, 0),
    final: () => policy.observeFinal!(observations),
    experience,
  }
}

const without = (map: WireMap, name: string): WireMap => ({ ...map, [name]: undefined })
const halves = (name: string, version: string): WireMap => {
  const { dtype, shape, data } = record(version)[name] as NdArray
  const half = [1, shape[1], shape[2] / 2, ...shape.slice(3)]
  return {
    ...record(version),
    [name]: new NdArray(dtype, half, data.slice(0, data.length / 2) as Float32Array),
  }
}
const filled = (name: string, value: number, version: string): WireMap => {
  const { dtype, shape, data } = record(version)[name] as NdArray
  return { ...record(version), [name]: new NdArray(dtype, shape, (data as Float32Array).slice().fill(value)) }
}

it.each<[string, (version: string) => Answer | WireMap, RegExp]>([
  ['of other weights', () => record('b'.repeat(64)), /weights bbbbbbbbbbbb instead of \w{12} is refused/],
  ['of weights lost again and again', () => ({ version: null }), /loses the weights/],
  ['that names no weights', (v) => without(record(v), 'version'), /names no version/],
  ['that is no answer to a learner', () => packOpenpi({ actions: actions() }), /names no version/],
  ['without a record', (version) => ({ version }), /the record has no x f4 \[1, 1, 8, 16\]/],
  [
    'with half of the chain',
    (v) => halves('x', v),
    /record's x is f4 \[1, 1, 4, 16\], not f4 \[1, 1, 8, 16\]/,
  ],
  ['without log-probabilities', (v) => without(record(v), 'log_prob'), /no log_prob f8 \[1\]/],
  ['with a log-probability of NaN', (v) => filled('log_prob', Number.NaN, v), /log_prob: number 0 is NaN/],
  ['with NaN in the chain', (v) => filled('x_next', Number.NaN, v), /x_next: number 0 is NaN/],
  ['with a step that is none', (v) => filled('denoise_index', 4, v), /denoise_index is 4 of 4 steps/],
  ['without hidden states', (v) => without(record(v), 'hidden_states'), /no hidden_states/],
  [
    'with actions of NaN',
    (v) => packOpenpi({ actions: actions(new Float32Array(56).fill(Number.NaN)), vla_gym: record(v) }),
    /actions: number 0 is NaN/,
  ],
  ['in text', () => 'out of memory', /the server answers: out of memory/],
  ['that never comes', () => (socket) => socket.terminate(), /the connection was closed/],
])('refuses an answer %s, and keeps nothing of it', async (_, answer, message) => {
  const server = kept(await trainingPeer((version) => answer(version)))
  const { act, experience } = await policyOf(server.url)
  const acting = act()
  await expect(acting).rejects.toThrow(message)
  await expect(acting).rejects.toMatchObject({ name: 'UserError' })
  expect(experience.decisions).toEqual([[]])
})

it('asks again over a new connection, and records what comes then', async () => {
  let questions = 0
  const server = kept(
    await trainingPeer((version) => (++questions < 3 ? (socket) => socket.terminate() : record(version))),
  )
  const { act, experience } = await policyOf(server.url)
  await act()
  const [{ hiddenStates, ...step }] = experience.decisions[0]
  expect(step).toEqual(explored.steps[0])
  expect(hiddenStates).toEqual(explored.hiddenStates)
  expect([questions, server.connections]).toEqual([3, 3])
})

it('last observations are asked for with a version too', async () => {
  let isOther = false
  const server = kept(
    await trainingPeer((version) => ({
      version: isOther ? 'b'.repeat(64) : version,
      hidden_states: packHiddenStates(1, nanoConfig, explored.hiddenStates),
    })),
  )
  const { final, experience } = await policyOf(server.url)
  await final()
  expect(experience.finalHiddenStates).toEqual([explored.hiddenStates])
  isOther = true
  await expect(final()).rejects.toThrow(/is refused/)
})

it('a server that has gone for good is given up in one line', async () => {
  const server = await trainingPeer((version) => record(version))
  const { act } = await policyOf(server.url)
  await server.close()
  await expect(act()).rejects.toThrow(/ECONNREFUSED.*attempt 2, the last.*started again$/)
})

it('a server that comes back with another policy is not asked', async () => {
  const server = await trainingPeer((version) => record(version))
  const { act } = await policyOf(server.url)
  await server.close()
  const port = Number(new URL(server.url).port)
  kept(await openpiPeer(() => 'nothing', { ...metadata, policy: 'c'.repeat(64) }, port))
  await expect(act()).rejects.toThrow(/serves policy cccccccccccc, the run began with aaaaaaaaaaaa/)
})
