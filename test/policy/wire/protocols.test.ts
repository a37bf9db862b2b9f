import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readImage } from '../../../policy/wire/images.js'
import { NdArray, toFloats, type WireMap } from '../../../policy/wire/ndarray.js'
import {
  packActionResult,
  packOpenpi,
  readActionResult,
  readOpenpi,
  readTiming,
} from '../../../policy/wire/openpi.js'
import {
  helloPayload,
  packAction,
  packError,
  packMessage,
  readAction,
  readMessage,
} from '../../../policy/wire/vlaEval.js'
import { WireError } from '../../../policy/wire/wireError.js'
import type { RecordedFrame } from '../../../scripts/peers/servers/record.js'

/** What the Python clients of scripts/peers/servers and our server said to each other, written down by record.ts. */
function recorded(name: string): { from: string; text?: string; bytes: Uint8Array }[] {
  const file = join(import.meta.dirname, 'fixtures', `${name}.json`)
  const frames = JSON.parse(readFileSync(file, 'utf8')) as RecordedFrame[]
  return frames.map(({ from, text, base64 = '' }) => ({ from, text, bytes: Buffer.from(base64, 'base64') }))
}

describe("openpi's own client", () => {
  const frames = recorded('openpi-client')

  it('is told the metadata, asks twice, asks for nonsense and is told so in text', () => {
    expect(frames.map(({ from }) => from)).toEqual([
      ...['server', 'client', 'server', 'client', 'server'],
      ...['client', 'server'],
    ])
    expect(readOpenpi(frames[0].bytes, 'metadata')).toMatchObject({ server: 'vla-gym', action_dim: 7 })
    expect(frames[6].text).toMatch(/observation\/state/)
  })

  it('sends pictures, float64 states and text that are read', async () => {
    const observation = readOpenpi(frames[1].bytes, 'observation')
    const picture = await readImage(observation['observation/image'], 'image')
    expect([picture.width, picture.height]).toEqual([32, 32])
    // resize_with_pad of 64 x 48 to 32 x 32: bars of 4 rows.
    expect(picture.data.subarray(0, 3 * 32 * 4).every((x) => x === 0)).toBe(true)
    expect(picture.data.subarray(3 * 32 * 4, 3 * 32 * 28).some((x) => x > 0)).toBe(true)
    const state = observation['observation/state'] as NdArray
    expect([state.dtype, state.shape]).toEqual(['f8', [14]])
    expect(observation.prompt).toBe('put carrot on plate')
  })

  it('was answered with a chunk and its timing', () => {
    const { actions, timing } = readActionResult(frames[4].bytes)
    expect(actions.shape).toEqual([8, 7])
    expect(timing!.inferMs).toBeGreaterThan(0)
    expect(timing!.prevTotalMs).toBeGreaterThan(timing!.queueMs!)
    expect(timing!.batchSize).toBe(1)
  })
})

describe("vla-eval's own connection", () => {
  const messages = recorded('vla-eval-client').map(({ from, bytes }) => ({ from, ...readMessage(bytes) }))

  it('says hello, starts an episode, is answered step by step, and told of its mistake', () => {
    expect(messages.map(({ from, type }) => `${from} ${type}`)).toEqual([
      ...['client hello', 'server hello', 'client episode_start'],
      ...new Array(7).fill(['client observation', 'server action']).flat(),
      ...['client episode_end', 'client observation', 'server error'],
    ])
    expect(messages[0].payload).toMatchObject({ protocol_version: 1, benchmark: 'SimplerEnvBenchmark' })
  })

  it('gets answers with the number of what they answer', () => {
    for (const [i, { type, seq }] of messages.entries())
      if (type === 'action' || type === 'error') expect(seq).toBe(messages[i - 1].seq)
  })

  it('sends its pictures as PNG, lossless', async () => {
    const { payload } = messages[3]
    const picture = await readImage((payload.images as WireMap).primary, 'image')
    expect([picture.width, picture.height]).toEqual([64, 48])
    // The script's ramp: np.linspace(0, 255, 64) cut to whole numbers, the same in every row and channel.
    const ramp = Array.from({ length: 64 }, (_, x) => Math.floor((255 * x) / 63))
    for (const x of [0, 1, 31, 63]) expect(picture.data[3 * (64 * 20 + x) + 1]).toBe(ramp[x])
    expect(toFloats(payload.states, 'states').data[3]).toBe(1)
  })

  it('gets one action a step, with the gripper from 0 to 1', () => {
    for (const { type, payload } of messages) {
      if (type !== 'action') continue
      const { actions } = readAction(payload)
      expect(actions.shape).toEqual([7])
      expect(actions.data[6]).toBeGreaterThanOrEqual(0)
      expect(actions.data[6]).toBeLessThanOrEqual(1)
    }
  })
})

describe('what we write', () => {
  const actions = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }
  const timing = { inferMs: 3, prevTotalMs: 5, queueMs: 1, batchSize: 2 }

  it('is read again: results and messages', () => {
    expect(readActionResult(packActionResult(actions, timing))).toMatchObject({ actions, timing })
    const message = readMessage(packAction(actions, timing, 7))
    expect(message).toMatchObject({ type: 'action', seq: 7 })
    expect(readAction(message.payload)).toMatchObject({ actions, timing })
    const hello = readMessage(packMessage('hello', helloPayload('me'), 1))
    expect(hello.payload).toEqual({ harness_version: 'me', protocol_version: 1 })
    expect(readMessage(packError('no state', 3)).payload).toEqual({ error: 'no state' })
    expect(Math.abs(hello.timestamp - Date.now() / 1000)).toBeLessThan(60)
  })

  it("StarVLA's envelope is opened, and its error told", () => {
    const batch = new NdArray('f8', [1, 1, 2], Float64Array.of(0.5, 0.25))
    const answer = packOpenpi({ status: 'ok', ok: true, data: { actions: batch } })
    expect(readActionResult(answer).actions).toEqual({ shape: [1, 1, 2], data: Float32Array.of(0.5, 0.25) })
    const error = packOpenpi({ status: 'error', ok: false, error: { message: 'no such\nkey' } })
    expect(() => readActionResult(error)).toThrow("the server answers with an error: 'no such key'")
  })

  it('actions may be lists, as some servers send them', () => {
    expect(readAction({ actions: [1, 2] }).actions).toEqual({ shape: [2], data: Float32Array.of(1, 2) })
    expect(readTiming({ infer_ms: 'soon' })).toBe(undefined)
  })
})

describe('refused', () => {
  const message = (fields: object) =>
    packOpenpi({ type: 'action', payload: {}, seq: 1, timestamp: 1, ...fields } as WireMap)
  it.each([
    ['a list as an answer', () => readActionResult(packOpenpi([1] as never)), /expected a map/],
    ['an answer without actions', () => readActionResult(packOpenpi({ status: 'ok' })), /actions: expected/],
    [
      'NaN',
      () =>
        readActionResult(packActionResult({ shape: [1], data: Float32Array.of(Number.NaN) }, { inferMs: 0 })),
      /NaN/,
    ],
    ['a message without type', () => readMessage(message({ type: undefined })), /message type undefined/],
    ['an unknown type', () => readMessage(message({ type: 'shutdown' })), /message type 'shutdown'/],
    ['a payload of text', () => readMessage(message({ payload: 'x' })), /must be a map/],
    ['seq that is no whole number', () => readMessage(message({ seq: 1.5 })), /seq must be/],
    ['no timestamp', () => readMessage(message({ timestamp: null })), /timestamp a number/],
  ])('%s', (_, read, expected) => {
    expect(read).toThrow(WireError)
    expect(read).toThrow(expected)
  })
})
