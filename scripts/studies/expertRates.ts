import { Command, InvalidArgumentError } from 'commander'
import { writeFileAtomic } from '../../rl/atomicFile.js'
import { evaluationEpisodes, findSuite } from '../../rl/evaluate.js'
import type { EpisodeRecord } from '../../rl/rollout/episode.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { wilson } from '../../rl/statistics.js'
import { count, interval, notNegative, percent, seed } from '../options.js'

/**
 * How often the scripted expert solves tasks with something that moves, on every layout and path that is drawn: none
 * is drawn again because it fails. With `--speeds` the same episodes in every band of speeds of physical motion.
 * Run: node dist/scripts/studies/expertRates.js --task 'rolling|conveyed' --episodes 100 --speeds 0.15-0.25,0.25-0.35
 */
interface Options {
  suite: string
  task: string
  speeds?: (readonly [low: number, high: number])[]
  alpha?: number
  episodes: number
  seed: number
  workers: number
  out?: string
}

interface Rate {
  readonly task: string
  readonly speed?: readonly [low: number, high: number]
  readonly episodes: number
  readonly successes: number
  readonly ci95: [lo: number, hi: number]
  /** Episodes that failed, by reason. */
  readonly failures: Record<string, number>
  readonly grasps: number
}

const options = new Command('expertRates')
  .option('--suite <id>', 'suite', 'domino-widowx')
  .option('--task <regexp>', 'tasks of the suite', '.')
  .option('--speeds <bands>', 'bands of the speed of physical motion, m/s: 0.15-0.25,0.25-0.35', speedBands)
  .option('--alpha <v>', 'cap of the mean speed on a path, m/s', notNegative)
  .option('--episodes <n>', 'episodes of each task', count, 100)
  .option('--seed <n>', 'seed', seed, 0)
  .option('--workers <n>', 'worker threads', count, 2)
  .option('--out <file>', 'rates as JSON')
  .parse()
  .opts<Options>()

const suite = findSuite(options.suite)
const pattern = new RegExp(options.task)
const tasks = suite.tasks.filter((task) => pattern.test(task))
const episodes = evaluationEpisodes({ ...options, suite, tasks, placement: 'random' })
const pool = new RolloutPool(options.workers)
const rates: Rate[] = []
for (const speed of options.speeds ?? [undefined]) {
  for (const task of tasks) {
    const rate = await measure(task, speed)
    rates.push(rate)
    process.stdout.write(`${readable(rate)}\n`)
    if (options.out) writeFileAtomic(options.out, JSON.stringify({ seed: options.seed, rates }, null, 2))
  }
}
await pool.close()

async function measure(task: string, speed: Rate['speed']): Promise<Rate> {
  const own = episodes.filter((each) => each.task === task)
  const size = Math.ceil(own.length / options.workers)
  const motion = {
    verified: false,
    ...(speed && { speed }),
    ...(options.alpha !== undefined && { alpha: options.alpha }),
  }
  const parts = Array.from({ length: options.workers }, (_, i) => own.slice(i * size, (i + 1) * size))
  const results = await Promise.all(
    parts
      .filter((part) => part.length > 0)
      .map((part) =>
        pool.runScripted({
          task,
          agent: 'expert',
          episodes: part,
          env: { image: null, motion },
          videoEpisodes: 0,
        }),
      ),
  )
  return rateOf(
    task,
    speed,
    results.flatMap(({ records }) => records),
  )
}

function rateOf(task: string, speed: Rate['speed'], records: readonly EpisodeRecord[]): Rate {
  const successes = records.filter(({ success }) => success).length
  const failures: Record<string, number> = {}
  for (const { motion } of records) {
    if (motion?.failReason) failures[motion.failReason] = (failures[motion.failReason] ?? 0) + 1
  }
  return {
    task,
    ...(speed && { speed }),
    episodes: records.length,
    successes,
    ci95: wilson(successes, records.length),
    failures,
    grasps: records.filter(({ graspedOnce }) => graspedOnce).length,
  }
}

function readable({ task, speed, episodes, successes, ci95, failures, grasps }: Rate): string {
  const band = speed ? ` ${speed.join('-')} m/s` : ''
  const reasons = Object.entries(failures).map(([reason, n]) => `${reason} ${n}`)
  return [
    `${task.padEnd(46)}${band}`,
    `${successes}/${episodes}`.padStart(8),
    `${percent(successes / episodes)} ${interval(ci95)}`,
    `grasped ${grasps}`,
    reasons.join(', '),
  ].join('  ')
}

function speedBands(value: string): (readonly [number, number])[] {
  return value.split(',').map((band) => {
    const [low, high, ...rest] = band.split('-').map(Number)
    if (rest.length > 0 || !Number.isFinite(low) || !Number.isFinite(high))
      throw new InvalidArgumentError('bands look like 0.15-0.25,0.25-0.35.')
    return [low, high] as const
  })
}
