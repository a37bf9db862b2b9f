import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unknownId } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { ditSizes, encodeSafetensors } from '../../policy/index.js'
import { describeMachine } from '../../rl/machine.js'
import { medianInterval } from '../benchmarks/medianInterval.js'
import { type OperatorTime, profileOperators } from '../benchmarks/operatorProfile.js'
import { StepProcess, type StepReport } from '../benchmarks/stepProcess.js'
import {
  learningRate,
  maxGradNorm,
  type TrainingProblem,
  trainingProblem,
  trainingSizes,
} from '../benchmarks/trainingProblems.js'
import { type CommonOptions, positive, printResult, withCommonOptions } from '../options.js'

interface Options extends CommonOptions {
  readonly seconds: number
  readonly only?: string
  readonly peer?: string
  readonly profile?: boolean
}

interface Timing {
  /** Median ms of a step, and the least. */
  readonly value: number
  readonly least: number
  readonly n: number
  readonly peakMemoryMB: number
  /** Resident before there was a model: the runtime itself. */
  readonly baselineMemoryMB: number
  readonly version: string
}

interface Result extends Timing {
  readonly name: string
  readonly unit: 'ms/step'
  readonly threads: number
  readonly parameters: number
  readonly peer?: Timing
  /** Our time over the peer's: median of the rounds, with its 95 % interval. */
  readonly ratio?: number
  readonly ratioInterval?: readonly [number, number]
  readonly memoryRatio?: number
}

/** Rounds in which both sides take turns; nine give the median a 95 % interval without the extremes. */
const rounds = 9
const warmUp = 3

export function benchTrainCommand(): Command {
  return withCommonOptions(new Command('train'))
    .description('time and peak memory of optimiser steps of the action expert, in several sizes')
    .option('--seconds <s>', 'time spent on each figure, at least nine steps', positive, 2)
    .option('--only <prefix>', 'only the figures whose names begin so')
    .option('--peer <python>', 'take turns with the same model in PyTorch, run by this interpreter')
    .option('--profile', 'instead: time by operator')
    .action(async (options: Options) => {
      const names = Object.keys(trainingSizes).filter((name) => name.startsWith(options.only ?? ''))
      if (names.length === 0) throw unknownId('figure', options.only!, Object.keys(trainingSizes))
      const results = []
      for (const name of names) {
        const result = await (options.profile ? profile(name, options) : time(name, options))
        if (!options.json) process.stdout.write(`${result.text}\n`)
        results.push(result.json)
      }
      if (options.json) printResult(true, { machine: describeMachine(), results }, '')
    })
}

async function profile(name: string, { threads, seed, seconds }: Options) {
  const steps = Math.max(5, Math.round(seconds * 5))
  const operators = await profileOperators(trainingProblem(name, seed), threads, steps)
  const ms = operators.reduce((sum, operator) => sum + operator.ms, 0)
  const line = ({ operator, count, ms, share }: OperatorTime) =>
    `  ${operator.padEnd(24)} ${String(count).padStart(5)} ${ms.toFixed(2).padStart(9)} ms ${(100 * share).toFixed(1).padStart(5)} %`
  return {
    json: { name, unit: 'ms/step', value: ms, threads, n: steps, operators },
    text: [`${name}: ${ms.toFixed(1)} ms a step in operators`, ...operators.map(line)].join('\n'),
  }
}

async function time(name: string, options: Options) {
  const { threads, seed, peer, seconds } = options
  const problem = trainingProblem(name, seed)
  const folder = mkdtempSync(join(tmpdir(), 'vla-gym-bench-'))
  const child = fileURLToPath(new URL('../benchmarks/trainingChild.js', import.meta.url))
  const processes = [new StepProcess(process.execPath, [child, name, String(threads), String(seed)])]
  try {
    if (peer) {
      writePeerFiles(folder, problem, threads)
      processes.push(new StepProcess(peer, [peerScript, folder]))
    }
    const reports: StepReport[][] = []
    for (const process of processes) reports.push([await process.steps(warmUp)])
    if (peer) requireSameStep(reports[0][0], reports[1][0])
    const slowest = Math.max(...reports.map(([{ milliseconds }]) => medianInterval(milliseconds).median))
    const steps = Math.max(1, Math.round((seconds * 1000) / rounds / slowest))
    for (const report of reports) report.length = 0
    for (let round = 0; round < rounds; round++)
      for (const [i, process] of processes.entries()) reports[i].push(await process.steps(steps))
    const result = resultOf(name, problem, threads, reports)
    return { json: result, text: readable(result) }
  } finally {
    for (const process of processes) process.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

// Beside the sources: Python files are not compiled into dist/.
const peerScript = fileURLToPath(new URL('../../../scripts/peers/torch_train.py', import.meta.url))

function writePeerFiles(
  folder: string,
  { config, parameters, feeds }: TrainingProblem,
  threads: number,
): void {
  const tensors = new Map(parameters)
  for (const [name, tensor] of Object.entries(feeds)) tensors.set(`feed.${name}`, tensor)
  writeFileSync(join(folder, 'tensors.safetensors'), encodeSafetensors(tensors))
  const { chunkSize } = config
  const settings = { ...ditSizes(config), chunkSize, threads, lr: learningRate, maxGradNorm }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(settings))
}

/** Both must have trained the same model on the same numbers; float32 sums in another order differ by less. */
function requireSameStep(ours: StepReport, peer: StepReport): void {
  const differs = (a: number, b: number) => Math.abs(a - b) > 1e-3 * Math.abs(b)
  for (const key of ['losses', 'gradNorms'] as const)
    if (ours[key].some((value, i) => differs(value, peer[key][i])))
      throw new Error(`${key} differ: ${ours[key]} and the peer's ${peer[key]}`)
}

function timingOf(reports: readonly StepReport[]): Timing {
  const milliseconds = reports.flatMap((report) => report.milliseconds)
  const { peakMemoryMB, baselineMemoryMB, version } = reports.at(-1)!
  const value = medianInterval(milliseconds).median
  const least = Math.min(...milliseconds)
  return { value, least, n: milliseconds.length, peakMemoryMB, baselineMemoryMB, version }
}

function resultOf(
  name: string,
  { parameterCount }: TrainingProblem,
  threads: number,
  [ours, peer]: readonly StepReport[][],
): Result {
  const own = timingOf(ours)
  const result: Result = { name, unit: 'ms/step', ...own, threads, parameters: parameterCount }
  if (!peer) return result
  const middle = ({ milliseconds }: StepReport) => medianInterval(milliseconds).median
  const { median, interval } = medianInterval(ours.map((report, i) => middle(report) / middle(peer[i])))
  const other = timingOf(peer)
  return {
    ...result,
    peer: other,
    ratio: median,
    ratioInterval: interval,
    memoryRatio: own.peakMemoryMB / other.peakMemoryMB,
  }
}

function readable({ name, peer, ratio, ratioInterval, memoryRatio, ...own }: Result): string {
  const timing = (t: Timing) =>
    `${t.value.toFixed(1).padStart(8)} ms/step (least ${t.least.toFixed(1)}, n ${t.n}), peak ${t.peakMemoryMB.toFixed(0)} MB of which ${t.baselineMemoryMB.toFixed(0)} before the model`
  const lines = [`${name.padEnd(30)}${timing(own)}`]
  if (peer && ratio && ratioInterval && memoryRatio)
    lines.push(
      `${`  ${peer.version}`.padEnd(30)}${timing(peer)}`,
      `${'  ratio'.padEnd(30)}${ratio.toFixed(2).padStart(8)} [${ratioInterval.map((x) => x.toFixed(2)).join(', ')}], memory ${memoryRatio.toFixed(2)}`,
    )
  return lines.join('\n')
}
