import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MetricsLog, readMetrics } from '../../../rl/reporting/metrics.js'
import { crc32c, EventFile } from '../../../rl/reporting/tensorboard.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'metrics-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** CRC-32C bit by bit, as a polynomial division. */
function slowCrc(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const carry = (crc ^ (byte >>> bit)) & 1
      crc = (crc >>> 1) ^ (carry ? 0x82f63b78 : 0)
    }
  }
  return ~crc >>> 0
}

interface Message {
  [field: number]: (bigint | Uint8Array)[]
}

/** Protocol buffer wire format: varints as bigints, everything else as bytes. */
function decode(bytes: Uint8Array): Message {
  const message: Message = {}
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(varint())
    let value: bigint | Uint8Array
    if ((key & 7) === 0) value = varint()
    else {
      const length = { 1: 8, 2: 0, 5: 4 }[key & 7]
      if (length === undefined) throw new Error(`wire type ${key & 7}`)
      const size = length || Number(varint())
      value = bytes.slice(at, at + size)
      at += size
    }
    message[key >> 3] ??= []
    message[key >> 3].push(value)
  }
  return message
}

/** Events of a file, every checksum verified. */
function readEvents(path: string) {
  const bytes = new Uint8Array(readFileSync(path))
  const view = new DataView(bytes.buffer)
  const text = (x: bigint | Uint8Array) => new TextDecoder().decode(x as Uint8Array)
  const check = (data: Uint8Array, at: number) => {
    const unmasked = (view.getUint32(at, true) - 0xa282ead8) >>> 0
    expect(((unmasked << 15) | (unmasked >>> 17)) >>> 0).toBe(slowCrc(data))
  }
  const events: { wallTime: number; step?: number; version?: string; values: Record<string, number> }[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(view.getBigUint64(at, true))
    check(bytes.subarray(at, at + 8), at + 8)
    const data = bytes.subarray(at + 12, at + 12 + length)
    check(data, at + 12 + length)
    const event = decode(data)
    const values: Record<string, number> = {}
    for (const summary of event[5] ?? []) {
      for (const value of decode(summary as Uint8Array)[1]) {
        const { 1: tag, 2: simple } = decode(value as Uint8Array)
        values[text(tag[0])] = new Float32Array((simple[0] as Uint8Array).buffer)[0]
      }
    }
    events.push({
      wallTime: new Float64Array((event[1][0] as Uint8Array).buffer)[0],
      step: event[2] && Number(event[2][0]),
      version: event[3] && text(event[3][0]),
      values,
    })
    at += 16 + length
  }
  return events
}

const eventFiles = () => readdirSync(dir).filter((name) => name.startsWith('events.out.tfevents.'))

describe('EventFile', () => {
  it('has the CRC-32C of the published check value', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa) // RFC 3720, B.4
  })

  it('holds what was written, for large steps, long names and many values too', () => {
    const file = new EventFile(dir, 'test')
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`losses/ünder ${i}`, i / 8]))
    file.scalars(0, { loss: -0.5 }, 1700000000.25)
    file.scalars(2 ** 40 + 3, many, 1700000001)
    file.scalars(127, { bad: NaN })
    file.close()
    const [version, first, second, third] = readEvents(file.path)
    expect(version).toMatchObject({ version: 'brain.Event:2', values: {} })
    expect(first).toEqual({ wallTime: 1700000000.25, step: 0, version: undefined, values: { loss: -0.5 } })
    expect(second).toMatchObject({ step: 2 ** 40 + 3, values: many })
    expect(third).toMatchObject({ step: 127, values: { bad: NaN } })
    expect(Math.abs(third.wallTime - Date.now() / 1000)).toBeLessThan(60)
  })

  it('never overwrites a file of the same second', () => {
    const files = [1, 2, 3].map(() => new EventFile(dir))
    for (const file of files) file.close()
    expect(new Set(files.map((file) => file.path)).size).toBe(3)
    expect(eventFiles().length).toBe(3)
  })
})

describe('MetricsLog', () => {
  const lines = () =>
    readFileSync(join(dir, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l))

  it('writes a line and an event a step, visible before it is closed', () => {
    const log = new MetricsLog(dir)
    log.log(1, { loss: 2.5, 'success rate': 0.25 })
    expect(lines()).toEqual([{ step: 1, wallSeconds: expect.any(Number), loss: 2.5, 'success rate': 0.25 }])
    log.log(2, { loss: NaN })
    log.close()
    expect(lines()[1].loss).toBeNull()
    const [name] = eventFiles()
    expect(readEvents(join(dir, name)).map(({ step, values }) => [step, values])).toEqual([
      [undefined, {}],
      [1, { loss: 2.5, 'success rate': 0.25 }],
      [2, { loss: NaN }],
    ])
  })

  it('resumes after a kill in the middle of a line, and time goes on', () => {
    appendFileSync(join(dir, 'metrics.jsonl'), '{"step":1,"wallSeconds":100,"loss":3}\n{"step":2,"wallSeco')
    const log = new MetricsLog(dir)
    log.log(2, { loss: 2 })
    log.close()
    expect(lines().map(({ step, loss }) => [step, loss])).toEqual([
      [1, 3],
      [2, 2],
    ])
    expect(lines()[1].wallSeconds).toBeGreaterThanOrEqual(100)
    expect(lines()[1].wallSeconds).toBeLessThan(110)
    appendFileSync(join(dir, 'metrics.jsonl'), '{"torn')
    expect(readMetrics(dir).get('loss')).toEqual({ x: [1, 2], y: [3, 2] })
  })

  it('a torn first line leaves an empty log', () => {
    appendFileSync(join(dir, 'metrics.jsonl'), '{"st')
    const log = new MetricsLog(dir)
    log.log(5, { loss: 1 })
    log.close()
    expect(lines().length).toBe(1)
  })
})

describe('readMetrics', () => {
  it('gives each name its own steps, and repeated steps their later values', () => {
    const log = new MetricsLog(dir)
    for (const step of [1, 2, 3, 4]) log.log(step, { loss: step })
    log.log(4, { heldOut: 0.5 })
    log.log(3, { loss: 30 })
    log.close()
    const metrics = readMetrics(dir)
    expect(metrics.get('loss')).toEqual({ x: [1, 2, 3], y: [1, 2, 30] })
    expect(metrics.get('heldOut')).toEqual({ x: [4], y: [0.5] })
    expect(readMetrics(join(dir, 'nowhere')).size).toBe(0)
  })
})
