import { type Curve, lineChart } from './chart.js'
import { escapeHtml, percent } from './html.js'
import { style } from './style.js'

type Interval = readonly [lo: number, hi: number]

export interface TaskFigures {
  readonly task: string
  readonly episodes: number
  readonly successes: number
  readonly rate: number
  readonly ci95: Interval
}

/** One evaluation: 'before', 'after', … */
export interface EvaluationFigures {
  readonly label: string
  readonly tasks: readonly TaskFigures[]
  /** Mean of the tasks' rates. */
  readonly mean: { readonly rate: number; readonly ci95: Interval }
}

export interface ReportData {
  readonly title: string
  /** One or two sentences: what was run and what came of it. */
  readonly summary: string
  readonly config: Record<string, unknown>
  /** In the order of the run; the last one is what is reported. */
  readonly evaluations: readonly EvaluationFigures[]
  /** McNemar's test on the same episodes, first evaluation against last. */
  readonly paired?: {
    readonly gained: number
    readonly lost: number
    readonly pValue: number
    readonly verdict: string
  }
  readonly curves: readonly Curve[]
  readonly videos: readonly { readonly caption: string; readonly mp4: Uint8Array }[]
  /** Machine, commit, seeds, wall time. */
  readonly machine: Record<string, string>
}

/** One HTML page with its style, charts and videos inside: it opens from disk, runs no script and loads nothing. */
export function renderReport(data: ReportData): string {
  const sections = [
    section('Success rates', data.evaluations.length > 0, () => results(data)),
    section('Videos', data.videos.length > 0, () => videos(data)),
    section(
      'Training',
      data.curves.length > 0,
      () => `<div class="charts">${data.curves.map(lineChart).join('\n')}</div>`,
    ),
    section('Configuration', Object.keys(data.config).length > 0, () => pairs(data.config)),
    section('Environment', Object.keys(data.machine).length > 0, () => pairs(data.machine)),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; media-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(data.title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(data.title)}</h1>
<p class="summary">${escapeHtml(data.summary)}</p>
${cards(data)}
${sections.join('')}</body>
</html>
`
}

function section(title: string, present: boolean, body: () => string): string {
  return present ? `<section>\n<h2>${title}</h2>\n${body()}\n</section>\n` : ''
}

/** The figures to see first: each evaluation's mean and what changed. */
function cards({ evaluations, paired }: ReportData): string {
  const items = evaluations.map(({ label, tasks, mean }) => {
    const episodes = tasks.reduce((sum, task) => sum + task.episodes, 0)
    return card(label, percent(mean.rate), `${interval(mean.ci95)}, n = ${episodes}`)
  })
  if (evaluations.length >= 2) {
    const gain = 100 * (evaluations[evaluations.length - 1].mean.rate - evaluations[0].mean.rate)
    const value = `<span class="${gain < 0 ? 'bad' : 'good'}">${points(gain)}</span>`
    items.push(
      card('change', value, paired ? `McNemar p = ${pValue(paired.pValue)}` : 'in the mean success rate'),
    )
  }
  return items.length ? `<div class="cards">${items.join('')}</div>` : ''
}

function card(what: string, value: string, note: string): string {
  return (
    `<div class="card"><div class="what">${escapeHtml(what)}</div><div class="value">${value}</div>` +
    `<div class="note">${note}</div></div>`
  )
}

function results({ evaluations, paired }: ReportData): string {
  const tasks = [...new Set(evaluations.flatMap((evaluation) => evaluation.tasks.map(({ task }) => task)))]
  const groups = tasks.map((task) => {
    const figures = evaluations.map(({ tasks }) => tasks.find((other) => other.task === task))
    return group(task, evaluations, figures, '')
  })
  if (tasks.length > 1) {
    const means = evaluations.map(({ mean, tasks }) => ({
      ...mean,
      episodes: tasks.reduce((sum, task) => sum + task.episodes, 0),
      successes: tasks.reduce((sum, task) => sum + task.successes, 0),
    }))
    groups.push(group(`mean of ${tasks.length} tasks`, evaluations, means, 'mean'))
  }
  const head = ['task', '', 'successes', 'rate', '95 % interval', '0 to 100 %']
  const test = paired
    ? `<p class="test">The same episodes, ${escapeHtml(evaluations[0].label)} and ` +
      `${escapeHtml(evaluations[evaluations.length - 1].label)}: ${paired.gained} gained, ${paired.lost} lost; ` +
      `McNemar's exact test p = ${pValue(paired.pValue)}: ${escapeHtml(paired.verdict)}</p>`
    : ''
  return (
    `<div class="scroll"><table class="results"><thead><tr>` +
    head.map((title, i) => `<th${i === 2 || i === 3 ? ' class="number"' : ''}>${title}</th>`).join('') +
    `</tr></thead>\n${groups.join('\n')}</table></div>${test}`
  )
}

type RowFigures = Omit<TaskFigures, 'task'> | undefined

/** A task's rows, one an evaluation. */
function group(
  name: string,
  evaluations: readonly EvaluationFigures[],
  figures: readonly RowFigures[],
  className: string,
): string {
  const rows = evaluations.map(({ label }, i) => {
    const row = figures[i]
    const last = i === evaluations.length - 1
    const cells = row
      ? `<td class="number">${row.successes} / ${row.episodes}</td><td class="number">${percent(row.rate)}</td>` +
        `<td>${interval(row.ci95)}</td><td>${intervalPlot(row.rate, row.ci95, last)}</td>`
      : '<td class="number">–</td><td></td><td></td><td></td>'
    const heading = i === 0 ? `<th rowspan="${evaluations.length}">${escapeHtml(name)}</th>` : ''
    return `<tr>${heading}<td>${escapeHtml(label)}</td>${cells}</tr>`
  })
  return `<tbody class="${className}">${rows.join('')}</tbody>`
}

function intervalPlot(rate: number, [lo, hi]: Interval, last: boolean): string {
  const className = last ? ' last' : ''
  const at = (value: number) => `${(100 * value).toFixed(1)}%`
  const line = (kind: string, from: number, to: number) =>
    `<line class="${kind}" x1="${at(from)}" x2="${at(to)}" y1="11" y2="11"/>`
  return (
    `<svg class="interval" aria-hidden="true">${line('track', 0, 1)}${line(`range${className}`, lo, hi)}` +
    `<circle class="rate${className}" cx="${at(rate)}" cy="11" r="4.5"/></svg>`
  )
}

function interval([lo, hi]: Interval): string {
  return `${(100 * lo).toFixed(1)} – ${percent(hi)}`
}

function points(gain: number): string {
  return `${gain < 0 ? '−' : '+'}${Math.abs(gain).toFixed(1)} points`
}

function pValue(p: number): string {
  return p >= 0.001 ? p.toFixed(3) : p.toExponential(1)
}

function videos({ videos }: ReportData): string {
  const figures = videos.map(({ caption, mp4 }) => {
    const source = `data:video/mp4;base64,${Buffer.from(mp4).toString('base64')}`
    return (
      `<figure><video controls loop muted autoplay playsinline src="${source}"></video>` +
      `<figcaption>${escapeHtml(caption)}</figcaption></figure>`
    )
  })
  return `<div class="videos">${figures.join('\n')}</div>`
}

function pairs(values: Record<string, unknown>): string {
  const rows = Object.entries(values).map(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
    return `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(text)}</td></tr>`
  })
  return `<table class="pairs">${rows.join('\n')}</table>`
}
