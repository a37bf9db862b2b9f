import { Command } from 'commander'
import { loadPolicyData, PolicyRuntime } from '../../policy/index.js'
import { writeFileAtomic } from '../../rl/atomicFile.js'
import { resolvePolicyDir } from '../../rl/checkpoint.js'
import { evaluationEpisodes, findSuite } from '../../rl/evaluate.js'
import { motionReport, motionText } from '../../rl/motionReport.js'
import type { EpisodeRecord } from '../../rl/rollout/episode.js'
import { type ReplanningOptions, replanningPolicy } from '../../rl/rollout/replanningPolicy.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { mcnemar } from '../../rl/statistics.js'
import { count, seed } from '../options.js'

/**
 * What a policy that was trained on static scenes gains on moving ones by looking more often: the same episodes with
 * every way of executing its chunks, and McNemar's test against the first.
 * Run: node dist/scripts/studies/movingReplanning.js --policy DIR --task 'moving_carrot.*' --episodes 50
 */
interface Options {
  policy: string
  task: string
  variants: string
  out?: string
  episodes: number
  seed: number
  workers: number
  threads: number
}

const variants: Readonly<Record<string, ReplanningOptions>> = {
  '5 steps': { executedSteps: 5 },
  '3 steps': { executedSteps: 3 },
  '2 steps': { executedSteps: 2 },
  '1 step': { executedSteps: 1 },
  '1 step, blend 0.5': { executedSteps: 1, blend: 0.5 },
  '2 steps, blend 0.5': { executedSteps: 2, blend: 0.5 },
  '2 steps, two frames': { executedSteps: 2, extrapolate: true },
}
const segment = 128

const options = new Command('movingReplanning')
  .requiredOption('--policy <dir>', 'a policy or run folder')
  .option('--task <regexp>', 'tasks of domino-widowx', '.')
  .option('--variants <regexp>', 'ways of executing chunks', '.')
  .option('--episodes <n>', 'episodes of each task', count, 50)
  .option('--out <file>', 'report and episode records, JSON')
  .option('--seed <n>', 'seed', seed, 0)
  .option('--workers <n>', 'worker threads', count, 2)
  .option('--threads <n>', 'threads of onnxruntime', count, 1)
  .parse()
  .opts<Options>()

const suite = findSuite('domino-widowx')
const pattern = new RegExp(options.task)
const tasks = suite.tasks.filter((task) => pattern.test(task))
const runtime = await PolicyRuntime.create(loadPolicyData(resolvePolicyDir(options.policy)), {
  threads: options.threads,
})
const pool = new RolloutPool(options.workers)
const { imageWidth: width, imageHeight: height, imageCrop: crop } = runtime.config
const { actionDim, stateDim } = runtime.embodiment(suite.embodiment).description
const episodes = evaluationEpisodes({ suite, tasks, ...options, placement: 'random' })
let first: EpisodeRecord[] | undefined

const chosen = new RegExp(options.variants)
const results: object[] = []
for (const [name, variant] of Object.entries(variants)) {
  if (!chosen.test(name)) continue
  const records: EpisodeRecord[] = []
  for (let start = 0; start < episodes.length; start += segment) {
    const part = episodes.slice(start, start + segment)
    const result = await pool.runSegment(replanningPolicy(runtime, suite.embodiment, part, variant), {
      episodes: part,
      env: { image: { width, height, crop } },
      stateDim,
      actionDim,
      executedSteps: variant.executedSteps,
    })
    records.push(...result.records)
  }
  const report = motionReport(records)
  process.stderr.write(`${name}\n${motionText(report).join('\n')}\n`)
  first ??= records
  const test = mcnemar(
    first.map(({ success }) => success),
    records.map(({ success }) => success),
  )
  process.stdout.write(`${JSON.stringify({ name, ...report.motion!.summaries, mcnemar: test })}\n`)
  results.push({ name, ...report, records, mcnemar: test })
  if (options.out) writeFileAtomic(options.out, JSON.stringify(results))
}
await pool.close()
await runtime.release()
