import { Command, Option } from 'commander'
import {
  type ActingSettings,
  actingWith,
  countParameters,
  importPolicy,
  loadPolicyData,
  type PolicyData,
  presetNames,
  savePolicy,
  withNewExpert,
} from '../../policy/index.js'
import { resolvePolicyDir } from '../../rl/checkpoint.js'
import { actingSettings, printResult, seed, withActingOptions } from '../options.js'
import { demoCheckpoint } from '../policies.js'

export function policyCommand(): Command {
  return new Command('policy')
    .description('make policy folders: a new action expert of any size, or one from elsewhere')
    .addCommand(newCommand())
    .addCommand(importCommand())
}

interface NewOptions extends ActingSettings {
  preset: string
  from: string
  out: string
  seed: number
  json?: boolean
}

function newCommand(): Command {
  return withActingOptions(new Command('new'))
    .description('give a policy a new action expert with random weights')
    .addOption(new Option('--preset <p>', 'size of the action expert').choices(presetNames).default('nano'))
    .option(
      '--from <dir>',
      'policy or run folder whose backbone, statistics and prompts are taken',
      demoCheckpoint,
    )
    .option('--seed <n>', 'seed of the weights', seed, 0)
    .requiredOption('--out <dir>', 'policy folder to write')
    .option('--json', 'print the result as one JSON line on stdout')
    .action((options: NewOptions) => {
      const base = loadPolicyData(resolvePolicyDir(options.from))
      const policy = actingWith(withNewExpert(base, options.preset, options.seed), actingSettings(options))
      savePolicy(options.out, policy)
      report(options, policy)
    })
}

function importCommand(): Command {
  return new Command('import')
    .description('make a policy of an action expert (and a backbone) exported to ONNX elsewhere')
    .argument('<manifest>', 'JSON file that says how the graphs are read: docs/bring-your-own.md')
    .requiredOption('--out <dir>', 'policy folder to write')
    .option('--json', 'print the result as one JSON line on stdout')
    .action(async (path: string, options: { out: string; json?: boolean }) => {
      const policy = await importPolicy(path)
      savePolicy(options.out, policy)
      report(options, policy)
    })
}

function report(
  options: { out: string; json?: boolean },
  { manifest, parameters, models }: PolicyData,
): void {
  const { preset, chunkSize, actionDim, denoisingSteps, executedSteps, initialNoise = 1 } = manifest.config
  const fixed = [...(models?.dit?.initializers ?? [])].filter(
    ([name, { dtype }]) => name.startsWith('fixed.dit.') && dtype === 'float32',
  )
  const result = {
    policy: options.out,
    ...(!models?.dit && { preset }),
    actionExpert: {
      trainable: countParameters(parameters, 'dit.'),
      fixed: fixed.map(([name]) => name.slice(10)),
    },
    backbone: { weights: countParameters(parameters, 'backbone.') },
    chunkSize,
    actionDim,
    denoisingSteps,
    executedSteps,
    initialNoise,
    embodiments: Object.keys(manifest.embodiments),
  }
  const { trainable } = result.actionExpert
  const large = fixed.filter(([, { data }]) => data.length > 1).map(([name]) => name.slice(10))
  const lines = [
    `${options.out}: ${models?.dit ? 'imported action expert' : `new action expert '${preset}'`}`,
    `  ${trainable.toLocaleString('en')} weights to train${large.length > 0 ? `; fixed: ${large.join(', ')}` : ''}`,
    `  chunks of ${chunkSize} x ${actionDim}, ${denoisingSteps} denoising steps, ${executedSteps} executed, initial noise ${initialNoise}`,
  ]
  printResult(options.json, result, lines.join('\n'))
}
