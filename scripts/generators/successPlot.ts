/** A plot of success rates as SVG: 0 to 100 % upwards, something else to the right, names of lines beside their ends. */
export interface SuccessPlot {
  readonly title: string
  readonly xLabel: string
  readonly xTicks: readonly (readonly [x: number, label: string])[]
  /** Place on the axis: 0 at its left end, 1 at its right. */
  readonly xShare: (x: number) => number
  readonly lines: readonly SuccessLine[]
}

export interface SuccessLine {
  readonly name: string
  /** Joined by a line. Success from 0 to 1. */
  readonly points: readonly (readonly [x: number, success: number])[]
  readonly dots: readonly SuccessDot[]
}

export interface SuccessDot {
  readonly x: number
  readonly success: number
  readonly ci95?: readonly [number, number]
}

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

const toY = (success: number) => plot.bottom - success * (plot.bottom - plot.top)

export function successPlot({ title, xLabel, xTicks, xShare, lines }: SuccessPlot): string {
  const toX = (x: number) => plot.left + xShare(x) * (plot.right - plot.left)
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(
      (y) =>
        `<line x1="${plot.left}" x2="${plot.right}" y1="${toY(y)}" y2="${toY(y)}" stroke="#dfe3e8"/>` +
        text(plot.left - 6, toY(y) + 4.5, `${100 * y}`, 'end'),
    ),
    ...xTicks.map(([x, label]) => text(toX(x), plot.bottom + 18, label)),
    text((plot.left + plot.right) / 2, height - 8, xLabel),
    text(plot.left, plot.top - 12, 'success, %', 'start'),
    ...lines.flatMap((line, i) => drawLine(line, colours[i % colours.length], toX)),
    ...legend(lines),
    '</svg>',
  ]
  return `${svg.join('\n')}\n`
}

function drawLine({ points, dots }: SuccessLine, colour: string, toX: (x: number) => number): string[] {
  const path = points.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ')
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
    ...dots.map(({ x, success, ci95 }) => {
      const at = toX(x).toFixed(1)
      const [low, high] = (ci95 ?? []).map((rate) => toY(rate).toFixed(1))
      const interval = ci95
        ? `<line x1="${at}" x2="${at}" y1="${low}" y2="${high}" stroke="${colour}" stroke-width="1.5"/>`
        : ''
      return `${interval}<circle cx="${at}" cy="${toY(success).toFixed(1)}" r="4" fill="${colour}"/>`
    }),
  ]
}

/** Names beside the ends of the lines, pushed apart. */
function legend(lines: readonly SuccessLine[]): string[] {
  const ends = lines
    .map(({ name, points, dots }, i) => ({ name, i, y: toY(dots.at(-1)?.success ?? points.at(-1)![1]) }))
    .sort((a, b) => a.y - b.y)
  for (const [k, end] of ends.entries()) if (k > 0) end.y = Math.max(end.y, ends[k - 1].y + 16)
  return ends.map(({ name, i, y }) => text(plot.right + 10, y + 4.5, name, 'start', colours[i]))
}

const text = (x: number, y: number, content: string, anchor = 'middle', fill = '#68727d') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`
