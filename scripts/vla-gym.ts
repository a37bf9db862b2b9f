import { UserError } from '@vla-gym/gymnasium'
import { Command, CommanderError } from 'commander'
import { benchCommand } from './commands/bench.js'
import { checkCommand } from './commands/check.js'
import { collectCommand } from './commands/collect.js'
import { datasetCommand } from './commands/dataset.js'
import { demoCommand } from './commands/demo.js'
import { evalCommand } from './commands/eval.js'
import { gradCommand } from './commands/grad.js'
import { listCommand } from './commands/list.js'
import { policyCommand } from './commands/policy.js'
import { serveCommand } from './commands/serve.js'
import { trainCommand } from './commands/train.js'
import { Interrupted } from './options.js'

const program = new Command('vla-gym')
  .description('Robot manipulation simulator, and PPO fine-tuning of flow-matching VLA policies in it')
  .addCommand(demoCommand())
  .addCommand(listCommand())
  .addCommand(policyCommand())
  .addCommand(checkCommand())
  .addCommand(collectCommand())
  .addCommand(datasetCommand())
  .addCommand(trainCommand())
  .addCommand(evalCommand())
  .addCommand(serveCommand())
  .addCommand(benchCommand())
  .addCommand(gradCommand())

/** A wrong call throws, and is answered with one line that names the command. */
function answerInOneLine(command: Command, name: string): void {
  command.exitOverride().configureOutput({
    outputError: (message, write) =>
      write(
        `${name}: ${message
          .replace(/^error: /, '')
          .trim()
          .replaceAll('\n', ' ')} (--help lists what is known)\n`,
      ),
  })
  for (const child of command.commands) answerInOneLine(child, `${name} ${child.name()}`)
}
answerInOneLine(program, 'vla-gym')

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof UserError) {
    // Names in a message may come from a file, with whatever is in them.
    process.stderr.write(`vla-gym: ${error.message.replace(/\p{Cc}+/gu, ' ')}\n`)
    process.exitCode = 2
  } else if (error instanceof Interrupted) {
    process.stderr.write(`vla-gym: ${error.message}\n`)
    process.exitCode = 130
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = 1
  }
}
