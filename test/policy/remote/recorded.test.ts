import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { embodiments } from '../../../envs/index.js'
import { decodePng } from '../../../policy/images/png.js'
import { type Mapping, RemoteClient } from '../../../policy/index.js'
import { EncodedImage, NdArray, unpackArrays, type WireMap } from '../../../policy/wire/ndarray.js'
import { madeUpObservation } from '../../../scripts/peers/servers/askServer.js'
import type { RecordedFrame } from '../../../scripts/peers/servers/record.js'
import { peer } from './peers.js'

/** What scripts/peers/servers/askServer.ts and the unmodified Python servers said, written down by record.ts. */
function recorded(mapping: string): { from: string; bytes: Uint8Array }[] {
  const file = join(import.meta.dirname, 'fixtures', `${mapping}.json.gz`)
  const frames = JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedFrame[]
  return frames.map(({ from, base64 }) => ({ from, bytes: Buffer.from(base64!, 'base64') }))
}

/** A frame's content without the clock; pictures as their pixels, since a PNG has many spellings. */
function content(frame: Uint8Array): unknown {
  const { timestamp, ...rest } = unpackArrays(frame) as WireMap
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
  return JSON.parse(
    JSON.stringify(rest, (_, value) => {
      if (value instanceof EncodedImage) return { png: digest(decodePng(value.bytes).data) }
      if (!(value instanceof NdArray)) return value
      const { dtype, shape, data } = value
      return { dtype, shape, data: digest(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) }
    }),
  )
}

/** Plays the recorded server, and asks it as then. */
async function replay(name: string) {
  const frames = recorded(name)
  const sent: Uint8Array[] = []
  const server = await peer((socket) => {
    let at = 0
    const speak = () => {
      for (; frames[at]?.from === 'server'; at++) socket.send(frames[at].bytes)
    }
    socket.on('message', (data: Buffer) => {
      sent.push(data)
      at++
      speak()
    })
    speak()
  })
  try {
    const client = await RemoteClient.connect(server.url, { mapping: name, attempts: 1 })
    const { mapping } = client.contract as { mapping: Mapping }
    const connection = await client.acquire()
    connection.startEpisode({ name: 'made-up' })
    const answers: Float32Array[] = []
    for (const question of [0, 1]) {
      const observation = madeUpObservation(mapping, question)
      answers.push((await client.ask(connection, mapping, embodiments.get('widowx')!, observation)).actions)
    }
    connection.endEpisode({ metrics: { success: false }, steps: 2 })
    client.close()
    const expected = frames.filter(({ from }) => from === 'client').map(({ bytes }) => content(bytes))
    await expect.poll(() => sent.length).toBe(expected.length)
    expect(sent.map(content)).toEqual(expected)
    return answers
  } finally {
    await server.close()
  }
}

it("openpi's server was told what its LIBERO example tells it, and answered ten actions", async () => {
  const answers = await replay('openpi-libero')
  expect(answers.map((actions) => actions.length)).toEqual([70, 70])
  // The toy policy stays below 0.05, and 1 is 0.05 m.
  for (const actions of answers)
    expect(Math.max(...actions.subarray(0, 3).map(Math.abs))).toBeLessThan(0.0026)
})

it("StarVLA's server was asked for the bridge's statistics, and answered sixteen actions in an envelope", async () => {
  const answers = await replay('starvla-simpler')
  expect(answers.map((actions) => actions.length)).toEqual([112, 112])
  expect(answers[0].filter((_, i) => i % 7 === 6).every((x) => x === 1 || x === -1)).toBe(true)
})

it("vla-eval's server was greeted, told of the episode, and answered one action an observation", async () => {
  const answers = await replay('vla-eval-simpler')
  expect(answers.map((actions) => actions.length)).toEqual([7, 7])
})
