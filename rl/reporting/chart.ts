import { compact, escapeHtml } from './html.js'

export interface Curve {
  readonly name: string
  /** Of y; '' for a plain number. */
  readonly unit: string
  readonly x: readonly number[]
  /** Values that are not finite leave a gap in the line. */
  readonly y: readonly number[]
  readonly xLabel: string
}

const width = 380
const height = 220
const plot = { left: 54, right: width - 22, top: 12, bottom: height - 44 }
const maxPoints = 150

interface Point {
  readonly x: number
  readonly y: number
}

/** A line chart as inline SVG: axes, ticks, units, and each point's values as a title on hover. */
export function lineChart(curve: Curve): string {
  const points = thin(curve.x.map((x, i) => ({ x, y: curve.y[i] })))
  const finite = points.filter(({ y }) => Number.isFinite(y))
  const title = `${escapeHtml(curve.name)}${curve.unit ? ` <span class="unit">${escapeHtml(curve.unit)}</span>` : ''}`
  if (finite.length === 0) return figure(title, '', '<p class="empty">no values</p>')
  const [firstX, lastX] = [finite[0].x, finite[finite.length - 1].x]
  const xTicks = niceTicks(firstX, lastX, 7).filter((x) => x >= firstX && x <= lastX)
  const yTicks = niceTicks(Math.min(...finite.map(({ y }) => y)), Math.max(...finite.map(({ y }) => y)), 5)
  const toX = scale([firstX, lastX], plot.left, plot.right)
  const toY = scale([yTicks[0], yTicks[yTicks.length - 1]], plot.bottom, plot.top)
  const at = ({ x, y }: Point) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`
  const lines = runs(points).map((run) =>
    run.length === 1 ? dot(at(run[0])) : `<polyline class="line" points="${run.map(at).join(' ')}"/>`,
  )
  const svg = [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(curve.name)}">`,
    ...yTicks.map((tick) => yAxisTick(toY(tick), compact(tick))),
    ...xTicks.map((tick) => xAxisTick(toX(tick), compact(tick))),
    `<text class="label" x="${(plot.left + plot.right) / 2}" y="${height - 6}">${escapeHtml(curve.xLabel)}</text>`,
    ...lines,
    ...hoverTargets(finite, toX, at, curve),
    '</svg>',
  ]
  return figure(title, `${compact(finite[finite.length - 1].y)}`, svg.join(''))
}

function figure(title: string, last: string, body: string): string {
  return `<figure class="chart"><figcaption>${title}<b>${last}</b></figcaption>${body}</figure>`
}

type Range = readonly [low: number, high: number]

function scale([low, high]: Range, from: number, to: number): (value: number) => number {
  return (value) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from))
}

/** Round numbers, 1, 2 or 5 times a power of ten apart, of which the first and the last enclose [low, high]. */
export function niceTicks(low: number, high: number, count: number): number[] {
  if (low === high) return niceTicks(low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2, count)
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough * (1 - 1e-9)) ?? 10)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil(high / step - 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** At most maxPoints points: means of neighbours. */
function thin(points: readonly Point[]): Point[] {
  const size = Math.ceil(points.length / maxPoints)
  if (size <= 1) return [...points]
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const bin = points.slice(i * size, (i + 1) * size)
    const values = bin.map(({ y }) => y).filter(Number.isFinite)
    const y = values.length ? values.reduce((a, b) => a + b, 0) / values.length : NaN
    return { x: bin[bin.length - 1].x, y }
  })
}

/** Stretches without a gap. */
function runs(points: readonly Point[]): Point[][] {
  const stretches: Point[][] = [[]]
  for (const point of points) {
    if (Number.isFinite(point.y)) stretches[stretches.length - 1].push(point)
    else stretches.push([])
  }
  return stretches.filter((run) => run.length > 0)
}

function yAxisTick(y: number, label: string): string {
  return (
    `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>` +
    `<text class="tick y" x="${plot.left - 6}" y="${(y + 4.5).toFixed(1)}">${label}</text>`
  )
}

function xAxisTick(x: number, label: string): string {
  return (
    `<line class="axis" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${plot.bottom}" y2="${plot.bottom + 4}"/>` +
    `<text class="tick x" x="${x.toFixed(1)}" y="${plot.bottom + 18}">${label}</text>`
  )
}

function dot(at: string): string {
  const [x, y] = at.split(',')
  return `<circle class="point" cx="${x}" cy="${y}" r="3"/>`
}

/** One strip of the plot's height a point, so that the pointer need not meet the line. */
function hoverTargets(
  points: readonly Point[],
  toX: (x: number) => number,
  at: (point: Point) => string,
  { name, unit, xLabel }: Curve,
): string[] {
  return points.map((point, i) => {
    const x = toX(point.x)
    const from = i === 0 ? plot.left : (toX(points[i - 1].x) + x) / 2
    const to = i === points.length - 1 ? plot.right : (x + toX(points[i + 1].x)) / 2
    const [cx, cy] = at(point).split(',')
    const text = `${xLabel} ${compact(point.x)}: ${name} ${compact(point.y)} ${unit}`.trim()
    return (
      `<g class="hit"><rect x="${from.toFixed(1)}" y="${plot.top}" width="${Math.max(0, to - from).toFixed(1)}" ` +
      `height="${plot.bottom - plot.top}"/><circle cx="${cx}" cy="${cy}" r="3.5"/>` +
      `<title>${escapeHtml(text)}</title></g>`
    )
  })
}
