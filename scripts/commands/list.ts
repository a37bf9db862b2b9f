import { Command } from 'commander'
import { embodiments, suites } from '../../envs/index.js'
import { scriptedAgents } from '../../rl/rollout/scripted.js'
import { printResult } from '../options.js'
import { shippedPolicies } from '../policies.js'

export function listCommand(): Command {
  return new Command('list')
    .description('list suites with their tasks, embodiments and policies')
    .option('--json', 'print the result as one JSON line on stdout')
    .action((options: { json?: boolean }) => {
      const result = {
        suites: [...suites.values()].map(({ id, tasks }) => ({ id, tasks: [...tasks] })),
        embodiments: [...embodiments.keys()],
        policies: [...scriptedAgents, ...shippedPolicies()],
      }
      const text = [
        'suites',
        ...result.suites.flatMap((suite) => [`  ${suite.id}`, ...suite.tasks.map((task) => `    ${task}`)]),
        'embodiments',
        ...result.embodiments.map((id) => `  ${id}`),
        'policies',
        ...result.policies.map((id) => `  ${id}`),
      ].join('\n')
      printResult(options.json, result, text)
    })
}
