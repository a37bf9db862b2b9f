import { Command } from 'commander'
import { loadPolicyData, PolicyRuntime } from '../../policy/index.js'
import { resolvePolicyDir } from '../../rl/checkpoint.js'
import { findSuite } from '../../rl/evaluate.js'
import { describeMachine } from '../../rl/machine.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { chunkLatencies } from '../benchmarks/chunkLatency.js'
import { medianInterval } from '../benchmarks/medianInterval.js'
import { benchmarkRemotePolicy, remoteText, usualLoads } from '../benchmarks/remotePolicy.js'
import { type Iteration, trainingIterations } from '../benchmarks/trainingIterations.js'
import {
  type CommonOptions,
  count,
  interruptSignal,
  positive,
  printResult,
  withCommonOptions,
} from '../options.js'
import { demoCheckpoint } from '../policies.js'
import { createProgress, type Progress } from '../progress.js'

interface Options extends CommonOptions {
  readonly policy?: string
  readonly suite: string
  readonly seconds: number
  readonly iterations: number
  readonly episodes: number
  readonly remote?: boolean
}

interface Result {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** 95 % interval of the median. */
  readonly interval: readonly [number, number]
  readonly n: number
}

const batches = [1, 32]

export function benchPolicyCommand(): Command {
  return withCommonOptions(new Command('policy'))
    .description('latency of an action chunk, and where the time of iterations of train rl goes')
    .option('--policy <dir>', 'policy or run folder (default: the shipped checkpoint)')
    .option('--suite <id>', 'suite that is trained on', 'simpler-widowx')
    .option('--seconds <s>', 'time spent on each latency', positive, 2)
    .option('--iterations <n>', 'iterations that are measured, after a warm-up', count, 9)
    .option('--episodes <n>', 'episodes of an iteration, equally many of every task', count, 128)
    .option('--remote', 'instead: requests/s and latency of vla-gym serve over loopback, beside this process')
    .action(async (options: Options) => {
      if (options.remote) return benchmarkRemote(options)
      const results = [...(await latencies(options)), ...(await iterations(options))]
      printResult(options.json, { machine: describeMachine(), results }, results.map(readable).join('\n'))
    })
}

async function benchmarkRemote({ policy, suite, threads, seconds, json }: Options): Promise<void> {
  const results = await benchmarkRemotePolicy({
    policy: resolvePolicyDir(policy ?? demoCheckpoint),
    embodiment: findSuite(suite).embodiment,
    threads,
    device: 'cpu',
    loads: usualLoads,
    image: 224,
    format: 'raw',
    seconds,
  })
  printResult(json, { machine: describeMachine(), results }, results.map(remoteText).join('\n'))
}

const readable = ({ name, unit, value, interval, n }: Result): string =>
  `${name.padEnd(44)} ${figure(value).padStart(9)} ${unit.padEnd(12)} [${interval.map(figure).join(', ')}], n ${n}`

const figure = (value: number): string => value.toPrecision(3)

async function latencies({ policy = demoCheckpoint, suite, seconds, threads }: Options): Promise<Result[]> {
  const data = loadPolicyData(resolvePolicyDir(policy))
  const runtime = await PolicyRuntime.create(data, { threads })
  const { embodiment } = findSuite(suite)
  const measured = await chunkLatencies(runtime, embodiment, batches, seconds)
  await runtime.release()
  const { preset } = runtime.config
  return measured.map((latency) => ({ ...latency, name: `policy/${preset}/${latency.name}`, unit: 'ms' }))
}

async function iterations(options: Options): Promise<Result[]> {
  const pool = new RolloutPool(options.workers)
  let progress: Progress | undefined
  try {
    const measured = await trainingIterations(pool, {
      policy: options.policy ?? demoCheckpoint,
      suite: findSuite(options.suite),
      iterations: options.iterations,
      episodes: options.episodes,
      seed: options.seed,
      threads: options.threads,
      signal: interruptSignal(),
      onProgress(iteration, total) {
        progress ??= createProgress({ label: 'train rl', total, unit: 'iterations' })
        progress.update(iteration)
      },
    })
    return figures.map(({ name, unit, of }) => {
      const { median, interval } = medianInterval(measured.map(of))
      return { name: `rl/${name}`, unit, value: median, interval, n: measured.length }
    })
  } finally {
    progress?.stop()
    await pool.close()
  }
}

const percent = (share: number): number => 100 * share
const wall = (i: Iteration): number => i.rolloutSeconds + i.updateSeconds
/** Share of an iteration's processor time. */
const ofIteration = (i: Iteration, cpuSeconds: number): number =>
  percent(cpuSeconds / (i.rolloutCpuSeconds + i.updateCpuSeconds))
const phases = ['physics', 'rendering', 'resets', 'policy', 'transfer', 'other'] as const

const figures: readonly { name: string; unit: string; of(iteration: Iteration): number }[] = [
  { name: 'rollouts', unit: 'episodes/min', of: (i) => (60 * i.episodes) / wall(i) },
  { name: 'decisions', unit: '1/s', of: (i) => i.decisions / wall(i) },
  { name: 'iteration', unit: 's', of: wall },
  { name: 'iteration/rollout', unit: 's', of: (i) => i.rolloutSeconds },
  { name: 'iteration/update', unit: 's', of: (i) => i.updateSeconds },
  { name: 'iteration/update/actor', unit: 's', of: (i) => i.actorSeconds },
  { name: 'iteration/update/critic', unit: 's', of: (i) => i.criticSeconds },
  {
    name: 'iteration/update/other',
    unit: 's',
    of: (i) => i.updateSeconds - i.actorSeconds - i.criticSeconds,
  },
  ...phases.map((phase) => ({
    name: `processor/${phase}`,
    unit: '%',
    of: (i: Iteration) => ofIteration(i, i.rolloutCpuSeconds * i[`rollout/${phase}`]),
  })),
  { name: 'processor/update', unit: '%', of: (i) => ofIteration(i, i.updateCpuSeconds) },
  ...phases.map((phase) => ({
    name: `rollout/processor/${phase}`,
    unit: '%',
    of: (i: Iteration) => percent(i[`rollout/${phase}`]),
  })),
  { name: 'rollout/workers-idle', unit: '%', of: (i) => percent(i['rollout/idle']) },
  { name: 'rollout/cores-used', unit: 'cores', of: (i) => i.rolloutCpuSeconds / i.rolloutSeconds },
  { name: 'other-programs', unit: '% of cores', of: (i) => percent(i.others) },
]
