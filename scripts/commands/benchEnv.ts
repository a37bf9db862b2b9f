import { Command } from 'commander'
import { initPhysics } from '../../envs/index.js'
import { findSuite } from '../../rl/evaluate.js'
import { describeMachine } from '../../rl/machine.js'
import { benchmarkLongRun, median } from '../../rl/rollout/envBenchmark.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import {
  type CommonOptions,
  chooseTasks,
  count,
  positive,
  printResult,
  withCommonOptions,
} from '../options.js'
import { createProgress } from '../progress.js'

interface Result {
  readonly name: string
  readonly unit: string
  /** The median of n measurements. */
  readonly value: number
  readonly n: number
  readonly least?: number
  readonly [detail: string]: unknown
}

interface Options extends CommonOptions {
  readonly seconds: number
  readonly repeats: number
  readonly suite: string
  readonly task?: string[]
  readonly long?: boolean
  readonly mujoco?: boolean
}

/** What is looked at, and how often. */
const observations = [
  { name: 'state', image: null, lookEvery: 1 },
  { name: '640x480-every-8', image: { width: 640, height: 480 }, lookEvery: 8 },
  { name: '640x480', image: { width: 640, height: 480 }, lookEvery: 1 },
  { name: '128x128', image: { width: 128, height: 128 }, lookEvery: 1 },
]

const longRun = { image: { width: 128, height: 128 }, lookEvery: 8, episodes: 1000 }

export function benchEnvCommand(): Command {
  return withCommonOptions(new Command('env'))
    .description('control steps per second: state only, with images, one and several workers')
    .option('--suite <id>', 'suite', 'simpler-widowx')
    .option('--task <id...>', 'only these tasks of the suite')
    .option('--seconds <s>', 'time measured for each figure, all repeats together', positive, 2)
    .option('--repeats <n>', 'rounds over all figures; the result is the median', count, 3)
    .option('--long', `instead: how rate and memory change over ${longRun.episodes} episodes of each task`)
    .option('--mujoco', 'instead: time per simulated second, beside MuJoCo on the same scene')
    .action(async (options: Options) => {
      const results = await measure(options)
      printResult(options.json, { machine: describeMachine(), results }, results.map(readable).join('\n'))
    })
}

function readable({ name, unit, value, n, least }: Result): string {
  const spread = least === undefined ? '' : `, least ${least.toPrecision(4)}`
  return `${name.padEnd(62)} ${value.toPrecision(4).padStart(9)} ${unit} (n ${n}${spread})`
}

interface Chosen {
  readonly suite: string
  readonly task: string
}

async function measure(options: Options): Promise<Result[]> {
  if (options.mujoco) return besideMujoco(options)
  const chosen = chooseTasks(findSuite(options.suite), options.task).map(
    (task): Chosen => ({ suite: options.suite, task }),
  )
  return options.long ? longRuns(chosen) : rates(chosen, options)
}

/** Rounds over all figures, so that a slow minute of the machine meets all of them. */
async function rates(chosen: readonly Chosen[], { workers, seconds, repeats }: Options): Promise<Result[]> {
  const counts = [...new Set([1, workers])]
  // Kept over the rounds: a new worker would have to compile everything again.
  const pools = counts.map((workerCount) => new RolloutPool(workerCount))
  process.stderr.write('warming up\n')
  for (const pool of pools) {
    for (const { image, lookEvery } of observations)
      await pool.benchmarkEnvs({ task: chosen[0].task, image, lookEvery, seconds: seconds / repeats })
  }
  const measured = new Map<string, number[]>()
  for (let round = 0; round < repeats; round++) {
    for (const pool of pools) {
      for (const { suite, task } of chosen) {
        for (const { name, image, lookEvery } of observations) {
          const run = { task, image, lookEvery, seconds: seconds / repeats }
          const figure = `${suite}/${task}/${name}/${pool.workers}`
          const rate = await pool.benchmarkEnvs(run)
          measured.set(figure, [...(measured.get(figure) ?? []), rate])
          process.stderr.write(`${round + 1}/${repeats} ${figure} ${rate.toFixed(0)}\n`)
        }
      }
    }
  }
  for (const pool of pools) await pool.close()
  const results = [...measured].map(
    ([name, values]): Result => ({
      name,
      unit: 'control-steps/s',
      value: median(values),
      n: values.length,
      least: Math.min(...values),
      most: Math.max(...values),
    }),
  )
  return [...results, ...summaries(chosen, counts, results)]
}

/** Per suite and observation: the median over tasks, and how much faster several workers are than one. */
function summaries(
  chosen: readonly Chosen[],
  counts: readonly number[],
  results: readonly Result[],
): Result[] {
  const rateOf = new Map(results.map(({ name, value }) => [name, value]))
  const out: Result[] = []
  for (const suite of new Set(chosen.map((each) => each.suite))) {
    const tasks = chosen.filter((each) => each.suite === suite).map(({ task }) => task)
    for (const { name } of observations) {
      const over = (workerCount: number) =>
        tasks.map((task) => rateOf.get(`${suite}/${task}/${name}/${workerCount}`)!)
      for (const workerCount of counts) {
        const value = median(over(workerCount))
        out.push({
          name: `${suite}/median/${name}/${workerCount}`,
          unit: 'control-steps/s',
          value,
          n: tasks.length,
        })
      }
      const [one, several] = counts.map(over)
      if (!several) continue
      out.push({
        name: `${suite}/median/${name}/${counts[1]}-over-1`,
        unit: 'x',
        value: median(several.map((rate, i) => rate / one[i])),
        n: tasks.length,
      })
    }
  }
  return out
}

async function longRuns(chosen: readonly Chosen[]): Promise<Result[]> {
  await initPhysics()
  const results: Result[] = []
  for (const { suite, task } of chosen) {
    const progress = createProgress({ label: task, total: longRun.episodes, unit: 'episodes' })
    const { early, late, drift, window, earlyMemory, lateMemory } = benchmarkLongRun({
      task,
      ...longRun,
      onProgress: (episode) => progress.update(episode),
    })
    progress.stop()
    const name = `${suite}/${task}/128x128-every-8/1`
    const episodes = longRun.episodes
    results.push(
      { name: `${name}/rate-at-${window}`, unit: 'control-steps/cpu-s', value: early, n: window },
      { name: `${name}/rate-at-${episodes}`, unit: 'control-steps/cpu-s', value: late, n: window },
      { name: `${name}/drift`, unit: '%', value: 100 * drift, n: window },
      {
        name: `${name}/memory-growth`,
        unit: 'MB/1000-episodes',
        value: ((lateMemory - earlyMemory) / 1e6) * (1000 / (episodes - window)),
        n: 1,
        rss: lateMemory / 1e6,
      },
    )
  }
  return results
}

async function besideMujoco({ seconds }: Options): Promise<Result[]> {
  const { benchmarkPhysics } = await import('../peers/physicsBenchmark.js')
  const results = await benchmarkPhysics(Math.max(5, Math.round(15 * seconds)))
  return results.flatMap(({ scenario, engine, timestep, wallMs, leastMs, n, jointDriftMm, cubeOffsetMm }) => {
    const name = `physics/widowx-${scenario}/${engine}/${(1000 * timestep).toFixed(1)}ms`
    const lines: Result[] = [
      { name: `${name}/time`, unit: 'ms/simulated-s', value: wallMs, n, least: leastMs },
      { name: `${name}/steps`, unit: 'steps/s', value: 1000 / (timestep * wallMs), n },
      { name: `${name}/joint-drift`, unit: 'mm', value: jointDriftMm, n: 1 },
    ]
    if (scenario === 'holding')
      lines.push({ name: `${name}/cube-from-tool-centre`, unit: 'mm', value: cubeOffsetMm, n: 1 })
    return lines
  })
}
