import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@msgpack/msgpack'
import { settingsOf } from '../policy/index.js'
import { makeFolder, writeFileAtomic } from './atomicFile.js'
import type { Evaluation, EvaluationReport } from './evaluate.js'
import { describeMachine, type Machine } from './machine.js'
import { readMetrics } from './reporting/metrics.js'
import { renderReport } from './reporting/report.js'
import { rlDefaults, rlOptions, type TrainRlOptions, type TrainRlResult } from './stages/rl.js'
import { mcnemar } from './statistics.js'
import { episodesVideo } from './video.js'

/** What `train rl` and `demo` answer. */
export interface RlSummary {
  readonly checkpoint: string
  readonly iterations: number
  readonly episodes: number
  readonly before: EvaluationReport
  readonly after: EvaluationReport
  readonly mcnemar: { gained: number; lost: number; pValue: number }
  readonly verdict: string
  readonly seconds: number
  readonly report: string
  readonly machine: Machine
}

const significance = 0.05

export function rlSummary(options: TrainRlOptions, result: TrainRlResult): RlSummary {
  const test = pairedTest(result)
  return {
    checkpoint: result.checkpoint,
    iterations: result.iterations,
    episodes: result.episodes,
    before: result.before.report,
    after: result.after.report,
    mcnemar: test,
    verdict: verdictOf(test),
    seconds: result.seconds,
    report: join(options.out, 'report.html'),
    machine: describeMachine(),
  }
}

function pairedTest({ before, after }: TrainRlResult) {
  return mcnemar(
    before.records.map((r) => r.success),
    after.records.map((r) => r.success),
  )
}

function verdictOf({ gained, lost, pValue }: { gained: number; lost: number; pValue: number }): string {
  if (pValue >= significance) return 'no significant change'
  return gained > lost ? 'a significant gain' : 'a significant loss'
}

/** Writes evaluation.json, the episode records and, when episodes were rendered, a video. */
export async function writeEvaluationFolder(dir: string, evaluation: Evaluation): Promise<void> {
  makeFolder(dir)
  const video = await episodesVideo(evaluation.videos)
  const { report } = evaluation
  if (video) writeFileAtomic(join(dir, 'episodes.mp4'), video)
  writeFileAtomic(join(dir, 'episodes.msgpack'), encode(evaluation.records))
  writeFileAtomic(join(dir, 'evaluation.json'), JSON.stringify(report, null, 2))
  const html = renderReport({
    title: `${report.suite}: ${report.policy}`,
    summary: report.protocol,
    config: {
      suite: report.suite,
      policy: report.policy,
      seed: report.seed,
      checkpoint: report.checkpoint ?? '',
    },
    evaluations: [{ label: 'evaluation', tasks: report.tasks, mean: report.mean }],
    curves: [],
    videos: video ? [{ caption: 'Episodes, twice real time', mp4: video }] : [],
    machine: machineText(report.machine, report.wallSeconds),
  })
  writeFileAtomic(join(dir, 'report.html'), html)
}

/** Writes report.html of a run of reinforcement learning, with the videos that its evaluations left in the folder. */
export function writeRlReport(options: TrainRlOptions, result: TrainRlResult): void {
  const { out, algorithm = rlDefaults.algorithm, sampler = rlDefaults.sampler } = options
  const videos = (['before', 'after'] as const)
    .map((phase) => ({ phase, path: join(out, `episodes-${phase}.mp4`) }))
    .filter(({ path }) => existsSync(path))
    .map(({ phase, path }) => ({
      caption: `The same episodes ${phase} training, twice real time; green border: success`,
      mp4: readFileSync(path),
    }))
  const test = pairedTest(result)
  const html = renderReport({
    title: `${algorithm.toUpperCase()} with ${samplerNames[sampler]}: ${options.tasks.join(', ')}`,
    summary: summaryText(result, verdictOf(test)),
    config: {
      init: options.init,
      suite: options.suite.id,
      tasks: options.tasks.join(', '),
      seed: options.seed,
      minutes: options.minutes,
      ...(options.episodes !== undefined && { episodes: options.episodes }),
      algorithm,
      sampler,
      ...settingsOf(rlOptions(algorithm, sampler), options.config),
    },
    evaluations: (['before', 'after'] as const).map((label) => ({
      label,
      tasks: result[label].report.tasks,
      mean: result[label].report.mean,
    })),
    paired: { ...test, verdict: verdictOf(test) },
    curves: curvesOf(out),
    videos,
    machine: machineText(describeMachine(), result.seconds),
  })
  writeFileAtomic(join(out, 'report.html'), html)
}

const samplerNames = {
  'flow-sde': 'Flow-SDE',
  'flow-noise': 'Flow-Noise',
  gaussian: 'an action-space Gaussian',
} as const

function summaryText(
  { before, after, iterations, episodes, seconds }: TrainRlResult,
  verdict: string,
): string {
  const rate = (e: Evaluation) => `${(100 * e.report.mean.rate).toFixed(1)} %`
  return (
    `Success went from ${rate(before)} to ${rate(after)} on the same held-out episodes: ${verdict}. ` +
    `${iterations} iterations, ${episodes} episodes, ${(seconds / 60).toFixed(1)} minutes of training.`
  )
}

function machineText(machine: Machine, seconds: number): Record<string, string> {
  const text = Object.fromEntries(Object.entries(machine).map(([name, value]) => [name, String(value)]))
  return { ...text, wall: `${seconds.toFixed(0)} s` }
}

const curves = [
  { name: 'success', label: 'Success while exploring', unit: '' },
  { name: 'approxKl', label: 'Approximate KL divergence', unit: '' },
  { name: 'clipFraction', label: 'Clip fraction', unit: '' },
  { name: 'explainedVariance', label: 'Explained variance of the value head', unit: '' },
  { name: 'policyLoss', label: 'Policy loss', unit: '' },
  { name: 'valueLoss', label: 'Value loss', unit: '' },
  { name: 'gradNorm', label: 'Gradient norm', unit: '' },
  { name: 'informativeGroups', label: 'Groups that did not all end alike', unit: '' },
  { name: 'entropy', label: "Mean entropy of the exploration's noise", unit: '' },
  { name: 'episodesPerSecond', label: 'Episodes per second', unit: '1/s' },
]

/** Curves over episodes from the metrics of a run. */
function curvesOf(dir: string) {
  const series = readMetrics(dir)
  const episodesAt = series.get('episodes')
  if (!episodesAt) return []
  const episodes = new Map(episodesAt.x.map((iteration, i) => [iteration, episodesAt.y[i]]))
  const tasks = [...series.keys()].filter((name) => name.startsWith('success/'))
  const taskCurves = tasks.map((name) => ({
    name,
    label: `Success while exploring, ${name.slice('success/'.length)}`,
    unit: '',
  }))
  const [success, ...others] = curves
  return [success, ...taskCurves, ...others].flatMap(({ name, label, unit }) => {
    const found = series.get(name)
    if (!found) return []
    return [
      { name: label, unit, xLabel: 'episodes', x: found.x.map((i) => episodes.get(i) ?? 0), y: found.y },
    ]
  })
}
