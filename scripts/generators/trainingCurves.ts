import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { niceTicks } from '../../rl/reporting/chart.js'
import { type SuccessLine, successPlot } from './successPlot.js'

/**
 * Draws success in training against episodes as an SVG: of one run a line for every task, of several runs a line for each.
 * RUN,RUN is a run and the one that went on from it. Dots at both ends are evaluations, without exploration. Run: node dist/scripts/generators/trainingCurves.js OUT.svg RUN...
 */
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
const lines = runs.length === 1 ? taskLines(runs[0]) : runs.map((run) => line(basename(run), run, 'success'))
const last = Math.max(...lines.flatMap(({ points }) => points.map(([episodes]) => episodes)))
const plot = successPlot({
  title: 'Success in training against episodes',
  xLabel: 'training episodes',
  xTicks: niceTicks(0, last, 6)
    .filter((x) => x <= last)
    .map((x) => [x, x.toLocaleString('en')]),
  xShare: (episodes) => episodes / last,
  lines,
})
writeFileSync(out, plot)

function taskLines(run: string): SuccessLine[] {
  const { tasks } = evaluation(run.split(',')[0], 'before')!.report
  return tasks.map(({ task }) => line(task, run, `success/${task}`, task))
}

function line(name: string, run: string, field: string, task?: string): SuccessLine {
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
  const ends = [
    [0, rate(parts[0], 'before')],
    [points.at(-1)![0], rate(parts.at(-1)!, 'after')],
  ] as const
  const dots = ends.flatMap(([x, success]) => (success === undefined ? [] : [{ x, success }]))
  return { name: name.replace('widowx_', '').replaceAll('_', ' '), points, dots }
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
