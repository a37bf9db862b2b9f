import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  NdArray,
  type PolicyRuntime,
  packMessage,
  packOpenpi,
  readAction,
  readActionResult,
  readMessage,
  readOpenpi,
  type WireMap,
} from '../../../policy/index.js'
import { checkExposure, isAuthorized } from '../../../policy/serve/apiKey.js'
import type { ServedPolicy } from '../../../policy/serve/servedPolicy.js'
import type { PolicyServer, ServerOptions } from '../../../policy/serve/server.js'
import { RawClient } from './rawClient.js'
import { openpiObservation, sight, testPolicy, testServer, vlaEvalObservation } from './served.js'

let runtime: PolicyRuntime
let policy: ServedPolicy
let server: PolicyServer | undefined
const clients: RawClient[] = []

beforeAll(async () => {
  ;({ runtime, policy } = await testPolicy())
})
afterAll(() => runtime.release())
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server?.close()
  server = undefined
})

async function serve(options: Partial<ServerOptions> = {}): Promise<string> {
  server = await testServer(policy, options)
  return `ws://127.0.0.1:${server.port}`
}

async function join(url: string, headers?: Record<string, string>): Promise<RawClient> {
  const client = await RawClient.connect(url, headers)
  clients.push(client)
  return client
}

/** A client of openpi that has read the metadata. */
async function joinOpenpi(url: string): Promise<RawClient> {
  const client = await join(url)
  await client.nextBytes()
  return client
}

async function ask(client: RawClient, observation: WireMap) {
  client.send(packOpenpi(observation))
  return readActionResult(await client.nextBytes())
}

describe('openpi', () => {
  it('speaks first, and answers every client with the chunk of its own observation', async () => {
    const url = await serve({ maxWaitMs: 10_000 })
    const all = await Promise.all([0, 1, 2].map(() => join(url)))
    for (const client of all)
      expect(readOpenpi(await client.nextBytes(), 'metadata')).toMatchObject({
        server: 'vla-gym',
        embodiment: 'widowx',
        action_dim: 7,
        state_dim: 14,
      })
    const answers = await Promise.all(all.map((client, i) => ask(client, openpiObservation(i, 50 + i, 2))))
    for (const [i, { actions, timing }] of answers.entries()) {
      expect(actions.shape).toEqual([8, 7])
      expect(timing!.batchSize).toBe(3)
      const { image, state } = sight(i)
      const alone = await policy.decide([
        {
          rows: 1,
          images: image,
          states: state,
          instructions: ['put carrot on plate'],
          key: { episodeSeeds: [50 + i], decision: 2 },
        },
      ])
      // Kernels for other numbers of rows round differently.
      for (const [k, x] of actions.data.entries()) expect(x).toBeCloseTo(alone[k], 5)
    }
  })

  it('answers a batch of observations with a batch of chunks', async () => {
    const client = await joinOpenpi(await serve())
    const [a, b] = [sight(0), sight(1)]
    const batch = {
      'observation/image': new NdArray('u1', [2, 80, 80, 3], Buffer.concat([a.image, b.image])),
      'observation/state': new NdArray('f4', [2, 14], Float32Array.of(...a.state, ...b.state)),
      prompt: ['put carrot on plate', 'stack the green block on the yellow block'],
      vla_gym: { episode_seeds: [1, 2], decision: 0 },
    }
    const { actions, timing } = await ask(client, batch)
    expect([actions.shape, timing!.batchSize]).toEqual([[2, 8, 7], 2])
    expect((await ask(client, openpiObservation(0, 1))).actions.data[0]).toBeCloseTo(actions.data[0], 5)
  })

  it('answers frames sent at once in their order', async () => {
    const client = await joinOpenpi(await serve())
    for (let i = 0; i < 12; i++) client.send(packOpenpi(openpiObservation(i, i)))
    const first: number[] = []
    for (let i = 0; i < 12; i++) first.push(readActionResult(await client.nextBytes()).actions.data[0])
    for (const i of [3, 11])
      expect(first[i]).toBeCloseTo((await ask(client, openpiObservation(i, i))).actions.data[0], 5)
    expect(new Set(first).size).toBe(12)
  })

  const { prompt, ...wordless } = openpiObservation(0)
  it.each([
    ['text', 'hello', /expected a binary frame/],
    ['garbage', Uint8Array.of(0xc1, 2, 3), /not MessagePack/],
    ['no instruction', packOpenpi(wordless), /no 'prompt'/],
    [
      'an instruction of a million letters',
      packOpenpi({ ...wordless, prompt: 'x'.repeat(1e6) }),
      /characters/,
    ],
    ['a prompt with too many words', packOpenpi({ ...wordless, prompt: 'ab '.repeat(300) }), /'prompt':/],
    [
      'a state of another robot',
      packOpenpi({ ...wordless, prompt, 'observation/state': new NdArray('f4', [8], new Float32Array(8)) }),
      /shape \[8\], the policy's widowx takes 14 numbers: x, y, z/,
    ],
    [
      'NaN in the state',
      packOpenpi({
        ...wordless,
        prompt,
        'observation/state': new NdArray('f4', [14], new Float32Array(14).fill(Number.NaN)),
      }),
      /number 0 is NaN/,
    ],
    [
      'seeds for two',
      packOpenpi({ ...wordless, prompt, vla_gym: { episode_seeds: [1, 2], decision: 0 } }),
      /2 episode seeds for 1/,
    ],
    ['a key of another kind', packOpenpi({ ...wordless, prompt, vla_gym: 'x' }), /vla_gym: expected/],
  ])('answers %s with one line of text and 1011, and the others go on', async (_, frame, message) => {
    const url = await serve()
    const [bad, good] = [await joinOpenpi(url), await joinOpenpi(url)]
    bad.send(frame)
    const { text } = await bad.next()
    expect(text).toMatch(message)
    expect(text).not.toContain('\n')
    expect(await bad.next()).toEqual({ closed: 1011 })
    expect((await ask(good, openpiObservation(0))).actions.shape).toEqual([8, 7])
  })
})

describe('vla-eval', () => {
  let seq = 0
  const tell = (client: RawClient, type: Parameters<typeof packMessage>[0], payload: WireMap) =>
    client.send(packMessage(type, payload, ++seq))
  async function answer(client: RawClient) {
    const message = readMessage(await client.nextBytes())
    expect(message.seq).toBe(seq)
    return message
  }

  it('waits for hello, and gives the executed steps of a chunk one by one', async () => {
    const client = await join(await serve({ protocol: 'vla-eval' }))
    tell(client, 'hello', { harness_version: '0.8.0', protocol_version: 1 })
    const hello = await answer(client)
    expect(hello).toMatchObject({ type: 'hello', payload: { protocol_version: 1, model_server: 'vla-gym' } })
    expect(hello.payload.observation_params).toEqual({ send_state: true })

    tell(client, 'episode_start', { task: { name: 'carrot' } })
    const steps = policy.config.executedSteps
    const inferMs: number[] = []
    for (let i = 0; i < steps + 1; i++) {
      tell(client, 'observation', vlaEvalObservation(0))
      const { type, payload } = await answer(client)
      expect(type).toBe('action')
      const { actions, timing } = readAction(payload)
      expect(actions.shape).toEqual([7])
      inferMs.push(timing!.inferMs)
    }
    expect(inferMs.map((ms) => ms > 0)).toEqual([true, ...new Array(steps - 1).fill(false), true])
    // A new episode asks the policy anew.
    tell(client, 'episode_end', {})
    tell(client, 'episode_start', {})
    tell(client, 'observation', vlaEvalObservation(0))
    expect(readAction((await answer(client)).payload).timing!.inferMs).toBeGreaterThan(0)
  })

  it('gives our own client whole chunks in robot units, the same as over openpi', async () => {
    const client = await join(await serve({ protocol: 'vla-eval' }))
    tell(client, 'observation', vlaEvalObservation(4, 9, 1))
    const { actions } = readAction((await answer(client)).payload)
    await server!.close()
    const other = await joinOpenpi(await serve())
    expect((await ask(other, openpiObservation(4, 9, 1))).actions).toEqual(actions)
  })

  it('answers mistakes with an error message and stays', async () => {
    const client = await join(await serve({ protocol: 'vla-eval' }))
    tell(client, 'observation', { images: {} })
    const { type, payload } = await answer(client)
    expect([type, payload.error]).toEqual(['error', "the observation has no 'task_description'"])
    tell(client, 'observation', { ...vlaEvalObservation(0), task_description: ['put', 'stack'] })
    expect((await answer(client)).payload.error).toMatch(/several observations .* need 'vla_gym'/)
    for (const garbage of ['text', Uint8Array.of(0xc1), packOpenpi({ type: 'run', payload: {} })]) {
      client.send(garbage)
      const error = readMessage(await client.nextBytes())
      expect([error.type, error.seq]).toEqual(['error', 0])
    }
    tell(client, 'observation', vlaEvalObservation(0))
    expect((await answer(client)).type).toBe('action')
  })
})

describe('the door', () => {
  it('is closed without the key, and open with it in any of three ways', async () => {
    const url = await serve({ apiKey: 'secret' })
    await expect(join(url)).rejects.toThrow('401')
    await expect(join(url, { authorization: 'Api-Key wrong' })).rejects.toThrow('401')
    await join(url, { authorization: 'Api-Key secret' })
    await join(url, { authorization: 'Bearer secret' })
    await join(url.replace('ws://', 'ws://user:secret@'))
    expect(server!.clients).toBe(3)
  })

  it('knows keys by their whole text', () => {
    expect(isAuthorized('Api-Key secret', 'secret')).toBe(true)
    for (const header of [
      undefined,
      '',
      'secret',
      'Api-Key',
      'Api-Key secre',
      'Digest secret',
      'Api-Key secret2',
    ])
      expect(isAuthorized(header, 'secret'), header).toBe(false)
  })

  it('needs a key for any address but this machine’s own', () => {
    for (const host of ['127.0.0.1', 'localhost', '::1', '127.1.2.3'])
      expect(() => checkExposure(host, undefined)).not.toThrow()
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.evil.org'])
      expect(() => checkExposure(host, undefined)).toThrow(/VLA_GYM_API_KEY/)
    expect(() => checkExposure('0.0.0.0', 'key')).not.toThrow()
  })

  it('is closed to web pages', async () => {
    const url = await serve()
    await expect(join(url, { origin: 'https://example.org' })).rejects.toThrow('403')
  })

  it('lets in only so many, and the next when one has left', async () => {
    const url = await serve({ maxClients: 2 })
    const first = await joinOpenpi(url)
    await joinOpenpi(url)
    await expect(join(url)).rejects.toThrow('503')
    first.socket.close()
    expect(await first.next()).toEqual({ closed: 1005 })
    while (server!.clients > 1) await new Promise((resolve) => setTimeout(resolve, 5))
    await joinOpenpi(url)
  })

  it('says how the server is over HTTP', async () => {
    const http = (await serve({ maxBatch: 7 })).replace('ws:', 'http:')
    const get = async (path: string) => {
      const response = await fetch(http + path)
      return [response.status, (await response.text()).trim()]
    }
    expect(await get('/healthz')).toEqual([200, 'OK'])
    expect(await get('/health')).toEqual([200, '{"status":"ok"}'])
    const [status, body] = await get('/config?max_batch_size=99')
    expect([status, JSON.parse(body as string).config]).toEqual([
      200,
      { max_batch_size: 7, max_wait_time: 0.004 },
    ])
    expect((await get('/etc/passwd'))[0]).toBe(404)
  })

  it('has the port for itself', async () => {
    await serve()
    await expect(testServer(policy, { port: server!.port })).rejects.toThrow(/the port is taken/)
  })
})

describe('a peer that misbehaves', () => {
  it('with a frame beyond the limit is closed with 1009', async () => {
    const url = await serve({ maxBytes: 100_000 })
    const [bad, good] = [await joinOpenpi(url), await joinOpenpi(url)]
    bad.send(new Uint8Array(100_001))
    expect(await bad.next()).toEqual({ closed: 1009 })
    expect((await ask(good, openpiObservation(0))).actions.shape).toEqual([8, 7])
  })

  it('with half a frame and then nothing, or no WebSocket at all, is let go; silence too', async () => {
    const url = await serve({ idleSeconds: 1 })
    const silent = await joinOpenpi(url)
    const half = await joinOpenpi(url)
    // FIN and binary, masked, 1000 bytes announced, 3 sent.
    const raw = (half.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket
    raw.write(Uint8Array.of(0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0, 1, 2, 3))
    const garbage = await new Promise<string>((resolve) => {
      const socket = connect(server!.port, '127.0.0.1', () => socket.write('\0\x01\x02 garbage\r\n\r\n'))
      socket.on('data', (data) => resolve(data.toString()))
    })
    expect(garbage).toContain('400')
    expect(await silent.next()).toEqual({ closed: 1001 })
    expect(await half.next()).toEqual({ closed: 1001 })
    await joinOpenpi(url)
  })

  it('that leaves while its batch is computed takes nobody with it', async () => {
    const url = await serve()
    const [leaving, staying] = [await joinOpenpi(url), await joinOpenpi(url)]
    leaving.send(packOpenpi(openpiObservation(0)))
    const answer = ask(staying, openpiObservation(1))
    leaving.close()
    expect((await answer).actions.shape).toEqual([8, 7])
  })
})

it('closing answers what has been asked, tells everyone, and lets nobody in', async () => {
  const url = await serve({ maxWaitMs: 200 })
  const [asking, idle] = [await joinOpenpi(url), await joinOpenpi(url)]
  asking.send(packOpenpi(openpiObservation(0)))
  await fetch(url.replace('ws:', 'http:')) // Comes after the frame: it has been read.
  const closed = server!.close()
  server = undefined
  expect(readActionResult(await asking.nextBytes()).actions.shape).toEqual([8, 7])
  expect(await asking.next()).toEqual({ closed: 1001 })
  expect(await idle.next()).toEqual({ closed: 1001 })
  await closed
  await expect(join(url)).rejects.toThrow(/ECONNREFUSED/)
})
