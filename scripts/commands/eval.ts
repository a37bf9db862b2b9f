import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Suite } from '../../envs/index.js'
import { type ActingSettings, isRemoteUrl } from '../../policy/index.js'
import { makeFolder, writeFileAtomic } from '../../rl/atomicFile.js'
import {
  type Agent,
  defaultEpisodes,
  type Evaluation,
  type EvaluationReport,
  evaluate,
  findSuite,
  loadAgent,
  releaseAgent,
} from '../../rl/evaluate.js'
import { intentionText } from '../../rl/intentionReport.js'
import { motionText } from '../../rl/motionReport.js'
import type { LiveOptions } from '../../rl/rollout/livePolicy.js'
import { policyThreads } from '../../rl/rollout/policyThreads.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { scriptedAgents } from '../../rl/rollout/scripted.js'
import { writeEvaluationFolder } from '../../rl/runReport.js'
import {
  actingSettings,
  type CommonOptions,
  chooseTasks,
  count,
  type DeviceOptions,
  deviceOption,
  interruptSignal,
  interval,
  notNegative,
  percent,
  positive,
  printResult,
  successRate,
  withActingOptions,
  withCommonOptions,
} from '../options.js'
import { createProgress } from '../progress.js'

interface Options extends CommonOptions, DeviceOptions, ActingSettings {
  suite: string
  task?: string[]
  policy: string
  episodes?: number
  placement: 'official' | 'random'
  live?: boolean
  latency?: number
  latencies?: number[]
  mapping?: string
  robots?: number
  timeout?: number
  videos: number
  out?: string
}

export function evalCommand(): Command {
  return withActingOptions(withCommonOptions(new Command('eval')))
    .description('evaluate a policy: fixed-length episodes, success at the last step, 95 % Wilson interval')
    .option('--suite <id>', 'suite', 'simpler-widowx')
    .option('--task <id...>', 'only these tasks of the suite')
    .requiredOption(
      '--policy <p>',
      "'expert', 'random', 'still', a policy or run folder, or a server: ws://HOST:PORT",
    )
    .option(
      '--episodes <n>',
      'episodes of each task (default: the official number; 100 with random placement)',
      count,
    )
    .addOption(
      new Option('--placement <p>', 'where things stand').choices(['official', 'random']).default('official'),
    )
    .option('--live', 'the world goes on while the policy thinks, for as long as it takes')
    .option('--latency <ms>', 'live, with answers that take so long in the world', notNegative)
    .option('--latencies <list>', 'success against latency: 0,100,200,400', latencyList)
    .option('--mapping <m>', 'how a server is asked: a name or a .json file (vla-gym serve needs none)')
    .option('--robots <n>', 'robots that ask a server at a time, each over its own connection', count)
    .option('--timeout <s>', "seconds until a server's answer must have come (default: 30)", positive)
    .addOption(deviceOption())
    .option('--out <dir>', 'folder for the report, the episode records and a video')
    .option('--videos <n>', 'episodes in the video', count, 8)
    .action(async (options: Options) => {
      checkOptions(options)
      const suite = findSuite(options.suite)
      const tasks = chooseTasks(suite, options.task)
      // Before the work: a folder that cannot be written is better known now.
      if (options.out) makeFolder(options.out)
      const agent = await loadAgent(options.policy, {
        threads: policyThreads(options.threads, options.workers),
        device: options.device,
        acting: actingSettings(options),
        remote: {
          mapping: options.mapping,
          timeout: options.timeout,
          apiKey: process.env.VLA_GYM_API_KEY || undefined,
          onRetry: (message) => process.stderr.write(`${message}\n`),
        },
      })
      const pool = new RolloutPool(options.workers)
      const work = { pool, agent, suite, tasks, options, signal: interruptSignal() }
      try {
        if (options.latencies) await evaluateLatencies(work, options.latencies)
        else await evaluateOnce(work)
      } finally {
        await pool.close()
        await releaseAgent(agent)
      }
    })
}

interface Work {
  readonly pool: RolloutPool
  readonly agent: Agent
  readonly suite: Suite
  readonly tasks: readonly string[]
  readonly options: Options
  readonly signal: AbortSignal
}

function latencyList(value: string): number[] {
  const list = value.split(',').map(notNegative)
  if (new Set(list).size !== list.length) throw new InvalidArgumentError('the same latency twice.')
  return list
}

function checkOptions(options: Options): void {
  const { live, latency, latencies, policy } = options
  if (latencies && (live || latency !== undefined))
    throw new UserError('--latencies is of stated latencies: leave --live and --latency out')
  const isCheckpoint = !isRemoteUrl(policy) && !(scriptedAgents as readonly string[]).includes(policy)
  if (!isCheckpoint && Object.keys(actingSettings(options)).length > 0)
    throw new UserError(`how a policy acts can be set for a checkpoint, not for ${policy}`)
  if (isRemoteUrl(policy)) return
  for (const name of ['mapping', 'robots', 'timeout'] as const)
    if (options[name] !== undefined)
      throw new UserError(`--${name} is for --policy ws://HOST:PORT, not for ${policy}`)
}

async function evaluateOnce(work: Work): Promise<void> {
  const { live, latency, out, json } = work.options
  const inTime = live || latency !== undefined ? { latency } : undefined
  const { report } = await run(work, 'eval', inTime, out)
  printResult(json, report, evaluationText(report))
  warnOfFailures([report])
}

/** What `--latencies` answers. */
export interface LatencyCurve {
  readonly suite: string
  readonly policy: string
  readonly seed: number
  readonly evaluations: EvaluationReport[]
}

async function evaluateLatencies(work: Work, latencies: readonly number[]): Promise<void> {
  const { out, json } = work.options
  const evaluations: EvaluationReport[] = []
  for (const latency of latencies) {
    const folder = out && join(out, `latency-${latency}`)
    evaluations.push((await run(work, `eval ${latency} ms`, { latency }, folder)).report)
  }
  const [{ suite, policy, seed }] = evaluations
  const curve: LatencyCurve = { suite, policy, seed, evaluations }
  if (out) writeFileAtomic(join(out, 'latencies.json'), JSON.stringify(curve, null, 2))
  printResult(json, curve, latencyText(curve))
  warnOfFailures(evaluations)
}

async function run(work: Work, label: string, live?: LiveOptions, out?: string): Promise<Evaluation> {
  const { pool, agent, suite, tasks, options, signal } = work
  const { episodes } = options
  const total = tasks.reduce(
    (sum, task) => sum + (episodes ?? defaultEpisodes(suite, options.placement, task)),
    0,
  )
  const progress = createProgress({ label, total, unit: 'episodes' })
  try {
    const evaluation = await evaluate(pool, agent, options.policy, {
      suite,
      tasks,
      episodes,
      placement: options.placement,
      seed: options.seed,
      live,
      robots: options.robots,
      videoEpisodes: out ? options.videos : 0,
      signal,
      onProgress: (done, successes) => progress.update(done, successRate(successes / done)),
    })
    progress.stop()
    if (out) await writeEvaluationFolder(out, evaluation)
    return evaluation
  } finally {
    progress.stop()
  }
}

/** A result that lacks episodes must not pass for a whole one in a script. */
function warnOfFailures(reports: readonly EvaluationReport[]): void {
  for (const { infrastructureFailures: failures } of reports) {
    if (!failures) continue
    process.stderr.write(`${failures.episodes} episodes could not be played: ${failures.reasons[0]}\n`)
    process.exitCode = 1
  }
}

export function evaluationText(report: EvaluationReport): string {
  const width = Math.max(...report.tasks.map(({ task }) => task.length), 4)
  const line = (name: string, n: string, rate: string, ci: string, rest = '') =>
    `${name.padEnd(width)}  ${n.padStart(9)}  ${rate.padStart(7)}  ${ci.padEnd(15)}${rest}`.trimEnd()
  return [
    `${report.suite}, ${report.protocol}; policy ${report.policy}, seed ${report.seed}`,
    line('task', 'successes', 'rate', '95 % interval', '  any step, grasped'),
    ...report.tasks.map((t) =>
      line(
        t.task,
        `${t.successes}/${t.episodes}`,
        percent(t.rate),
        interval(t.ci95),
        `  ${t.successesOnce}, ${t.grasps}`,
      ),
    ),
    line('mean', '', percent(report.mean.rate), interval(report.mean.ci95)),
    ...liveText(report),
    ...motionText(report),
    ...intentionText(report),
    ...failuresText(report),
  ].join('\n')
}

function liveText({ live }: EvaluationReport): string[] {
  if (!live) return []
  const { p50, p95, answers, held } = live
  return [
    `answers took ${p50.toFixed(1)} ms (median), ${p95.toFixed(1)} ms (95 %), n = ${answers}; ` +
      `the arm held for want of one in ${percent(held)} of the control steps`,
  ]
}

function failuresText({ infrastructureFailures: failures }: EvaluationReport): string[] {
  if (!failures) return []
  const { episodes, tasks, reasons } = failures
  const none = tasks.length > 0 ? ` (all of ${tasks.join(', ')})` : ''
  return [
    `infrastructure failures: ${episodes} episodes not played${none}, in no rate: ${reasons.join('; ')}`,
  ]
}

function latencyText({ suite, policy, seed, evaluations }: LatencyCurve): string {
  const line = (...cells: string[]) => cells.map((cell) => cell.padStart(14)).join('')
  return [
    `${suite}, ${evaluations[0].protocol.split(', live')[0]}, live; policy ${policy}, seed ${seed}`,
    line('latency', 'successes', 'mean rate', '95 % interval', 'held'),
    ...evaluations.map(({ live, tasks, mean }) => {
      const sum = (key: 'successes' | 'episodes') => tasks.reduce((total, task) => total + task[key], 0)
      const n = `${sum('successes')}/${sum('episodes')}`
      return line(`${live!.latency} ms`, n, percent(mean.rate), interval(mean.ci95), percent(live!.held))
    }),
    ...evaluations.flatMap(failuresText),
  ].join('\n')
}
