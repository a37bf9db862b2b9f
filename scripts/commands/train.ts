import { UserError } from '@vla-gym/gymnasium'
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  type ActingSettings,
  type SamplerId,
  type SettingTable,
  samplerIds,
  samplerOptions,
} from '../../policy/index.js'
import { type AlgorithmId, algorithmIds, algorithmOptions } from '../../rl/algorithms.js'
import type { TrainingPlacement } from '../../rl/collect.js'
import { findSuite } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { type RlSummary, rlSummary, writeRlReport } from '../../rl/runReport.js'
import type { AverageSettings, MemorySettings } from '../../rl/stages/backendSettings.js'
import { groundingOptions, trainGrounding } from '../../rl/stages/grounding.js'
import { rlDefaults, rlOptions, type TrainRlOptions, trainRl } from '../../rl/stages/rl.js'
import { sftOptions, trainSft } from '../../rl/stages/sft.js'
import { t2aOptions, trainT2a } from '../../rl/stages/t2a.js'
import {
  actingSettings,
  type CommonOptions,
  chooseTasks,
  count,
  type DeviceOptions,
  deviceOption,
  interruptSignal,
  interval,
  loraRankOption,
  percent,
  pickSettings,
  positive,
  printResult,
  type RlOptions,
  refuseOtherSettings,
  successRate,
  trainingPlacementOption,
  withActingOptions,
  withCommonOptions,
  withRlOptions,
  withSettings,
} from '../options.js'
import { createProgress } from '../progress.js'

export function trainCommand(): Command {
  return new Command('train')
    .description('train a policy: grounding, text to action, supervised fine-tuning, reinforcement learning')
    .addCommand(groundingCommand())
    .addCommand(t2aCommand())
    .addCommand(sftCommand())
    .addCommand(rlCommand())
}

/** Number of a share strictly between 0 and 1. */
function decay(value: string): number {
  const parsed = positive(value)
  if (parsed >= 1) throw new InvalidArgumentError('must be less than 1.')
  return parsed
}

const emaOption = (): Option =>
  new Option(
    '--ema <decay>',
    'evaluate and save a moving average of the trained weights, 0.999 for one over about a thousand steps',
  ).argParser(decay)

/** Options for models that are large for the memory there is. */
const withMemoryOptions = (command: Command): Command =>
  command
    .option(
      '--micro-batch <rows>',
      'run so many rows of a minibatch at once and add their gradients up',
      count,
    )
    .option(
      '--recompute <n>',
      'keep activations at every n-th residual addition only and compute the others again: less memory, more time',
      count,
    )

type StageCommandOptions<Data = string> = CommonOptions &
  DeviceOptions &
  AverageSettings &
  Record<string, unknown> & { data: Data; out: string }

function groundingCommand(): Command {
  const command = withCommonOptions(new Command('grounding'))
    .description('train the backbone of a policy to say where the named things are')
    .option('--init <dir>', 'policy or run folder whose backbone is trained on (default: a new policy)')
    .requiredOption('--data <dir>', "dataset of 'vla-gym collect', best collected with --distractors")
    .requiredOption('--out <dir>', 'run folder; an interrupted run goes on in it')
    .addOption(emaOption())
    .addOption(deviceOption())
  return withSettings(command, groundingOptions).action(
    async (options: StageCommandOptions & { init?: string }) => {
      const config = pickSettings(groundingOptions, options)
      const stage = stageOptions(options, 'grounding', config.steps)
      const result = await trainGrounding({ ...stage, config, init: options.init }).finally(stage.stop)
      printResult(options.json, { checkpoint: options.out, ...result }, figures(options.out, result))
    },
  )
}

type T2aCommandOptions = StageCommandOptions<string | undefined> & {
  init: string
  sequence: 'chunk' | 'full'
}

function t2aCommand(): Command {
  const command = withCommonOptions(new Command('t2a'))
    .description('train the action expert on text and robot state alone, before it sees pictures')
    .requiredOption('--init <dir>', 'policy or run folder to start from (a grounded one)')
    .option('--data <dir>', 'demonstrations to learn from beside synthetic instructions, pictures left out')
    .requiredOption('--out <dir>', 'run folder; an interrupted run goes on in it')
    .addOption(
      new Option('--sequence <s>', "what is predicted in training: the policy's chunk or a longer sequence")
        .choices(['chunk', 'full'])
        .default('full'),
    )
    .addOption(emaOption())
    .addOption(deviceOption())
  return withSettings(command, t2aOptions).action(async (options: T2aCommandOptions) => {
    const config = pickSettings(t2aOptions, options)
    const stage = stageOptions(options, 't2a', config.steps)
    const { init, sequence } = options
    const result = await trainT2a({ ...stage, config, init, sequence }).finally(stage.stop)
    printResult(options.json, { checkpoint: options.out, ...result }, figures(options.out, result))
  })
}

type SftCommandOptions = StageCommandOptions &
  MemorySettings & {
    init: string
    backbone: 'frozen' | 'train'
    loraRank?: number
  }

function sftCommand(): Command {
  const command = withCommonOptions(new Command('sft'))
    .description('train the action expert on demonstrations by flow matching')
    .requiredOption('--init <dir>', 'policy or run folder to start from (a grounded one)')
    .requiredOption('--data <dir>', "LeRobot v3 dataset of 'vla-gym collect' or 'vla-gym dataset convert'")
    .requiredOption('--out <dir>', 'run folder; an interrupted run goes on in it')
    .addOption(
      new Option(
        '--backbone <b>',
        'train it with the action expert, or keep it frozen (its outputs are cached)',
      )
        .choices(['frozen', 'train'])
        .default('frozen'),
    )
    .addOption(loraRankOption())
    .addOption(emaOption())
    .addOption(deviceOption())
  return withSettings(withMemoryOptions(command), sftOptions).action(async (options: SftCommandOptions) => {
    const config = pickSettings(sftOptions, options)
    const stage = stageOptions(options, 'sft', config.steps)
    const { init, backbone, loraRank, microBatch, recompute } = options
    const settings = { init, backbone, loraRank, microBatch, recompute }
    const result = await trainSft({ ...stage, config, ...settings }).finally(stage.stop)
    printResult(options.json, { checkpoint: options.out, ...result }, figures(options.out, result))
  })
}

function stageOptions<Data>(options: StageCommandOptions<Data>, label: string, steps: number) {
  const progress = createProgress({ label, total: steps, unit: 'steps' })
  return {
    data: options.data,
    out: options.out,
    seed: options.seed,
    threads: options.threads,
    device: options.device,
    ema: options.ema,
    signal: interruptSignal(),
    onProgress: (step: number, fields: Record<string, number>) => {
      progress.update(
        step,
        Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, Number(v.toPrecision(3))])),
      )
    },
    stop: () => progress.stop(),
  }
}

function figures(out: string, result: Record<string, number>): string {
  return [out, ...Object.entries(result).map(([name, value]) => `  ${name} ${value.toPrecision(4)}`)].join(
    '\n',
  )
}

interface RlCommandOptions extends RlOptions, DeviceOptions, MemorySettings, ActingSettings {
  init: string
  suite: string
  task?: string[]
  out: string
  algorithm: AlgorithmId
  sampler: SamplerId
  episodes?: number
  placement: TrainingPlacement
  loraRank?: number
  policyServer?: string
  timeout?: number
  [setting: string]: unknown
}

const everySetting = Object.assign(
  {},
  ...Object.values(algorithmOptions),
  ...Object.values(samplerOptions),
) as SettingTable

function rlCommand(): Command {
  const command = withActingOptions(withRlOptions(new Command('rl')))
    .description('fine-tune the action expert with reinforcement learning on sparse success rewards')
    .requiredOption('--init <dir>', 'policy or run folder to start from')
    .option('--suite <id>', 'suite', 'simpler-widowx')
    .option('--task <id...>', 'only these tasks of the suite')
    .requiredOption('--out <dir>', 'run folder; an interrupted run goes on in it')
    .addOption(
      new Option('--algorithm <a>', 'how it learns: with a critic, or from groups with the same start')
        .choices(algorithmIds)
        .default(rlDefaults.algorithm),
    )
    .addOption(
      new Option('--sampler <s>', 'how the policy explores').choices(samplerIds).default(rlDefaults.sampler),
    )
    .option('--episodes <n>', 'end training at the iteration that reaches so many episodes', count)
    .option(
      '--policy-server <url>',
      "ws://HOST:PORT of a 'vla-gym serve --allow-training' of the same --init, where rollouts are sampled",
    )
    .option('--timeout <s>', "seconds until --policy-server's answer must have come (default: 30)", positive)
    .addOption(trainingPlacementOption())
    .addOption(loraRankOption())
    .addOption(deviceOption())
  return withSettings(withMemoryOptions(command), everySetting).action(async (options: RlCommandOptions) => {
    const { algorithm, sampler } = options
    const settings = rlOptions(algorithm, sampler)
    refuseOtherSettings(command, everySetting, settings, `${algorithm} with ${sampler}`)
    const suite = findSuite(options.suite)
    const summary = await runRl({
      init: options.init,
      suite,
      tasks: chooseTasks(suite, options.task),
      out: options.out,
      seed: options.seed,
      minutes: options.minutes,
      episodes: options.episodes,
      algorithm,
      sampler,
      config: pickSettings(settings, options),
      evaluationEpisodes: options.evaluationEpisodes,
      checkpointSeconds: options.checkpointSeconds,
      threads: options.threads,
      device: options.device,
      loraRank: options.loraRank,
      ...policyServer(options),
      acting: actingSettings(options),
      placement: options.placement,
      microBatch: options.microBatch,
      recompute: options.recompute,
      workers: options.workers,
    })
    printResult(options.json, summary, rlText(summary))
  })
}

function policyServer({
  policyServer: url,
  timeout,
}: RlCommandOptions): Pick<TrainRlOptions, 'policyServer'> {
  if (url === undefined) {
    if (timeout !== undefined) throw new UserError('--timeout is for --policy-server: leave it out')
    return {}
  }
  const apiKey = process.env.VLA_GYM_API_KEY || undefined
  const onRetry = (message: string) => process.stderr.write(`${message}\n`)
  return { policyServer: { url, timeout, apiKey, onRetry } }
}

/** Trains, shows progress on stderr, and writes report.html and the video. */
export async function runRl(options: TrainRlOptions & { workers: number }): Promise<RlSummary> {
  const pool = new RolloutPool(options.workers)
  let progress: ReturnType<typeof createProgress> | undefined
  let phase = ''
  try {
    const result = await trainRl(pool, {
      ...options,
      signal: interruptSignal(),
      onProgress(current, done, total, fields) {
        if (current !== phase) {
          progress?.stop()
          const label = current === 'train' ? 'train rl' : `eval ${current}`
          progress = createProgress({
            label,
            total: Math.round(total),
            unit: current === 'train' ? 's' : 'episodes',
          })
          phase = current
        }
        const shown: Record<string, string | number> = successRate(fields.success)
        if (fields.approxKl !== undefined) {
          shown.episodes = fields.episodes
          shown.kl = Number(fields.approxKl.toPrecision(2))
        }
        progress?.update(Math.min(Math.round(done), Math.round(total)), shown)
      },
    })
    progress?.stop()
    writeRlReport(options, result)
    return rlSummary(options, result)
  } finally {
    progress?.stop()
    await pool.close()
  }
}

export function rlText(summary: RlSummary): string {
  const line = (name: string, e: RlSummary['before']) =>
    `${name}  ${percent(e.mean.rate)} ${interval(e.mean.ci95)}  (${e.tasks.map((t) => `${t.task} ${t.successes}/${t.episodes}`).join(', ')})`
  const { gained, lost, pValue } = summary.mcnemar
  return [
    line('before', summary.before),
    line('after ', summary.after),
    `paired   ${gained} episodes gained, ${lost} lost; McNemar p = ${pValue.toPrecision(2)}: ${summary.verdict}`,
    `trained  ${summary.iterations} iterations, ${summary.episodes} episodes, ${(summary.seconds / 60).toFixed(1)} minutes`,
    `result   ${summary.checkpoint}`,
    `report   ${summary.report}`,
  ].join('\n')
}
