import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { decodePng } from '../../policy/images/png.js'
import { type LerobotDataset, openLerobot, readFeatures, readStats, readTasks, visitImages } from './read.js'
import { defaultFeatures, imageSize, infoFile, sizeOf, statsFile } from './schema.js'
import { columnStats, type DatasetStats, quantiles, type StatName } from './statistics.js'

export interface CheckResult {
  readonly episodes: number
  readonly frames: number
  /** Pictures that were decoded. */
  readonly images: number
}

/** Most problems that are named. */
const mostProblems = 8
/** Largest difference of a statistic, as a share of the channel's range: others add in float32. */
const tolerance = 1e-3
/** Seconds, as in LeRobot's own reader. */
const timestampTolerance = 1e-4

/**
 * Verifies a whole dataset: counts, continuous indices, finite numbers, sizes, tasks, statistics, and that every picture
 * decodes. Frames of videos are not looked at.
 * @throws UserError with the problems found, each naming file and field
 */
export async function checkDataset(
  dir: string,
  onProgress?: (images: number, total: number) => void,
): Promise<CheckResult> {
  const dataset = await openLerobot(dir)
  const { features, total_frames: frames } = dataset.info
  const problems: string[] = []
  for (const name of Object.keys(defaultFeatures))
    if (!features[name]) throw new UserError(`${join(dir, infoFile)}: field 'features.${name}' is missing`)
  const numeric = Object.entries(features).filter(([, { dtype }]) => /^(u?int\d+|float\d+|bool)$/.test(dtype))
  const sizes = Object.fromEntries(numeric.map(([name, feature]) => [name, sizeOf(feature)]))
  const values = await readFeatures(dataset, sizes)
  const tasks = await readTasks(dir)
  if (tasks.length !== dataset.info.total_tasks) {
    problems.push(
      `${join(dir, infoFile)}: field 'total_tasks' is ${dataset.info.total_tasks}, meta/tasks has ${tasks.length}`,
    )
  }
  problems.push(...indexProblems(dataset, values, tasks))
  const stats = readStats(dir)
  for (const [name, size] of Object.entries(sizes)) {
    const wrong = statsProblem(name, columnStats(values[name], size), stats)
    if (wrong) problems.push(`${join(dir, statsFile)}: ${wrong}`)
  }
  let images = 0
  const cameras = Object.entries(features).filter(([, { dtype }]) => dtype === 'image')
  const all = Int32Array.from({ length: frames }, (_, row) => row)
  for (const [name, feature] of cameras) {
    const { width, height } = imageSize(feature)
    await visitImages(dataset, name, all, (_, bytes, where) => {
      const wrong = imageProblem(bytes, width, height)
      if (wrong) problems.push(`${where}: ${wrong}`)
      images += 1
      if (images % 100 === 0) onProgress?.(images, frames * cameras.length)
    })
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, mostProblems).join('; ')
    const rest = problems.length - mostProblems
    throw new UserError(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}: ${shown}${rest > 0 ? `; and ${rest} more` : ''}`,
    )
  }
  return { episodes: dataset.episodes.length, frames, images }
}

function imageProblem(bytes: Uint8Array, width: number, height: number): string | undefined {
  try {
    const picture = decodePng(bytes)
    if (picture.width === width && picture.height === height) return undefined
    return `${picture.width} x ${picture.height} pixels, meta/info.json says ${width} x ${height}`
  } catch (error) {
    return (error as Error).message
  }
}

/** The first wrong index of every episode. */
function indexProblems(
  { dir, info, episodes, files }: LerobotDataset,
  values: Readonly<Record<string, Float64Array>>,
  tasks: readonly string[],
): string[] {
  const problems: string[] = []
  for (const { episode, from, to, tasks: named } of episodes) {
    const file = files.find((candidate) => candidate.from <= from && from < candidate.to)!
    const where = (row: number) => `${file.path}, row ${row - file.from}`
    for (let row = from; row < to; row++) {
      const frame = row - from
      const wanted = { index: row, episode_index: episode, frame_index: frame }
      const wrong = Object.entries(wanted).find(([name, value]) => values[name][row] !== value)
      const task = tasks[values.task_index[row]]
      if (wrong)
        problems.push(`${where(row)}: field '${wrong[0]}' is ${values[wrong[0]][row]}, expected ${wrong[1]}`)
      else if (Math.abs(values.timestamp[row] - frame / info.fps) > timestampTolerance) {
        problems.push(
          `${where(row)}: field 'timestamp' is ${values.timestamp[row]}, expected ${frame / info.fps} at ${info.fps} fps`,
        )
      } else if (!named.includes(task)) {
        problems.push(
          `${where(row)}: field 'task_index' is ${values.task_index[row]} (${task ?? `not in ${dir}/meta/tasks.parquet`}), ` +
            `the episode's task is ${named.join(', ')}`,
        )
      } else continue
      break
    }
  }
  return problems
}

/** What is wrong with the stored statistics of a feature. Quantiles are estimates in others' datasets. */
function statsProblem(
  name: string,
  actual: Readonly<Record<StatName, unknown>>,
  stats: DatasetStats,
): string | undefined {
  const stored = stats[name] as Readonly<Record<string, unknown>> | undefined
  if (!stored) return `field '${name}' is missing`
  const list = (value: unknown) => [value].flat(3).map(Number)
  const [min, max] = [list(actual.min), list(actual.max)]
  if (list(stored.count)[0] !== list(actual.count)[0])
    return `field '${name}.count' is ${list(stored.count)[0]}, the dataset has ${list(actual.count)[0]}`
  for (const stat of ['min', 'max', 'mean', 'std'] as const) {
    const found = list(stored[stat])
    const difference = list(actual[stat]).findIndex(
      (x, i) => !(Math.abs(x - found[i]) <= tolerance * (max[i] - min[i]) + 1e-6 * Math.abs(x)),
    )
    if (difference >= 0) {
      return `field '${name}.${stat}', channel ${difference}, is ${found[difference]}, the data give ${list(actual[stat])[difference]}`
    }
  }
  let before = min
  for (const quantile of Object.keys(quantiles)) {
    if (stored[quantile] === undefined) continue
    const found = list(stored[quantile])
    const slack = (i: number) => tolerance * (max[i] - min[i]) + 1e-6 * Math.abs(max[i])
    const wrong = min.findIndex(
      (_, i) => !(found[i] >= before[i] - slack(i) && found[i] <= max[i] + slack(i)),
    )
    if (wrong >= 0) return `field '${name}.${quantile}', channel ${wrong}, is ${found[wrong]}, out of order`
    before = found
  }
  return undefined
}
