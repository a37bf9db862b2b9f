import { describe, expect, it } from 'vitest'
import { lineChart, niceTicks } from '../../../rl/reporting/chart.js'
import { compact, escapeHtml } from '../../../rl/reporting/html.js'
import { type EvaluationFigures, type ReportData, renderReport } from '../../../rl/reporting/report.js'
import { meanOfRates, wilson } from '../../../rl/statistics.js'

const evil = `<script>alert("1")</script>&'`

function evaluation(label: string, successes: Record<string, number>): EvaluationFigures {
  const tasks = Object.entries(successes).map(([task, count]) => ({
    task,
    episodes: 24,
    successes: count,
    rate: count / 24,
    ci95: wilson(count, 24),
  }))
  return { label, tasks, mean: meanOfRates(tasks.map((t) => ({ successes: t.successes, n: t.episodes }))) }
}

const empty: ReportData = {
  title: 'run',
  summary: '',
  config: {},
  evaluations: [],
  curves: [],
  videos: [],
  machine: {},
}

/** Fails unless every element is closed in order, as a browser would have to guess otherwise. */
function checkNesting(html: string): void {
  const open: string[] = []
  for (const [, close, name, self] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (self || ['meta'].includes(name)) continue
    if (close) expect(open.pop()).toBe(name)
    else open.push(name)
  }
  expect(open).toEqual([])
}

describe('renderReport', () => {
  const mp4 = Uint8Array.from({ length: 400 }, (_, i) => i)
  const html = renderReport({
    title: `title ${evil}`,
    summary: `summary ${evil}`,
    config: { [`key ${evil}`]: `value ${evil}`, nested: { deep: [evil] }, kl: null },
    evaluations: [
      evaluation(`before ${evil}`, { stack: 12, carrot: 0 }),
      evaluation('after', { stack: 24, spoon: 6 }),
    ],
    paired: { gained: 14, lost: 2, pValue: 0.00418, verdict: `verdict ${evil}` },
    curves: [{ name: `loss ${evil}`, unit: `u ${evil}`, xLabel: `step ${evil}`, x: [1, 2], y: [3, 4] }],
    videos: [{ caption: `caption ${evil}`, mp4 }],
    machine: { [`cpu ${evil}`]: evil },
  })

  it('escapes everything it is given', () => {
    expect(html).not.toContain('<script')
    for (const part of [
      'title',
      'summary',
      'key',
      'value',
      'before',
      'verdict',
      'loss',
      'step',
      'caption',
      'cpu',
    ]) {
      expect(html).toContain(`${part} ${escapeHtml(evil)}`)
    }
    checkNesting(html.slice(html.indexOf('<html')))
  })

  it('is self-contained', () => {
    const references = [...html.matchAll(/\b(?:src|href|action|data)\s*=\s*"([^"]*)"/g)].map(([, url]) => url)
    expect(references.length).toBe(1)
    const [prefix, base64] = references[0].split(',')
    expect(prefix).toBe('data:video/mp4;base64')
    expect(new Uint8Array(Buffer.from(base64, 'base64'))).toEqual(mp4)
    expect(html).not.toMatch(/https?:|url\(|@import|<link/)
  })

  it('gives every rate its n and interval, also for tasks of one evaluation only', () => {
    const text = html
      .replace(/<style>[\s\S]*<\/style>/, '')
      .replace(/<[^>]+>/g, '|')
      .replace(/\|+/g, '|')
    expect(text).toContain('12 / 24|50.0 %|31.4 – 68.6 %')
    expect(text).toContain('24 / 24|100.0 %|86.2 – 100.0 %')
    expect(text).toContain('after|–|')
    expect(text).toContain('mean of 3 tasks')
    expect(text).toContain('25.0 %|15.7 – 36.6 %, n = 48')
    expect(text).toContain('+37.5 points|McNemar p = 0.004')
    expect(text).toContain('14 gained, 2 lost')
  })

  it('leaves out what there is none of', () => {
    expect(renderReport(empty)).not.toContain('<section>')
    const one = renderReport({ ...empty, evaluations: [evaluation('only', { stack: 3 })] })
    expect(one).toContain('3 / 24')
    expect(one).not.toMatch(/points|McNemar|mean of/)
  })
})

describe('lineChart', () => {
  const chart = (x: number[], y: number[]) => lineChart({ name: 'loss', unit: 'nats', xLabel: 'step', x, y })
  const linePoints = (svg: string) => [...svg.matchAll(/points="([^"]+)"/g)].map(([, p]) => p.split(' '))

  it('draws inside its axes, up for larger values, with a title for each point', () => {
    const svg = chart([0, 10, 20], [1, 3, 2])
    const [points] = linePoints(svg).map((line) => line.map((p) => p.split(',').map(Number)))
    const [left, middle, right] = points.map(([x]) => x)
    expect(middle - left).toBeGreaterThan(100)
    expect(right - middle).toBeCloseTo(middle - left)
    expect(points[1][1]).toBeLessThan(points[2][1])
    expect(points[2][1]).toBeLessThan(points[0][1])
    expect([...svg.matchAll(/<title>([^<]+)/g)].map(([, t]) => t)).toEqual([
      'step 0: loss 1 nats',
      'step 10: loss 3 nats',
      'step 20: loss 2 nats',
    ])
  })

  it('breaks the line at values that are not finite, and survives none, one and equal ones', () => {
    const svg = chart([1, 2, 3, 4, 5, 6], [1, 2, NaN, 4, Infinity, 5])
    expect(linePoints(svg).map((line) => line.length)).toEqual([2])
    expect(svg.match(/class="point"/g)?.length).toBe(2)
    expect(chart([], [])).toContain('no values')
    expect(chart([1], [NaN])).toContain('no values')
    for (const svg of [chart([7], [0]), chart([1, 2], [3, 3]), chart([1, 2], [-1e-9, 1e12])]) {
      expect(svg).toContain('<svg')
      expect(/NaN|Infinity/.test(svg)).toBe(false)
    }
  })

  it('thins long curves to means', () => {
    const n = 100_000
    const svg = chart(
      Array.from({ length: n }, (_, i) => i),
      Array.from({ length: n }, (_, i) => i % 2),
    )
    expect(linePoints(svg)[0].length).toBeLessThanOrEqual(150)
    expect(svg.length).toBeLessThan(50_000)
    const means = [...svg.matchAll(/: loss ([\d.]+) nats/g)].map(([, mean]) => Number(mean))
    expect(means.length).toBe(150)
    expect(means.every((mean) => Math.abs(mean - 0.5) < 0.001)).toBe(true)
  })

  it('has round ticks that enclose the range', () => {
    expect(niceTicks(0.47, 0.91, 5)).toEqual([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    expect(niceTicks(-3, 7, 5)).toEqual([-4, -2, 0, 2, 4, 6, 8])
    expect(niceTicks(0, 1e6, 4)).toEqual([0, 500000, 1000000])
    const same = niceTicks(3, 3, 5)
    expect(same[0]).toBeLessThan(3)
    expect(same.at(-1)).toBeGreaterThan(3)
  })
})

it('compact numbers', () => {
  const cases: [number, string][] = [
    [0, '0'],
    [0.5, '0.5'],
    [0.1 + 0.2, '0.3'],
    [9999, '9999'],
    [12345, '12.35k'],
    [1234567, '1.235M'],
    [0.000012, '1.2e-5'],
    [-2e10, '-2e10'],
    [NaN, 'NaN'],
  ]
  for (const [value, text] of cases) expect(compact(value)).toBe(text)
})
