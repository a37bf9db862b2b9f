import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { niceTicks } from '../../rl/reporting/chart.js'

/**
 * Draws success in training against episodes as an SVG: of one run a line for every task, of several runs a line for each.
 * RUN,RUN is a run and the one that went on from it. Dots at both ends are evaluations, without exploration. Run: node dist/scripts/generators/trainingCurves.js OUT.svg RUN...
 */
interface Line {
  readonly name: string
  readonly points: readonly (readonly [episodes: number, success: number])[]
  readonly before?: number
  readonly after?: number
}

interface SavedEvaluation {
  readonly report: {
    readonly tasks: readonly { readonly task: string; readonly rate: number }[]
    readonly mean: { readonly rate: number }
  }
}

const [out, ...runs] = process.argv.slice(2)
if (!out || runs.length === 0) throw new Error('usage: trainingCurves.js OUT.svg RUN...')

/** Episodes that a point of a line is the mean of. */
const window = 1024
const colours = [
  '#2563c9',
  '#c5362f',
  '#1a7f4b',
  '#b7791f',
  '#7c3aed',
  '#0e7490',
  '#be4b8a',
  '#5b6570',
  '#84a317',
]
const [width, height] = [720, 360]
const plot = { left: 48, right: width - 170, top: 30, bottom: height - 44 }

const lines = runs.length === 1 ? taskLines(runs[0]) : runs.map((run) => line(basename(run), run, 'success'))
const last = Math.max(...lines.flatMap(({ points }) => points.map(([episodes]) => episodes)))
const toX = (episodes: number) => plot.left + (episodes / last) * (plot.right - plot.left)
const toY = (success: number) => plot.bottom - success * (plot.bottom - plot.top)

const text = (x: number, y: number, content: string, anchor = 'middle', fill = '#68727d') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`
const dot = (x: number, y: number, colour: string) =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" fill="${colour}"/>`

const svg = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
  '<title>Success in training against episodes</title>',
  `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (y) =>
      `<line x1="${plot.left}" x2="${plot.right}" y1="${toY(y)}" y2="${toY(y)}" stroke="#dfe3e8"/>` +
      text(plot.left - 6, toY(y) + 4.5, `${100 * y}`, 'end'),
  ),
  ...niceTicks(0, last, 6)
    .filter((x) => x <= last)
    .map((x) => text(toX(x), plot.bottom + 18, x.toLocaleString('en'))),
  text((plot.left + plot.right) / 2, height - 8, 'training episodes'),
  text(plot.left, plot.top - 12, 'success, %', 'start'),
  ...lines.flatMap(drawLine),
  ...legend(),
  '</svg>',
]
writeFileSync(out, `${svg.join('\n')}\n`)

function taskLines(run: string): Line[] {
  const { tasks } = evaluation(run.split(',')[0], 'before')!.report
  return tasks.map(({ task }) => line(task, run, `success/${task}`, task))
}

function line(name: string, run: string, field: string, task?: string): Line {
  const parts = run.split(',')
  let before = 0
  const rows = parts.flatMap((part) => {
    const own = metrics(part)
    const offset = before
    before += own.at(-1)!.episodes
    return own.map((row) => ({ ...row, episodes: offset + row.episodes }) as Record<string, number>)
  })
  const points: [number, number][] = []
  let [sum, count] = [0, 0]
  for (const row of rows) {
    sum += row[field]
    count += 1
    const from = points.at(-1)?.[0] ?? 0
    if (row.episodes - from < window) continue
    points.push([row.episodes, sum / count])
    sum = count = 0
  }
  const rate = (part: string, phase: string) => {
    const report = evaluation(part, phase)?.report
    return task ? report?.tasks.find((t) => t.task === task)?.rate : report?.mean.rate
  }
  return { name, points, before: rate(parts[0], 'before'), after: rate(parts.at(-1)!, 'after') }
}

function metrics(run: string): Record<string, number>[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n')
  return lines.map((row) => JSON.parse(row))
}

function evaluation(run: string, phase: string): SavedEvaluation | undefined {
  try {
    return JSON.parse(readFileSync(join(run, `evaluation-${phase}.json`), 'utf8'))
  } catch (error) {
    if (phase === 'after') return undefined
    throw error
  }
}

function drawLine({ points, before, after }: Line, i: number): string[] {
  const colour = colours[i % colours.length]
  const path = points.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ')
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
    ...(before === undefined ? [] : [dot(plot.left, toY(before), colour)]),
    ...(after === undefined ? [] : [dot(toX(points.at(-1)![0]), toY(after), colour)]),
  ]
}

/** Names beside the ends of the lines, pushed apart. */
function legend(): string[] {
  const ends = lines
    .map(({ name, points, after }, i) => ({ name, i, y: toY(after ?? points.at(-1)![1]) }))
    .sort((a, b) => a.y - b.y)
  for (const [k, end] of ends.entries()) if (k > 0) end.y = Math.max(end.y, ends[k - 1].y + 16)
  return ends.map(({ name, i, y }) =>
    text(plot.right + 10, y + 4.5, name.replace('widowx_', '').replaceAll('_', ' '), 'start', colours[i]),
  )
}
