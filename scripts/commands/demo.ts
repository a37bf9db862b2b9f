import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { findSuite } from '../../rl/evaluate.js'
import { ppoDefaults } from '../../rl/ppo.js'
import { printResult, type RlOptions, withRlOptions } from '../options.js'
import { demoCheckpoint } from '../policies.js'
import { rlText, runRl } from './train.js'

interface Options extends RlOptions {
  out?: string
}

const demoTask = 'widowx_carrot_on_plate'

export function demoCommand(): Command {
  return withRlOptions(new Command('demo'))
    .description(
      'the main job: evaluate a shipped checkpoint, fine-tune it with PPO, evaluate it again, write a report',
    )
    .option('--out <dir>', 'run folder (default: the next free runs/demo-<n>; an unfinished one goes on)')
    .action(async (options: Options) => {
      if (!existsSync(demoCheckpoint))
        throw new UserError(`${demoCheckpoint}: the shipped checkpoint is missing`)
      const summary = await runRl({
        init: relative(process.cwd(), demoCheckpoint),
        suite: findSuite('simpler-widowx'),
        tasks: [demoTask],
        out: options.out ?? nextRunFolder(join('runs', 'demo')),
        seed: options.seed,
        minutes: options.minutes,
        config: ppoDefaults,
        evaluationEpisodes: options.evaluationEpisodes,
        checkpointSeconds: options.checkpointSeconds,
        threads: options.threads,
        workers: options.workers,
      })
      printResult(options.json, summary, rlText(summary))
    })
}

/** The first numbered folder without a finished report. */
function nextRunFolder(prefix: string): string {
  for (let n = 1; ; n++) if (!existsSync(join(`${prefix}-${n}`, 'report.html'))) return `${prefix}-${n}`
}
