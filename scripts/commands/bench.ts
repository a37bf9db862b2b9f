import { Command } from 'commander'
import { benchEnvCommand } from './benchEnv.js'
import { benchPolicyCommand } from './benchPolicy.js'
import { benchTrainCommand } from './benchTrain.js'

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure speed on this machine')
    .addCommand(benchEnvCommand())
    .addCommand(benchPolicyCommand())
    .addCommand(benchTrainCommand())
}
