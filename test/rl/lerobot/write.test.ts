import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetMetadata } from 'hyparquet'
import { afterAll, expect, it } from 'vitest'
import { encodePng } from '../../../policy/images/png.js'
import { checkDataset } from '../../../rl/lerobot/check.js'
import { openLerobot, readTasks, visitImages } from '../../../rl/lerobot/read.js'
import { addToHistogram, imageStats, newHistogram } from '../../../rl/lerobot/statistics.js'
import { type DatasetDescription, type EpisodeData, LerobotWriter } from '../../../rl/lerobot/write.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-write-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const camera = 'observation.images.eye'
const description: DatasetDescription = {
  fps: 5,
  robotType: 'widowx',
  features: {
    [camera]: { dtype: 'image', shape: [2, 3, 3], names: ['height', 'width', 'channels'] },
    action: { dtype: 'float32', shape: [2], names: ['a', 'b'] },
    'next.done': { dtype: 'bool', shape: [1], names: null },
  },
  episodeColumns: { seed: 'int64', task_id: 'string' },
}
/** More than two files hold. */
const count = 140

function episode(i: number): EpisodeData {
  const length = 1 + (i % 4)
  const histogram = newHistogram()
  const bytes = Array.from({ length }, (_, frame) => {
    const data = Uint8Array.from({ length: 18 }, (_, k) => (31 * i + 7 * frame + k) % 256)
    addToHistogram(histogram, data)
    return encodePng({ width: 3, height: 2, data })
  })
  return {
    task: `do ${i % 3}`,
    length,
    columns: {
      action: Float32Array.from({ length: 2 * length }, (_, k) => Math.sin(i + k)),
      'next.done': Uint8Array.from({ length }, (_, k) => (k === length - 1 ? 1 : 0)),
    },
    images: { [camera]: { bytes, stats: imageStats(histogram, length) } },
    extra: { seed: 2 ** 40 + i, task_id: `t${i % 3}` },
  }
}

async function write(dir: string, until = count): Promise<void> {
  const writer = await LerobotWriter.open(dir, description)
  for (let i = writer.episodes.length; i < until; i++) writer.add(episode(i))
  if (until === count) await writer.finish()
}

const filesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(dir, name)).isFile())
    .sort()
const bytesOf = (dir: string) =>
  filesOf(dir).map((name) => [name, readFileSync(join(dir, name)).toString('base64')])

it('is what it was given, and passes its own check', async () => {
  const dir = join(root, 'whole')
  await write(dir)
  expect(filesOf(dir).filter((name) => name.startsWith('data'))).toHaveLength(3)
  const { episodes: n, frames, images } = await checkDataset(dir)
  expect([n, frames, images]).toEqual([count, 350, 350])
  const dataset = await openLerobot(dir)
  expect(await readTasks(dir)).toEqual(['do 0', 'do 1', 'do 2'])
  expect(dataset.episodes[77]).toMatchObject({ episode: 77, length: 2, tasks: ['do 2'], fileIndex: 1 })
  expect(dataset.episodes[77].extra).toMatchObject({ seed: BigInt(2 ** 40 + 77), task_id: 't2' })

  const rowOf = new Int32Array(frames).fill(-1)
  const { from } = dataset.episodes[77]
  rowOf[from + 1] = 5
  const seen: [number, Uint8Array][] = []
  await visitImages(dataset, camera, rowOf, (row, bytes) => seen.push([row, Uint8Array.from(bytes)]))
  expect(seen).toEqual([[5, episode(77).images[camera].bytes[1]]])
})

it('has one row group an episode, and the schema metadata of pictures and fixed lists', async () => {
  const path = join(root, 'whole/data/chunk-000/file-000.parquet')
  const bytes = readFileSync(path)
  const metadata = parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  expect(metadata.row_groups.map((group) => Number(group.num_rows)).slice(0, 5)).toEqual([1, 2, 3, 4, 1])
  const { value } = metadata.key_value_metadata!.find(({ key }) => key === 'huggingface')!
  expect(JSON.parse(value!).info.features).toMatchObject({
    [camera]: { _type: 'Image' },
    action: { _type: 'List', length: 2, feature: { _type: 'Value', dtype: 'float32' } },
    task_index: { _type: 'Value', dtype: 'int64' },
  })
})

it('killed after any file, goes on to the same bytes', async () => {
  const whole = bytesOf(join(root, 'whole'))
  const written = ['data/chunk-000/file-000.parquet', 'meta/episodes/chunk-000/file-000.parquet']
  const order = [0, 1, 2].flatMap((file) => written.map((name) => name.replace('file-000', `file-00${file}`)))
  order.push('meta/tasks.parquet', 'meta/stats.json', 'meta/info.json')
  for (let kept = 0; kept <= order.length; kept++) {
    const dir = join(root, `killed-${kept}`)
    for (const name of order.slice(0, kept)) cpSync(join(root, 'whole', name), join(dir, name))
    await write(dir)
    expect(bytesOf(dir), `after ${kept} files`).toEqual(whole)
  }
})
