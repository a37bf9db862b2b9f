import { availableParallelism } from 'node:os'
import { UserError, unknownId } from '@vla-gym/gymnasium'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ActingSettings, type Device, devices } from '../policy/index.js'

/** Options that every command which computes has. */
export interface CommonOptions {
  readonly seed: number
  readonly workers: number
  readonly threads: number
  readonly json?: boolean
}

export function number(value: string): number {
  const parsed = Number(value)
  if (value.trim() === '' || !Number.isFinite(parsed)) throw new InvalidArgumentError('not a number.')
  return parsed
}

export function positive(value: string): number {
  const parsed = number(value)
  if (parsed <= 0) throw new InvalidArgumentError('must be greater than 0.')
  return parsed
}

export function count(value: string): number {
  const parsed = number(value)
  if (!Number.isInteger(parsed) || parsed < 1)
    throw new InvalidArgumentError('not a whole number of 1 or more.')
  return parsed
}

export function notNegative(value: string): number {
  const parsed = number(value)
  if (parsed < 0) throw new InvalidArgumentError('must not be negative.')
  return parsed
}

export function share(value: string): number {
  const parsed = notNegative(value)
  if (parsed > 1) throw new InvalidArgumentError('must be from 0 to 1.')
  return parsed
}

export const trainingPlacementOption = (): Option =>
  new Option('--placement <p>', 'where things stand: over the ranges of evaluation, or 1.25 times as wide')
    .choices(['random', 'wide'])
    .default('random')

/** The settings of `withActingOptions` that were given. */
export const actingSettings = ({
  denoisingSteps,
  executedSteps,
  initialNoise,
}: ActingSettings): ActingSettings => ({
  ...(denoisingSteps !== undefined && { denoisingSteps }),
  ...(executedSteps !== undefined && { executedSteps }),
  ...(initialNoise !== undefined && { initialNoise }),
})

/** Options that say how a policy acts, where its manifest is not to. */
export function withActingOptions(command: Command): Command {
  return command
    .option('--executed-steps <n>', 'steps of a chunk that are executed before the policy looks again', count)
    .option('--denoising-steps <n>', 'Euler steps that make a chunk', count)
    .option(
      '--initial-noise <s>',
      'deviation of the noise that a chunk is made from, 0 (always the same) to 1',
      share,
    )
}

function groupSize(value: string): number {
  const parsed = count(value)
  if (parsed < 2) throw new InvalidArgumentError('a group needs 2 episodes or more.')
  return parsed
}

export function seed(value: string): number {
  const parsed = number(value)
  if (!Number.isSafeInteger(parsed) || parsed < 0)
    throw new InvalidArgumentError('not a whole number of 0 or more.')
  return parsed
}

/** Settings of the stages that count things; `seed` takes 0 too. All others are numbers that are not negative. */
const settingParsers: Readonly<Record<string, (value: string) => number>> = {
  steps: count,
  batchSize: count,
  warmupSteps: seed,
  evaluateEvery: count,
  frameStride: count,
  syntheticExamples: count,
  syntheticShare: share,
  sequenceLength: count,
  episodesPerIteration: count,
  updateEpochs: seed,
  criticEpochs: seed,
  minibatchSize: count,
  criticWarmupIterations: seed,
  successSteps: seed,
  groupSize,
  finalLrShare: share,
  maxGradNorm: positive,
  noiseLevel: positive,
  noiseStdMin: positive,
  noiseStdMax: positive,
  actionStd: positive,
}

export function withCommonOptions(command: Command): Command {
  const cores = availableParallelism()
  return command
    .option('--seed <n>', 'seed of everything random', seed, 0)
    .option('--workers <n>', 'worker threads that run environments', count, cores)
    .option('--threads <n>', 'threads of onnxruntime', count, Math.min(cores, 4))
    .option('--json', 'print the result as one JSON line on stdout')
}

/** Where a policy runs and is trained. */
export const deviceOption = (): Option =>
  new Option('--device <d>', 'where the policy is computed').choices(devices).default('cpu')

export interface DeviceOptions {
  readonly device: Device
}

/** Low-rank adapters, of the stages that train the action expert. */
export const loraRankOption = (): Option =>
  new Option(
    '--lora-rank <n>',
    'train low-rank adapters of the action expert instead of its weights; they are merged when it is saved',
  ).argParser(count)

/** Options of the commands that fine-tune with reinforcement learning. */
export interface RlOptions extends CommonOptions {
  readonly minutes: number
  readonly evaluationEpisodes: number
  readonly checkpointSeconds: number
}

export function withRlOptions(command: Command): Command {
  return withCommonOptions(command)
    .option('--minutes <m>', 'training time of the whole run, evaluations excluded', positive, 6)
    .option(
      '--evaluation-episodes <n>',
      'episodes of each task before and after, the same held-out random placements',
      count,
      256,
    )
    .option('--checkpoint-seconds <s>', 'training time between two checkpoints', notNegative, 20)
}

/** Adds one option for every setting of a stage: name, help and default come from its table. */
export function withSettings(
  command: Command,
  settings: Readonly<Record<string, { readonly default: number; readonly help: string }>>,
): Command {
  for (const [name, setting] of Object.entries(settings)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const parser = settingParsers[name] ?? notNegative
    command.addOption(new Option(`--${flag} <n>`, setting.help).argParser(parser).default(setting.default))
  }
  return command
}

/** The settings of a stage out of all parsed options. */
export function pickSettings<T extends Readonly<Record<string, unknown>>>(
  settings: T,
  options: Record<string, unknown>,
): { -readonly [K in keyof T]: number } {
  return Object.fromEntries(Object.keys(settings).map((name) => [name, options[name]])) as never
}

/** @throws UserError for a setting given on the command line that is not among those that will be used */
export function refuseOtherSettings(
  command: Command,
  all: Readonly<Record<string, unknown>>,
  used: Readonly<Record<string, unknown>>,
  where: string,
): void {
  for (const name of Object.keys(all)) {
    if (name in used || command.getOptionValueSource(name) !== 'cli') continue
    const { flags } = command.options.find((option) => option.attributeName() === name)!
    throw new UserError(`${flags.split(' ')[0]} is no setting of ${where}: leave it out`)
  }
}

/** With `--json` one JSON line on stdout, else the readable text. */
export function printResult(json: boolean | undefined, result: unknown, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text}\n`)
}

/** Aborts on the first Ctrl-C or SIGTERM, so that the write in progress ends; a second one kills. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.stderr.write('\nstopping: the last whole step is being saved (again to stop at once)\n')
      controller.abort(new Interrupted())
    })
  }
  return controller.signal
}

export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  constructor() {
    super('interrupted; run the same command again to go on')
  }
}

/** Tasks of a suite to run, in its order: those named, or all. */
export function chooseTasks(
  suite: { id: string; tasks: readonly string[] },
  chosen?: readonly string[],
): readonly string[] {
  if (chosen === undefined) return suite.tasks
  for (const task of chosen) {
    if (!suite.tasks.includes(task)) throw unknownId(`task of suite ${suite.id}`, task, suite.tasks)
  }
  return suite.tasks.filter((task) => chosen.includes(task))
}

/** Field of a progress line; none as long as there is no rate. */
export const successRate = (rate: number): Record<string, string> =>
  Number.isFinite(rate) ? { success: percent(rate) } : {}

export const percent = (rate: number): string => `${(100 * rate).toFixed(1)} %`
export const interval = ([lo, hi]: readonly [number, number]): string =>
  `[${(100 * lo).toFixed(1)}, ${(100 * hi).toFixed(1)}]`
