import { Rng } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { type ImageSpec, initPhysics, makeEnv, type RobotEnv } from '../../envs/index.js'
import { findSuite } from '../../rl/evaluate.js'
import { median } from '../../rl/rollout/envBenchmark.js'
import { count } from '../options.js'

/**
 * What motion costs: control steps per second of processor time of moving tasks beside the static ones, in turns, with
 * the expert and some noise. Static episodes end with success here, as moving ones do: what comes after it is idle and
 * fast. Resets are counted by themselves: that of a moving task rehearses the expert.
 * Run: node dist/scripts/studies/movingSpeed.js --rounds 5
 */
interface Options {
  rounds: number
  episodes: number
}

const still = 'simpler-widowx'
const moving = 'domino-widowx'
const observations: readonly { name: string; image: ImageSpec | null; lookEvery: number }[] = [
  { name: 'state', image: null, lookEvery: 1 },
  { name: '80x80-every-3', image: { width: 80, height: 80 }, lookEvery: 3 },
]

interface Runner {
  /** A suite, or how things move in it. */
  readonly group: string
  readonly env: RobotEnv
  readonly lookEvery: number
}

/** Processor seconds, and what was done in them. */
interface Times {
  readonly group: string
  stepping: number
  resetting: number
  steps: number
  resets: number
}

const options = new Command('movingSpeed')
  .option('--rounds <n>', 'rounds over all tasks after one that warms up', count, 5)
  .option('--episodes <n>', 'episodes of a task in a round', count, 2)
  .parse()
  .opts<Options>()

await initPhysics()
for (const { name, image, lookEvery } of observations) {
  const runners = [still, moving].map((suite) =>
    findSuite(suite).tasks.map(
      (task): Runner => ({
        group: groupOf(task),
        env: makeEnv(task, { image, placement: 'random', successSteps: suite === still ? 1 : 0 }),
        lookEvery,
      }),
    ),
  )
  const order = inTurns(runners[0], runners[1])
  const rounds: Times[][] = []
  for (let round = 0; round <= options.rounds; round++) {
    const times = order.map((runner) => play(runner, options.episodes))
    if (round > 0) rounds.push(times)
  }
  for (const { env } of runners.flat()) env.close()
  const groups = [still, ...new Set(runners[1].map(({ group }) => group)), moving]
  for (const group of groups) process.stdout.write(`${name}: ${readable(group, rounds)}\n`)
}

function groupOf(task: string): string {
  if (!task.startsWith('moving_')) return still
  const [, physical] = /_(rolling|sliding|conveyed)_/.exec(task) ?? []
  return physical ?? 'on a path'
}

/** The few static tasks again and again between the others. */
function inTurns(few: readonly Runner[], many: readonly Runner[]): Runner[] {
  return many.flatMap((runner, i) => [few[i % few.length], runner])
}

function readable(group: string, rounds: readonly Times[][]): string {
  const isOf = (name: string) => (times: Times) =>
    times.group === name || (name === moving && times.group !== still)
  const rates = (name: string, seconds: (times: Times) => number) =>
    rounds.map((times) => {
      const own = times.filter(isOf(name))
      return sum(own, ({ steps }) => steps) / sum(own, seconds)
    })
  const stepping = ({ stepping }: Times) => stepping
  const all = ({ stepping, resetting }: Times) => stepping + resetting
  const [plain, counted] = [stepping, all].map((seconds) => {
    const [own, reference] = [rates(group, seconds), rates(still, seconds)]
    const ratio = median(own.map((rate, i) => rate / reference[i]))
    return `${median(own).toFixed(0)} steps/cpu-s (${ratio.toFixed(2)} of the static ones)`
  })
  const own = rounds.flat().filter(isOf(group))
  const reset = (1000 * sum(own, ({ resetting }) => resetting)) / sum(own, ({ resets }) => resets)
  return `${group}: ${plain}, with resets ${counted}; a reset ${reset.toFixed(1)} ms`
}

function sum(times: readonly Times[], value: (times: Times) => number): number {
  return times.reduce((total, each) => total + value(each), 0)
}

/** The same episodes in every round. */
function play({ group, env, lookEvery }: Runner, episodes: number): Times {
  const times = { group, stepping: 0, resetting: 0, steps: 0, resets: 0 }
  for (let i = 0; i < episodes; i++) {
    const rng = Rng.fromSeed(i, 'benchmark')
    const begun = processorSeconds()
    env.reset({ seed: i })
    const started = processorSeconds()
    times.resetting += started - begun
    times.resets++
    for (let done = false; !done; ) {
      const action = env.expertAction()
      for (let k = 0; k < 3; k++) action[k] += rng.uniform(-0.005, 0.005)
      const [seen, , terminated, truncated] = env.step(action)
      times.steps++
      if (times.steps % lookEvery === 0) void seen.image
      done = terminated || truncated
    }
    times.stepping += processorSeconds() - started
  }
  return times
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
