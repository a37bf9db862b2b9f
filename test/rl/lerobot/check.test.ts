import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, describe, expect, it } from 'vitest'
import { checkDataset } from '../../../rl/lerobot/check.js'
import { openLerobot, readTasks } from '../../../rl/lerobot/read.js'
import { editJson, type Row, rewriteParquet } from './rewrite.js'

const foreign = join(import.meta.dirname, '../fixtures/foreign-lerobot')
const root = mkdtempSync(join(tmpdir(), 'vla-gym-check-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const data = 'data/chunk-000/file-001.parquet'
const episodes = 'meta/episodes/chunk-000/file-000.parquet'

async function broken(name: string, change: (dir: string) => unknown): Promise<string> {
  const dir = join(root, name)
  cpSync(foreign, dir, { recursive: true })
  await change(dir)
  return dir
}

const set = (file: string, row: number, field: string, value: unknown) => (dir: string) =>
  rewriteParquet(join(dir, file), (rows) => {
    rows[row][field] = value
    return rows
  })
const info = (field: string, value?: unknown) => (dir: string) =>
  editJson(join(dir, 'meta/info.json'), field, value)
const stats = (field: string, value?: unknown) => (dir: string) =>
  editJson(join(dir, 'meta/stats.json'), field, value)
const without = (field: string) => (dir: string) =>
  rewriteParquet(join(dir, data), (rows) => rows.map(({ [field]: _, ...rest }): Row => rest))

describe('check', () => {
  it('finds nothing wrong in a dataset that pyarrow wrote', async () => {
    expect(await checkDataset(foreign)).toEqual({ episodes: 3, frames: 32, images: 64 })
    const { episodes: entries, files } = await openLerobot(foreign)
    expect(entries.map(({ from, to, fileIndex }) => [from, to, fileIndex])).toEqual([
      [0, 12, 0],
      [12, 21, 0],
      [21, 32, 1],
    ])
    expect(files.map(({ from, to }) => [from, to])).toEqual([
      [0, 21],
      [21, 32],
    ])
    expect(await readTasks(foreign)).toEqual(['Pick up the cube.', 'Open the drawer.'])
  })

  it('the rewriting of these tests changes nothing by itself', async () => {
    const dir = await broken('same', async (dir) => {
      await rewriteParquet(join(dir, data), (rows) => rows)
    })
    expect(await checkDataset(dir)).toEqual({ episodes: 3, frames: 32, images: 64 })
  })

  it.each<[string, (dir: string) => unknown, RegExp]>([
    ['column', without('action'), /file-001.parquet: column 'action' is missing; it has observation/],
    ['camera', without('observation.images.wrist'), /file-001.parquet: column '\S+wrist' is missing/],
    [
      'length',
      set(data, 2, 'action', [1, 2, 3, 4, 5, 6]),
      /file-001.parquet, row 2: field 'action' has 6 numbers, expected 7/,
    ],
    [
      'nan',
      set(data, 3, 'observation.state', [0, 0, Number.NaN, 0, 0, 0]),
      /row 3: field 'observation.state' holds NaN in channel 2/,
    ],
    ['null', set(data, 3, 'timestamp', null), /row 3: field 'timestamp' holds NaN/],
    ['index', set(data, 4, 'index', 99n), /row 4: field 'index' is 99, expected 25/],
    ['frame', set(data, 4, 'frame_index', 0n), /row 4: field 'frame_index' is 0, expected 4/],
    ['episode', set(data, 0, 'episode_index', 1n), /row 0: field 'episode_index' is 1, expected 2/],
    ['time', set(data, 1, 'timestamp', 0.2), /row 1: field 'timestamp' is 0.2\d*, expected 0.1 at 10 fps/],
    [
      'task',
      set(data, 1, 'task_index', 1n),
      /row 1: field 'task_index' is 1 \(Open the drawer.\), .*Pick up/,
    ],
    ['no-task', set(data, 1, 'task_index', 7n), /row 1: field 'task_index' is 7 \(not in/],
    [
      'png',
      set(data, 5, 'observation.images.front', { bytes: new TextEncoder().encode('hello'), path: '' }),
      /row 5: field 'observation.images.front': not a PNG/,
    ],
    [
      'no-bytes',
      set(data, 5, 'observation.images.front', { bytes: null, path: 'elsewhere.png' }),
      /row 5: field 'observation.images.front' holds no picture's bytes/,
    ],
    [
      'image-size',
      info('features|observation.images.front|shape', [40, 64, 3]),
      /field 'observation.images.front': 64 x 48 pixels, meta\/info.json says 64 x 40/,
    ],
    [
      'rows',
      (dir) => rewriteParquet(join(dir, data), (rows) => rows.slice(1)),
      /10 rows, meta\/episodes says 11/,
    ],
    ['cut', (dir) => writeFileSync(join(dir, data), 'PAR1'), /file-001.parquet: not readable as parquet/],
    ['gone', (dir) => rmSync(join(dir, data)), /file-001.parquet: cannot be read/],
    ['from', set(episodes, 1, 'dataset_from_index', 13n), /episode 1: rows 13 to 21 with length 9/],
    ['twice', set(episodes, 1, 'episode_index', 0n), /episode 1 is missing or there twice/],
    ['total', info('total_frames', 33), /32 frames, meta\/info.json says total_frames 33/],
    ['tasks', info('total_tasks', 3), /field 'total_tasks' is 3, meta\/tasks has 2/],
    ['version', info('codebase_version', 'v2.1'), /'codebase_version' is "v2.1".*convert_dataset/],
    ['fps', info('fps', 0), /info.json: field 'fps' is 0/],
    ['shape', info('features|action|shape', '7'), /field 'features.action.shape' is "7"/],
    ['index-feature', info('features|index'), /field 'features.index' is missing/],
    ['json', (dir) => writeFileSync(join(dir, 'meta/info.json'), '{'), /info.json: not readable as JSON/],
    ['no-stats', (dir) => rmSync(join(dir, 'meta/stats.json')), /stats.json: missing/],
    ['mean', stats('action|mean|2', 0.5), /stats.json: field 'action.mean', channel 2, is/],
    ['quantile', stats('action|q99|0', -1), /stats.json: field 'action.q99', channel 0, is -1, out of order/],
  ])('names what is wrong: %s', async (name, change, message) => {
    const dir = await broken(name, change)
    const error = await checkDataset(dir).catch((e) => e)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })
})
