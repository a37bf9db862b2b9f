import { Command, Option } from 'commander'
import { makeFolder } from '../../rl/atomicFile.js'
import { type EvaluationReport, evaluate, findSuite, loadAgent } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { writeEvaluationFolder } from '../../rl/runReport.js'
import {
  type CommonOptions,
  chooseTasks,
  count,
  type DeviceOptions,
  deviceOption,
  interruptSignal,
  interval,
  percent,
  printResult,
  successRate,
  withCommonOptions,
} from '../options.js'
import { createProgress } from '../progress.js'

interface Options extends CommonOptions, DeviceOptions {
  suite: string
  task?: string
  policy: string
  episodes?: number
  placement: 'official' | 'random'
  videos: number
  out?: string
}

export function evalCommand(): Command {
  return withCommonOptions(new Command('eval'))
    .description('evaluate a policy: fixed-length episodes, success at the last step, 95 % Wilson interval')
    .option('--suite <id>', 'suite', 'simpler-widowx')
    .option('--task <id>', 'only this task')
    .requiredOption('--policy <p>', "'expert', 'random', a policy folder or a run folder")
    .option(
      '--episodes <n>',
      'episodes of each task (default: the official number; 100 with random placement)',
      count,
    )
    .addOption(
      new Option('--placement <p>', 'where things stand').choices(['official', 'random']).default('official'),
    )
    .addOption(deviceOption())
    .option('--out <dir>', 'folder for the report, the episode records and a video')
    .option('--videos <n>', 'episodes in the video', count, 8)
    .action(async (options: Options) => {
      const suite = findSuite(options.suite)
      const tasks = chooseTasks(suite, options.task)
      const episodes = options.episodes ?? (options.placement === 'official' ? suite.officialEpisodes : 100)
      const agent = await loadAgent(options.policy, options.threads, options.device)
      // Before the work: a folder that cannot be written is better known now.
      if (options.out) makeFolder(options.out)
      const pool = new RolloutPool(options.workers)
      const progress = createProgress({ label: 'eval', total: episodes * tasks.length, unit: 'episodes' })
      try {
        const evaluation = await evaluate(pool, agent, options.policy, {
          suite,
          tasks,
          episodes,
          placement: options.placement,
          seed: options.seed,
          videoEpisodes: options.out ? options.videos : 0,
          signal: interruptSignal(),
          onProgress: (done, successes) => progress.update(done, successRate(successes / done)),
        })
        progress.stop()
        if (options.out) await writeEvaluationFolder(options.out, evaluation)
        printResult(options.json, evaluation.report, evaluationText(evaluation.report))
      } finally {
        progress.stop()
        await pool.close()
        if (agent.kind === 'checkpoint') await agent.runtime.release()
      }
    })
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
  ].join('\n')
}
