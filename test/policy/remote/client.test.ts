import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { UserError } from '@vla-gym/gymnasium'
import { afterEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { embodiments } from '../../../envs/index.js'
import { type ClientOptions, type Mapping, RemoteClient, RemoteError } from '../../../policy/index.js'
import { NdArray, type WireValue } from '../../../policy/wire/ndarray.js'
import { packOpenpi } from '../../../policy/wire/openpi.js'
import { madeUpObservation } from '../../../scripts/peers/servers/askServer.js'
import { type Answer, openpiPeer, type Peer, peer, vlaEvalFrame, vlaEvalPeer } from './peers.js'

const quick: ClientOptions = { timeout: 20, greeting: 0.3, attempts: 1, backoff: 0.01 }
/** Where silence is expected; nothing else may be, since a busy machine can take so long to say anything. */
const impatient: ClientOptions = { ...quick, timeout: 0.5 }
const robot = embodiments.get('widowx')!

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close()
})
function kept<T extends { close(): unknown }>(thing: T): T {
  opened.push(thing)
  return thing
}

async function connected(url: string, options: ClientOptions): Promise<RemoteClient> {
  return kept(await RemoteClient.connect(url, { ...quick, ...options }))
}

/** What one question comes to. */
async function ask(url: string, options: ClientOptions = {}, signal?: AbortSignal): Promise<Float32Array> {
  const client = await connected(url, { mapping: 'openpi-libero', ...options })
  const connection = await client.acquire()
  const { mapping: how } = client.contract as { mapping: Mapping }
  const { actions } = await client.ask(connection, how, robot, madeUpObservation(how, 0), signal)
  return actions
}

const chunk = (value = 0, shape = [5, 7]) =>
  new NdArray('f4', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value))
const answer = (actions: WireValue) => packOpenpi({ actions })

/** A TCP server that knows nothing of WebSockets. */
async function tcp(behave: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    behave(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  kept({
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('connecting', () => {
  it('tries again, ever later, and gives up in one line', async () => {
    const gone = await peer(() => {})
    await gone.close()
    const said: string[] = []
    const options = { ...quick, mapping: 'openpi-libero', attempts: 4 }
    const start = performance.now()
    const attempt = RemoteClient.connect(gone.url, { ...options, onRetry: (text) => said.push(text) })
    await expect(attempt).rejects.toThrow(UserError)
    await expect(attempt).rejects.toThrow(/ECONNREFUSED.*attempt 4/)
    expect(said.map((text) => / in (.*) s$/.exec(text)![1])).toEqual(['0.01', '0.02', '0.04'])
    expect(performance.now() - start).toBeGreaterThanOrEqual(70)
  })

  it('finds a server that comes up later', async () => {
    const early = await peer(() => {})
    await early.close()
    const port = Number(new URL(early.url).port)
    const client = RemoteClient.connect(early.url, {
      ...quick,
      mapping: 'openpi-libero',
      attempts: 20,
      backoff: 0.02,
    })
    kept(await peer((socket) => socket.send(packOpenpi({})), { port }))
    expect(kept(await client).protocol).toBe('openpi')
  })

  it('tells the protocols apart, a late greeting too', async () => {
    const late = kept(
      await peer((socket) => {
        setTimeout(() => socket.send(packOpenpi({ late: true })), 500)
        // An openpi server takes the hello for an observation, once it has greeted.
        socket.on('message', () => setTimeout(() => socket.send('KeyError: observation/image'), 500))
      }),
    )
    // No mapping is given: the message says which protocol was found.
    await expect(connected(late.url, {})).rejects.toThrow(/speaks openpi needs --mapping/)
    const openpi = kept(await openpiPeer(() => answer(chunk())))
    await expect(connected(openpi.url, {})).rejects.toThrow(/speaks openpi needs --mapping: .*openpi-libero/)
    const vlaEval = kept(await vlaEvalPeer(() => undefined))
    await expect(connected(vlaEval.url, {})).rejects.toThrow(/speaks vla-eval needs --mapping/)
    await expect(connected(openpi.url, { mapping: 'vla-eval-simpler' })).rejects.toThrow(
      /speaks openpi's protocol, the mapping is for vla-eval's/,
    )
    await expect(connected(vlaEval.url, { ...impatient, mapping: 'openpi-libero' })).rejects.toThrow(
      /no greeting/,
    )
  })

  it.each<[string, (socket: Socket) => void]>([
    ['accepts and says nothing', () => {}],
    ['hangs up', (socket) => socket.destroy()],
    ['speaks something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    [
      'sends its headers one by one for ever',
      (socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n')
        const timer = setInterval(() => socket.write('X-More: 1\r\n'), 50)
        socket.on('close', () => clearInterval(timer))
      },
    ],
  ])('ends at a peer that %s', async (_, behave) => {
    const options = { ...impatient, mapping: 'openpi-libero' }
    await expect(connected(await tcp(behave), options)).rejects.toThrow(UserError)
  })

  it.each<[string, (socket: WebSocket) => void]>([
    ['never speaks', () => {}],
    ['greets in text', (socket) => socket.send('hello')],
    ['greets with garbage', (socket) => socket.send(Uint8Array.of(0xc1, 0xff))],
    ['greets with a number', (socket) => socket.send(Uint8Array.of(7))],
    ['closes', (socket) => socket.close(1013)],
  ])('ends at a WebSocket that %s', async (_, behave) => {
    const { url } = kept(await peer(behave))
    for (const mapping of ['openpi-libero', 'vla-eval-simpler'])
      await expect(connected(url, { ...impatient, mapping })).rejects.toThrow(UserError)
  })

  it('brings the key, and says when it is not the right one', async () => {
    const keys: (string | undefined)[] = []
    const verifyClient = ({ req }: { req: { headers: { authorization?: string } } }) => {
      keys.push(req.headers.authorization)
      return req.headers.authorization === 'Api-Key secret'
    }
    const { url } = kept(await peer((socket) => socket.send(packOpenpi({})), { verifyClient }))
    const mapping = 'openpi-libero'
    await connected(url, { mapping, apiKey: 'secret' })
    // Not a thing to try again.
    await expect(connected(url, { mapping, apiKey: 'other', attempts: 5 })).rejects.toThrow(/VLA_GYM_API_KEY/)
    await expect(connected(url, { mapping })).rejects.toThrow(/refuses the API key \(HTTP 401\)/)
    expect(keys).toEqual(['Api-Key secret', 'Api-Key other', undefined])
  })

  it('tries a busy server again, but not a web server', async () => {
    let calls = 0
    let status = 503
    const http = createHttp((_, response) => {
      calls++
      response.writeHead(status).end()
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    kept({ close: () => http.close() })
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
    await expect(connected(url, { attempts: 3 })).rejects.toThrow(/HTTP 503/)
    expect(calls).toBe(3)
    status = 404
    await expect(connected(url, { attempts: 3 })).rejects.toThrow(/HTTP 404 instead of a WebSocket/)
    expect(calls).toBe(4)
  })

  it('refuses addresses that are none, and passwords in them', async () => {
    await expect(RemoteClient.connect('ws://')).rejects.toThrow(/is not ws:/)
    await expect(RemoteClient.connect('ws://me:pw@127.0.0.1:1')).rejects.toThrow(/no passwords/)
  })
})

const nan = chunk()
nan.data[3] = Number.NaN

describe('asking', () => {
  it('answers in robot space', async () => {
    const { url } = kept(await openpiPeer(() => answer(chunk(1))))
    const actions = await ask(url)
    expect([...actions.subarray(0, 7)]).toEqual([0.05, 0.05, 0.05, 0.5, 0.5, 0.5, -1].map(Math.fround))
  })

  it.each<[string, Answer, RegExp]>([
    ['text', 'Traceback:\n  File "x"\nKeyError: \'image\'', /answers: KeyError: 'image'$/],
    ['garbage', Uint8Array.of(0xc1), /not MessagePack/],
    ['a cut message', answer(chunk()).subarray(0, 40), /cut short/],
    ['an empty frame', new Uint8Array(0), /cut short/],
    ['no actions', packOpenpi({ action: 1 }), /actions: expected an array/],
    ['text for actions', answer('left'), /actions: expected an array/],
    ['texts', answer(['left', 'right']), /actions: expected numbers/],
    ['ragged lists', answer([[1, 2], [3]]), /lists of unequal length/],
    ['NaN', answer(nan), /actions: number 3 is NaN/],
    ['infinity', answer(chunk(Infinity)), /is Infinity/],
    ['other channels', answer(chunk(0, [5, 8])), /shape \[5, 8\], the mapping reads \[steps, 7\]/],
    ['too few steps', answer(chunk(0, [4, 7])), /4 actions a request, the mapping executes 5/],
    [
      'an error in an envelope',
      packOpenpi({ status: 'error', error: { message: 'no GPU' } }),
      /error: 'no GPU'/,
    ],
    ['a huge frame', new Uint8Array(33 * 2 ** 20), /Max payload|limit/],
    ['nothing', () => {}, /no answer in 0.5 s/],
    ['a hang-up', (socket: WebSocket) => socket.terminate(), /closed \(code 1006\)/],
    [
      'half a frame and a hang-up',
      (socket: WebSocket) => {
        const { _socket } = socket as unknown as { _socket: Socket }
        _socket.end(Uint8Array.of(0x82, 126, 0x10, 0, 1, 2, 3))
      },
      /closed \(code 1006\)/,
    ],
    [
      'a frame that goes on for ever',
      (socket: WebSocket) => {
        const timer = setInterval(() => socket.send(Uint8Array.of(0), { fin: false }), 20)
        socket.on('close', () => clearInterval(timer))
      },
      /no answer in 0.5 s/,
    ],
  ])('%s from the server is an infrastructure failure', async (_, reply, message) => {
    const { url } = kept(await openpiPeer(() => reply))
    const asked = ask(url, message.source.startsWith('no answer') ? impatient : quick)
    await expect(asked).rejects.toThrow(RemoteError)
    await expect(asked).rejects.toThrow(message)
    await expect(asked).rejects.toThrow(new RegExp(`^${url}: [^\\n]*$`))
  })

  it('ends with a peer that talks unasked', async () => {
    const { url } = kept(
      await openpiPeer(() => (socket) => {
        for (let i = 0; i < 3; i++) socket.send(answer(chunk()))
      }),
    )
    const client = await connected(url, { mapping: 'openpi-libero' })
    const { mapping } = client.contract as { mapping: Mapping }
    const connection = await client.acquire()
    const again = () => client.ask(connection, mapping, robot, madeUpObservation(mapping, 0))
    // The first frame is an answer to the first question; the second must not pass for that to the next.
    await again().catch(() => {})
    await expect(again()).rejects.toThrow(/nobody asked for|closed/)
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['an error', vlaEvalFrame('error', { error: 'observation_failed: no weights' }, 2), /no weights/],
    [
      'an answer to another question',
      vlaEvalFrame('action', { actions: chunk() }, 1),
      /action 2, got action 1/,
    ],
    ['a hello', vlaEvalFrame('hello', {}, 2), /got hello/],
    ['another type', vlaEvalFrame('reward', {}, 2), /message type 'reward'/],
    ['two numbers', vlaEvalFrame('action', { actions: chunk(0, [2]) }, 2), /shape \[2\]/],
  ])('%s of a vla-eval server is one too', async (_, reply, message) => {
    const { url } = kept(await vlaEvalPeer(() => reply))
    const client = await connected(url, { mapping: 'vla-eval-simpler' })
    const { mapping } = client.contract as { mapping: Mapping }
    const connection = await client.acquire()
    connection.startEpisode({})
    const asked = client.ask(connection, mapping, robot, madeUpObservation(mapping, 0))
    await expect(asked).rejects.toThrow(RemoteError)
    await expect(asked).rejects.toThrow(message)
    expect(connection.isOpen).toBe(false)
  })

  it('stops at once when it is told to', async () => {
    const { url } = kept(await openpiPeer(() => () => {}))
    const controller = new AbortController()
    const asked = ask(url, {}, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 50)
    const start = performance.now()
    await expect(asked).rejects.toThrow('enough')
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it('uses connections again, and not those that are gone', async () => {
    const server: Peer = kept(
      await openpiPeer(({ index }) => (index === 0 ? answer(chunk()) : (socket) => socket.terminate())),
    )
    const client = await connected(server.url, { mapping: 'openpi-libero' })
    const { mapping } = client.contract as { mapping: Mapping }
    const question = () =>
      client
        .acquire()
        .then((c) =>
          client.ask(c, mapping, robot, madeUpObservation(mapping, 0)).finally(() => client.release(c)),
        )
    await question()
    expect(server.connections).toBe(1)
    await expect(question()).rejects.toThrow(RemoteError)
    await question()
    expect(server.connections).toBe(2)
  })
})
