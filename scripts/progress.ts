/** Where progress goes: standard error, or a stand-in for it. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressOptions {
  readonly label: string
  /** In `unit`: episodes, steps, or seconds of a time budget. */
  readonly total: number
  readonly unit: string
}

export interface Progress {
  /** `fields` are shown at the end, for example { success: '62 %' }; those not given again stay. */
  update(done: number, fields?: Record<string, string | number>): void
  /** Prints the last state and ends the line; nothing when there was no update. */
  stop(): void
}

const terminalInterval = 100
const plainInterval = 5000
const barWidth = 16

/**
 * Progress of a long task: a bar that is redrawn on a terminal; elsewhere (CI, a file) a plain line at the start, about
 * every five seconds, and at the end. The rate is that since the first update, so that a resumed task's earlier work
 * does not count.
 */
export function createProgress(options: ProgressOptions, stream: ProgressStream = process.stderr): Progress {
  const { label, total, unit } = options
  const terminal = stream.isTTY === true
  const interval = terminal ? terminalInterval : plainInterval
  const startedAt = performance.now()
  let first: number | null = null
  let done = 0
  let fields: Record<string, string | number> = {}
  let drawnAt = -Infinity
  let drawn = ''
  let stopped = false

  const draw = (now: number) => {
    const seconds = (now - startedAt) / 1000
    const line = progressLine({
      label,
      unit,
      total,
      done,
      fields,
      seconds,
      rate: (done - (first ?? 0)) / seconds,
      terminal,
    })
    drawnAt = now
    if (terminal) stream.write(`\r${line.slice(0, (stream.columns ?? 80) - 1)}\x1b[K`)
    else if (line !== drawn) stream.write(`${line}\n`)
    drawn = line
  }

  return {
    update(value, more = {}) {
      if (stopped) return
      first ??= value >= total ? 0 : value
      done = value
      fields = { ...fields, ...more }
      const now = performance.now()
      if (now - drawnAt >= interval) draw(now)
    },
    stop() {
      if (stopped) return
      stopped = true
      if (first === null) return
      draw(performance.now())
      if (terminal) stream.write('\n')
    },
  }
}

interface State extends ProgressOptions {
  readonly done: number
  readonly fields: Record<string, string | number>
  readonly seconds: number
  readonly rate: number
  readonly terminal: boolean
}

function progressLine({ label, unit, total, done, fields, seconds, rate, terminal }: State): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 1
  const filled = Math.floor(share * barWidth)
  const parts = [`${round(done)}/${round(total)} ${unit}`, `${Math.floor(100 * share)} %`]
  const timed = unit === 's' || unit === 'seconds'
  if (!timed && rate > 0 && Number.isFinite(rate)) parts.push(`${round(rate)} ${unit}/s`)
  if (done >= total) parts.push(`took ${duration(seconds)}`)
  else if (rate > 0 && Number.isFinite(rate)) parts.push(`${duration((total - done) / rate)} left`)
  // Last, since a narrow terminal cuts the line off.
  for (const [name, value] of Object.entries(fields)) {
    parts.push(`${name} ${typeof value === 'number' ? round(value) : value}`)
  }
  const bar = terminal ? `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ` : ''
  return `${label} ${bar}${parts.join(', ')}`
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(value >= 100 ? 4 : 3)))
}

/** 3725 -> '1h02m', 65 -> '1m05s', 9.6 -> '10s' */
function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const padded = (value: number) => String(value).padStart(2, '0')
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h${padded(Math.floor((whole % 3600) / 60))}m`
  return whole >= 60 ? `${Math.floor(whole / 60)}m${padded(whole % 60)}s` : `${whole}s`
}
