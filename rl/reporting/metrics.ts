import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EventFile } from './tensorboard.js'

const fileName = 'metrics.jsonl'

interface Line {
  readonly step: number
  /** Seconds of this run, those before it was resumed included. */
  readonly wallSeconds: number
  readonly [name: string]: number | null
}

/** A training run's figures: `metrics.jsonl`, one object a line, and a TensorBoard event file beside it. */
export class MetricsLog {
  private readonly file: number
  private readonly events: EventFile
  private readonly startedAt: number

  /** Appends to what a run resumed in `dir` has logged. */
  constructor(dir: string) {
    mkdirSync(dir, { recursive: true })
    const path = join(dir, fileName)
    const elapsed = existsSync(path) ? (dropTornLine(path).at(-1)?.wallSeconds ?? 0) : 0
    this.startedAt = performance.now() - 1000 * elapsed
    this.file = openSync(path, 'a')
    this.events = new EventFile(dir)
  }

  /** Writes the values of a step at once; NaN and infinities become null in the JSON. */
  log(step: number, values: Record<string, number>): void {
    const wallSeconds = Number(((performance.now() - this.startedAt) / 1000).toFixed(3))
    writeSync(this.file, `${JSON.stringify({ step, wallSeconds, ...values })}\n`)
    this.events.scalars(step, values)
  }

  close(): void {
    closeSync(this.file)
    this.events.close()
  }
}

/** Cuts off what a killed process left of its last line. */
function dropTornLine(path: string): Line[] {
  const bytes = readFileSync(path)
  const end = bytes.lastIndexOf('\n') + 1
  if (end < bytes.length) truncateSync(path, end)
  return parseLines(bytes.subarray(0, end).toString())
}

function parseLines(text: string): Line[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Line)
}

export interface Series {
  readonly x: number[]
  readonly y: number[]
}

/**
 * The figures of a run folder by name, x being the step; empty where there are none. A run that was killed after its
 * last checkpoint repeats steps: the later values count.
 */
export function readMetrics(dir: string): Map<string, Series> {
  const series = new Map<string, Series>()
  const path = join(dir, fileName)
  if (!existsSync(path)) return series
  const text = readFileSync(path, 'utf8')
  for (const { step, ...values } of parseLines(text.slice(0, text.lastIndexOf('\n') + 1))) {
    for (const [name, value] of Object.entries(values)) {
      const { x, y } = series.get(name) ?? { x: [], y: [] }
      while (x.length && x[x.length - 1] >= step) {
        x.pop()
        y.pop()
      }
      x.push(step)
      y.push(value ?? NaN)
      series.set(name, { x, y })
    }
  }
  return series
}
