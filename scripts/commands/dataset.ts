import { Command } from 'commander'
import { nanoConfig } from '../../policy/index.js'
import { checkDataset } from '../../rl/lerobot/check.js'
import { convert } from '../../rl/lerobot/convert.js'
import { channelNames } from '../../rl/lerobot/mapping.js'
import { type LerobotDataset, openLerobot, readStats } from '../../rl/lerobot/read.js'
import type { DatasetStats } from '../../rl/lerobot/statistics.js'
import { printResult } from '../options.js'
import { createProgress } from '../progress.js'

interface Options {
  json?: boolean
}

export function datasetCommand(): Command {
  return new Command('dataset')
    .description('look at, verify and convert datasets in the LeRobot v3 layout')
    .addCommand(infoCommand())
    .addCommand(checkCommand())
    .addCommand(convertCommand())
}

const withJson = (command: Command): Command =>
  command.option('--json', 'print the result as one JSON line on stdout')

function infoCommand(): Command {
  return withJson(new Command('info'))
    .description('what a dataset holds: episodes, tasks, features and their ranges')
    .argument('<dir>', 'folder of the dataset')
    .action(async (dir: string, options: Options) => {
      const dataset = await openLerobot(dir)
      const stats = readStats(dir)
      const { robot_type, fps, total_episodes, total_frames, features } = dataset.info
      const tasks = episodesByTask(dataset)
      printResult(
        options.json,
        {
          dataset: dir,
          robotType: robot_type,
          fps,
          episodes: total_episodes,
          frames: total_frames,
          tasks,
          features,
          stats,
        },
        infoText(dataset, tasks, stats),
      )
    })
}

function checkCommand(): Command {
  return withJson(new Command('check'))
    .description('read all of a dataset: counts, indices, numbers, statistics, every picture')
    .argument('<dir>', 'folder of the dataset')
    .action(async (dir: string, options: Options) => {
      const progress = progressOf('check', 'images')
      try {
        const result = await checkDataset(dir, progress.update)
        progress.stop()
        const { episodes, frames, images } = result
        printResult(
          options.json,
          { dataset: dir, ...result },
          `${dir}: ${episodes} episodes, ${frames} frames, ${images} pictures decoded; nothing wrong`,
        )
      } finally {
        progress.stop()
      }
    })
}

function convertCommand(): Command {
  return withJson(new Command('convert'))
    .description('turn a dataset that others made into one that training reads')
    .argument('<dir>', 'folder of a LeRobot v3 dataset')
    .requiredOption('--out <dir>', 'folder of the new dataset; an interrupted conversion goes on in it')
    .requiredOption('--mapping <file>', 'JSON file that says which features are which (docs/datasets.md)')
    .action(async (dir: string, options: Options & { out: string; mapping: string }) => {
      const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
      const progress = progressOf('convert', 'episodes')
      try {
        const info = await convert({
          input: dir,
          out: options.out,
          mapping: options.mapping,
          image: { width, height, crop },
          onProgress: progress.update,
        })
        progress.stop()
        const { total_episodes: episodes, total_frames: frames } = info
        printResult(
          options.json,
          { dataset: options.out, episodes, frames },
          `${episodes} episodes, ${frames} frames in ${options.out}`,
        )
      } finally {
        progress.stop()
      }
    })
}

/** Progress of a task whose size is known when it has begun. */
function progressOf(label: string, unit: string) {
  let progress: ReturnType<typeof createProgress> | undefined
  return {
    update(done: number, total: number): void {
      progress ??= createProgress({ label, total, unit })
      progress.update(done)
    },
    stop: () => progress?.stop(),
  }
}

function episodesByTask({ episodes }: LerobotDataset): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const task of episodes.flatMap(({ tasks }) => tasks)) counts[task] = (counts[task] ?? 0) + 1
  return counts
}

function infoText(
  { dir, info }: LerobotDataset,
  tasks: Readonly<Record<string, number>>,
  stats: DatasetStats,
): string {
  const { total_episodes, total_frames, fps } = info
  const minutes = (total_frames / fps / 60).toFixed(1)
  return [
    `${dir}: LeRobot ${info.codebase_version}, robot ${info.robot_type}, ${fps} Hz`,
    `${total_episodes} episodes, ${total_frames} frames (${minutes} minutes)`,
    ...Object.entries(tasks).map(([task, n]) => `  ${n} × ${task}`),
    'features (q01, mean, q99)',
    ...Object.entries(info.features).flatMap(([name, feature]) => [
      `  ${name}  ${feature.dtype} [${feature.shape.join(', ')}]`,
      ...(/^float/.test(feature.dtype) ? channelLines(channelNames(feature), stats[name]) : []),
    ]),
  ].join('\n')
}

function channelLines(
  names: readonly string[],
  stats: Readonly<Record<string, unknown>> | undefined,
): string[] {
  if (!stats) return []
  const lists = ['q01', 'mean', 'q99'].map((stat) => [stats[stat] ?? []].flat(3).map(Number))
  return lists[1].map((_, channel) => {
    const shown = lists.map((list) => (list[channel] === undefined ? '' : list[channel].toPrecision(3)))
    return `    ${(names[channel] ?? String(channel)).padEnd(12)}${shown.map((x) => x.padStart(11)).join('')}`
  })
}
