import { readFileSync, writeFileSync } from 'node:fs'
import { type SuccessDot, successPlot } from './successPlot.js'

/**
 * Draws mean success against demonstrations of each task as an SVG, after SFT and after RL, with 95 % intervals. Run:
 * node dist/scripts/generators/demonstrationCurve.js OUT.svg N=SFT[,RL]..., files that eval --json has written.
 */
const [out, ...entries] = process.argv.slice(2)
if (!out || entries.length < 2)
  throw new Error('usage: demonstrationCurve.js OUT.svg N=SFT.json[,RL.json]...')

const measured = entries.map((entry) => {
  const [demonstrations, files] = entry.split('=')
  const [sft, rl] = files.split(',')
  return { demonstrations: Number(demonstrations), sft, rl }
})
const counts = measured.map(({ demonstrations }) => demonstrations)
const [least, most] = [Math.min(...counts), Math.max(...counts)]
const lines = (['sft', 'rl'] as const).map((stage) => {
  const dots = measured.flatMap((row): SuccessDot[] =>
    row[stage] ? [dot(row.demonstrations, row[stage])] : [],
  )
  return { name: stage.toUpperCase(), points: dots.map(({ x, success }) => [x, success] as const), dots }
})
const plot = successPlot({
  title: 'Success against demonstrations, after SFT and after RL',
  xLabel: 'demonstrations of each task (logarithmic)',
  xTicks: counts.map((count) => [count, String(count)]),
  // A margin at the left, so that no interval lies on the axis.
  xShare: (x) => 0.05 + 0.93 * (Math.log(x / least) / Math.log(most / least)),
  lines,
})
writeFileSync(out, plot)

function dot(x: number, file: string): SuccessDot {
  const { rate, ci95 } = JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1)!).mean
  return { x, success: rate, ci95 }
}
