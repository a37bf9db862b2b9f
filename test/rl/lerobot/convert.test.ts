import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embodiments } from '../../../envs/index.js'
import { decodePng, encodePng } from '../../../policy/images/png.js'
import { cropAndResize } from '../../../policy/images/resize.js'
import { nanoConfig } from '../../../policy/index.js'
import { loadDataset } from '../../../rl/dataset.js'
import { framesOf } from '../../../rl/frames.js'
import { checkDataset } from '../../../rl/lerobot/check.js'
import { convert } from '../../../rl/lerobot/convert.js'
import { openLerobot, readFeatures, visitImages } from '../../../rl/lerobot/read.js'
import { editJson } from './rewrite.js'

const foreign = join(import.meta.dirname, '../fixtures/foreign-lerobot')
const root = mkdtempSync(join(tmpdir(), 'vla-gym-convert-'))
const at = (name: string) => join(root, name)
afterAll(() => rmSync(root, { recursive: true, force: true }))

const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
const image = { width, height, crop }
const sum = (from: string) => ({ from, combine: 'sum' })
const mapping = {
  embodiment: 'widowx',
  camera: 'observation.images.front',
  crop: [8, 0, 48, 48],
  every: 2,
  state: {
    feature: 'observation.state',
    channels: [
      ...['x', 'y', 2, 'roll', 'pitch', 'yaw'],
      { feature: 'observation.gripper', from: 0 },
      { feature: 'observation.gripper', from: 0, scale: 2, offset: -1 },
      ...new Array(6).fill({ value: 0.25 }),
    ],
  },
  action: {
    feature: 'action',
    channels: [
      ...['dx', 'dy', 'dz', 'droll', 'dpitch', 'dyaw'].map(sum),
      { from: 'grip', scale: -2, offset: 1 },
    ],
  },
}
const mappingFile = (name: string, change: Record<string, unknown> = {}) => {
  writeFileSync(at(`${name}.json`), JSON.stringify({ ...mapping, ...change }))
  return at(`${name}.json`)
}
const run = (name: string, change: Record<string, unknown> = {}, input = foreign) =>
  convert({ input, out: at(name), mapping: mappingFile(name, change), image })

beforeAll(() => run('whole'))

describe('convert', () => {
  it('takes every second frame, with its state and the motion up to the next one', async () => {
    const { info, demonstrations, source } = await loadDataset(at('whole'))
    expect(info).toMatchObject({ embodiment: 'widowx', image, frames: 6 + 5 + 6 })
    expect(demonstrations.map((d) => [d.instruction, d.length])).toEqual([
      ['Pick up the cube.', 6],
      ['Open the drawer.', 5],
      ['Pick up the cube.', 6],
    ])
    const original = await openLerobot(foreign)
    const values = await readFeatures(original, {
      'observation.state': 6,
      'observation.gripper': 1,
      action: 7,
    })
    for (const [e, { length, states, actions }] of demonstrations.entries()) {
      const { from, to } = original.episodes[e]
      for (let frame = 0; frame < length; frame++) {
        const rows = [from + 2 * frame, from + 2 * frame + 1].filter((row) => row < to)
        const state = [...states.subarray(14 * frame, 14 * frame + 14)]
        const open = values['observation.gripper'][rows[0]]
        expect(state.slice(0, 6)).toEqual([
          ...values['observation.state'].subarray(6 * rows[0], 6 * rows[0] + 6),
        ])
        expect(state.slice(6)).toEqual([open, 2 * open - 1, ...new Array(6).fill(0.25)])
        for (let c = 0; c < 6; c++) {
          const moved = rows.reduce((total, row) => total + values.action[7 * row + c], 0)
          expect(actions[7 * frame + c]).toBeCloseTo(moved, 6)
        }
        expect(actions[7 * frame + 6]).toBe(1 - 2 * values.action[7 * rows.at(-1)! + 6])
      }
    }
    expect(source.info.features.action.names).toEqual(embodiments.get('widowx')!.actionNames)
    expect(await checkDataset(at('whole'))).toEqual({ episodes: 3, frames: 17, images: 17 })
  })

  it('shows the crop in the size of the policy', async () => {
    const dataset = await loadDataset(at('whole'))
    const { demonstrations } = dataset
    const frames = await framesOf(dataset, demonstrations, embodiments.get('widowx')!, nanoConfig)
    const original = await openLerobot(foreign)
    const rowOf = new Int32Array(32).fill(-1)
    rowOf[12 + 4] = 6 + 2
    let seen = 0
    await visitImages(original, mapping.camera, rowOf, (row, bytes) => {
      seen += 1
      const expected = cropAndResize(decodePng(bytes), [8, 0, 48, 48], width, height)
      const size = width * height * 3
      expect(Buffer.compare(frames.images.subarray(row * size, (row + 1) * size), expected)).toBe(0)
      expect(expected[2]).toBe(60 + 5 * 4) // the fixture's blue tells episode and frame
    })
    expect([seen, frames.labels.length]).toEqual([1, 0])
  })

  it('reads frames that were taken out of a video, and says how to get them', async () => {
    const camera = 'observation.images.top'
    cpSync(foreign, at('video'), { recursive: true })
    const message = /'observation.images.top' is a video.*ffmpeg -i ".*file-000.mp4" .*file-000\/%06d.png"/
    await expect(run('from-video', { camera, crop: undefined }, at('video'))).rejects.toThrow(message)
    const folder = at(`video/videos/${camera}/chunk-000/file-000`)
    mkdirSync(folder, { recursive: true })
    for (let i = 0; i < 32; i++) {
      const data = new Uint8Array(24 * 32 * 3).fill(i)
      writeFileSync(
        join(folder, `${String(i).padStart(6, '0')}.png`),
        encodePng({ width: 32, height: 24, data }),
      )
    }
    await run('from-video', { camera, crop: undefined }, at('video'))
    const dataset = await loadDataset(at('from-video'))
    const last = dataset.demonstrations.slice(2)
    const frames = await framesOf(dataset, last, embodiments.get('widowx')!, nanoConfig, 2)
    const size = width * height * 3
    expect([0, 1, 2].map((i) => frames.images[i * size])).toEqual([21, 25, 29])
  })

  it('interrupted, goes on to the same bytes, and only with the same mapping', async () => {
    const out = at('again')
    mkdirSync(join(out, 'meta'), { recursive: true })
    cpSync(join(at('whole'), 'meta/convert.json'), join(out, 'meta/convert.json'))
    await convert({ input: foreign, out, mapping: mappingFile('again'), image })
    const bytes = (dir: string) =>
      readdirSync(dir, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(json|parquet)$/.test(name))
        .sort()
        .map((name) => [name, readFileSync(join(dir, name)).toString('base64')])
    expect(bytes(out)).toEqual(bytes(at('whole')))
    const other = { input: foreign, out, mapping: mappingFile('other', { crop: [0, 0, 48, 48] }), image }
    await expect(convert(other)).rejects.toThrow(/holds another dataset .*choose another --out/)
  })
})

describe('a mapping that does not fit is answered with file and field', () => {
  const channels = (field: 'state' | 'action', i: number, entry: unknown) => ({
    [field]: { ...mapping[field], channels: mapping[field].channels.map((c, k) => (k === i ? entry : c)) },
  })
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['robot', { embodiment: 'so100' }, /robot.json: field 'embodiment' is 'so100', not one of widowx/],
    ['rate', { every: 1 }, /info.json: field 'fps' is 10, widowx is controlled at 5 Hz.*set 'every' to 2/],
    ['unknown', { fps: 5 }, /field 'fps' is not known; known are embodiment/],
    ['camera', { camera: 'front' }, /field 'camera' is 'front'; the dataset has observation.images.front, /],
    ['crop-list', { crop: [1, 2, 3] }, /field 'crop' is not \[x, y, width, height\]/],
    [
      'crop',
      { crop: [8, 0, 60, 48] },
      /file-000.parquet, row 0: .*crop \[8, 0, 60, 48\] is not within 64 x 48/,
    ],
    [
      'count',
      { action: { feature: 'action', channels: ['dx'] } },
      /'action.channels' has 1 channels, expected 7/,
    ],
    ['list', { state: {} }, /'state.channels' has no list of channels, expected 14: x, y, z/],
    [
      'name',
      channels('action', 2, 'dw'),
      /'action.channels\[2\]' \(dz\) comes from 'dw' of 'action'; its channels/,
    ],
    ['place', channels('state', 1, 6), /'state.channels\[1\]' \(y\) comes from '6' of 'observation.state'/],
    ['feature', channels('state', 1, { feature: 'note', from: 0 }), /of 'note', which is no numeric feature/],
    [
      'scale',
      channels('state', 1, { from: 0, scale: 'x' }),
      /'state.channels\[1\].scale' is "x", not a number/,
    ],
    [
      'combine',
      channels('action', 1, { from: 0, combine: 'mean' }),
      /\.combine' is 'mean', not first, last or sum/,
    ],
  ])('%s', async (name, change, message) => {
    const error = await run(name, change).catch((e) => e)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  it('a dataset of another robot is not trained on before it is converted', async () => {
    await expect(loadDataset(foreign)).rejects.toThrow(
      /'robot_type' is 'someones_arm', not one of widowx.*convert/,
    )
    const dir = at('renamed')
    cpSync(foreign, dir, { recursive: true })
    editJson(join(dir, 'meta/info.json'), 'robot_type', 'widowx')
    await expect(loadDataset(dir)).rejects.toThrow(/'fps' is 10, widowx is controlled at 5 Hz/)
    editJson(join(dir, 'meta/info.json'), 'fps', 5)
    await expect(loadDataset(dir)).rejects.toThrow(/'features.action.names' is dx, .*; widowx has dx, dy/)
    editJson(join(dir, 'meta/info.json'), 'features|action|names', null)
    await expect(loadDataset(dir)).rejects.toThrow(
      /'features.observation.state.shape' is \[6\], widowx has \[14\]/,
    )
  })
})
