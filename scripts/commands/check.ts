import { checkEnv } from '@vla-gym/gymnasium'
import { Command } from 'commander'
import { initPhysics, makeEnv, suites } from '../../envs/index.js'
import { findSuite } from '../../rl/evaluate.js'
import { chooseTasks, printResult } from '../options.js'

export function checkCommand(): Command {
  return new Command('check')
    .description('check that environments keep the Gymnasium contract (spaces, determinism, reset and step)')
    .option('--all', 'every suite (default)')
    .option('--suite <id>', 'only this suite')
    .option('--task <id...>', 'only these tasks of the suite')
    .option('--json', 'print the result as one JSON line on stdout')
    .action(async (options: { suite?: string; task?: string[]; json?: boolean }) => {
      await initPhysics()
      const chosen = options.suite ? [findSuite(options.suite)] : [...suites.values()]
      const checked: string[] = []
      for (const suite of chosen) {
        for (const task of chooseTasks(suite, options.task)) {
          const env = makeEnv(task, { image: { width: 64, height: 48 }, depth: true, segmentation: true })
          checkEnv(env)
          env.close()
          checked.push(`${suite.id}/${task}`)
          process.stderr.write(`ok  ${suite.id}/${task}\n`)
        }
      }
      printResult(options.json, { checked }, `${checked.length} environments keep the contract`)
    })
}
