import { Command } from 'commander'
import { nanoConfig } from '../../policy/index.js'
import { collect, type TrainingPlacement } from '../../rl/collect.js'
import { findSuite } from '../../rl/evaluate.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import {
  type CommonOptions,
  chooseTasks,
  count,
  notNegative,
  printResult,
  share,
  trainingPlacementOption,
  withCommonOptions,
} from '../options.js'
import { createProgress } from '../progress.js'

interface Options extends CommonOptions {
  suite: string
  task?: string[]
  episodes: number
  out: string
  noise: number
  stepsAfterSuccess: number
  lapses: number
  placement: TrainingPlacement
  distractors?: boolean
  randomize?: true | number
}

export function collectCommand(): Command {
  return withCommonOptions(new Command('collect'))
    .description('make demonstrations with the scripted expert: successful ones, on random placements')
    .requiredOption(
      '--out <dir>',
      'folder of the dataset (LeRobot v3); an interrupted collection goes on in it',
    )
    .option('--suite <id>', 'suite', 'simpler-widowx')
    .option('--task <id...>', 'only these tasks of the suite')
    .option('--episodes <n>', 'demonstrations of each task', count, 200)
    .option(
      '--noise <x>',
      'largest noise on executed actions (1 is 4 cm, 0.1 rad); labels stay clean',
      notNegative,
      0.25,
    )
    .option('--steps-after-success <n>', 'control steps recorded after success', count, 20)
    .option(
      '--lapses <p>',
      'probability of a lapse at a control step: the arm drifts, the gripper slips, and the expert recovers',
      share,
      0,
    )
    .addOption(trainingPlacementOption())
    .option('--distractors', "put the suite's other objects on the table too (for grounding)")
    .option(
      '--randomize [share]',
      'give every episode, or this share of them, another table, light, camera, object shades and image noise',
      share,
    )
    .action(async (options: Options) => {
      const suite = findSuite(options.suite)
      const tasks = chooseTasks(suite, options.task)
      const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
      const pool = new RolloutPool(options.workers)
      const progress = createProgress({
        label: 'collect',
        total: options.episodes * tasks.length,
        unit: 'demonstrations',
      })
      try {
        const info = await collect(pool, {
          suite,
          tasks,
          episodes: options.episodes,
          seed: options.seed,
          image: { width, height, crop },
          distractors: options.distractors ?? false,
          placement: options.placement === 'wide' ? 'wide' : undefined,
          randomize: options.randomize === true ? 1 : options.randomize || undefined,
          maxNoise: options.noise,
          stepsAfterSuccess: options.stepsAfterSuccess,
          lapses: options.lapses || undefined,
          out: options.out,
          onProgress: (done, tried) =>
            progress.update(done, { kept: `${Math.round((100 * done) / tried)} %` }),
        })
        progress.stop()
        const kept = Object.entries(info.demonstrations).map(
          ([task, n]) => `${task}: ${n} of ${info.attempts[task]} tried`,
        )
        printResult(
          options.json,
          { dataset: options.out, tasks, ...info },
          `${kept.join('\n')}\n${info.frames} frames in ${options.out}`,
        )
      } finally {
        progress.stop()
        await pool.close()
      }
    })
}
