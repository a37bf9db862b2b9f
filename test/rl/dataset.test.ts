import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embodiments, initPhysics, makeEnv } from '../../envs/index.js'
import { nanoConfig, nanoConfigWith, quantileStats } from '../../policy/index.js'
import { type CollectOptions, collect } from '../../rl/collect.js'
import { checkStatistics, loadDataset } from '../../rl/dataset.js'
import { findSuite } from '../../rl/evaluate.js'
import { framesOf, gather, splitHeldOut } from '../../rl/frames.js'
import { checkDataset } from '../../rl/lerobot/check.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import { editJson, rewriteParquet } from './lerobot/rewrite.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-dataset-'))
const pools = [new RolloutPool(1), new RolloutPool(2)]
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  rmSync(root, { recursive: true, force: true })
})

const { imageWidth: width, imageHeight: height, imageCrop: crop, chunkSize } = nanoConfig
const options: Omit<CollectOptions, 'out'> = {
  suite: findSuite('simpler-widowx'),
  tasks: ['widowx_stack_cube', 'widowx_carrot_on_plate'],
  episodes: 2,
  seed: 3,
  image: { width, height, crop },
  distractors: false,
  maxNoise: 0,
  stepsAfterSuccess: 4,
}
const whole = join(root, 'whole')
beforeAll(() => collect(pools[0], { ...options, out: whole }))

const bytesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(dir, name)).isFile())
    .sort()
    .map((name) => [name, readFileSync(join(dir, name)).toString('base64')])
const widowx = embodiments.get('widowx')!

describe('collect', () => {
  it('keeps successful demonstrations as they happen in the environment, every control step of them', async () => {
    const dataset = await loadDataset(whole)
    const { info, demonstrations, source } = dataset
    expect(info).toMatchObject({ embodiment: 'widowx', image: options.image, actionDim: 7, stateDim: 14 })
    expect(source.episodes.map(({ extra }) => extra.task_id)).toEqual(options.tasks.flatMap((t) => [t, t]))
    const frames = await framesOf(dataset, demonstrations, widowx, nanoConfig)
    expect(frames.count).toBe(demonstrations.reduce((sum, d) => sum + d.length, 0))

    await initPhysics()
    for (const [i, d] of demonstrations.entries()) {
      if (i % 2 === 1) continue
      const { task_id, seed } = source.episodes[i].extra
      const env = makeEnv(String(task_id), { image: options.image })
      let [observation] = env.reset({ seed: Number(seed) })
      let success = 0
      for (let step = 0; step < d.length; step++) {
        expect(observation.instruction).toBe(d.instruction)
        expect([...d.states.subarray(14 * step, 14 * step + 14)]).toEqual([...observation.state])
        const start = (d.from + step) * width * height * 3
        const image = frames.images.subarray(start, start + width * height * 3)
        expect(Buffer.compare(image, observation.image)).toBe(0)
        const label = d.labels.subarray(8 * step, 8 * step + 8)
        const { positions, names, source: from, target, grasped } = env.grounding()
        for (const [thing, offset] of [
          [from, 0],
          [target, 3],
        ] as const) {
          const at = 3 * names.indexOf(thing)
          expect([...label.subarray(offset, offset + 3)]).toEqual([...positions.subarray(at, at + 3)])
        }
        expect(label[7]).toBe(grasped ? 1 : 0)
        const action = env.expertAction()
        expect([...d.actions.subarray(7 * step, 7 * step + 7)]).toEqual([...action])
        const [next, reward] = env.step(action)
        observation = next
        success = reward === 1 ? success + 1 : 0
      }
      expect(success).toBe(options.stepsAfterSuccess + 1)
      env.close()
    }
  })

  it('passes the check of a LeRobot dataset, with exact quantiles of its own', async () => {
    const { frames } = (await loadDataset(whole)).info
    expect(await checkDataset(whole)).toEqual({ episodes: 4, frames, images: frames })
    const { info, demonstrations } = await loadDataset(whole)
    const rows = Float32Array.from(demonstrations.flatMap((d) => [...d.actions]))
    const expected = quantileStats(rows, 7)
    for (const name of ['q01', 'q99'] as const)
      expect([...info.actionStats[name]]).toEqual(expected[name].map((q) => expect.closeTo(q, 9)))
  })

  it('writes the same bytes with two workers', async () => {
    const out = join(root, 'two')
    await collect(pools[1], { ...options, out })
    expect(bytesOf(out)).toEqual(bytesOf(whole))
  })

  it('goes on where it was interrupted, and only with the same settings', async () => {
    const out = join(root, 'interrupted')
    const onProgress = () => {
      throw new Error('power cut')
    }
    await expect(collect(pools[0], { ...options, out, onProgress })).rejects.toThrow('power cut')
    await expect(loadDataset(out)).rejects.toThrow(/no meta\/info.json here: the dataset is not finished/)
    await expect(collect(pools[0], { ...options, out, seed: 4 })).rejects.toThrow(/other settings/)
    // As after the last data file, before its row in meta/episodes.
    mkdirSync(join(out, 'data/chunk-000'), { recursive: true })
    cpSync(join(whole, 'data/chunk-000/file-000.parquet'), join(out, 'data/chunk-000/file-000.parquet'))
    await collect(pools[0], { ...options, out })
    expect(bytesOf(out)).toEqual(bytesOf(whole))
  })
})

describe('framesOf', () => {
  it('labels every frame with the next H expert actions, then holds still', async () => {
    const dataset = await loadDataset(whole)
    const frames = await framesOf(dataset, dataset.demonstrations, widowx, nanoConfig)
    expect(frames.prompts.length).toBe(2)
    let row = 0
    let beyond = 0
    for (const d of dataset.demonstrations) {
      for (let step = 0; step < d.length; step++) {
        expect(frames.prompts[frames.promptIndex[row]]).toContain(d.instruction)
        for (let h = 0; h < chunkSize; h++) {
          const label = [...frames.actions.subarray(7 * (row * chunkSize + h), 7 * (row * chunkSize + h + 1))]
          const expected = [...d.actions.subarray(7 * (step + h), 7 * (step + h + 1))]
          const stillness = [0, 0, 0, 0, 0, 0, d.actions.at(-1)]
          expect(label).toEqual(step + h < d.length ? expected : stillness)
          if (step + h >= d.length) beyond += 1
        }
        row += 1
      }
    }
    expect(row).toBe(frames.count)
    expect(beyond).toBeGreaterThan(0)
    expect([...gather(frames.states, [1, 0], 14)]).toEqual([
      ...frames.states.subarray(14, 28),
      ...frames.states.subarray(0, 14),
    ])
    const other = nanoConfigWith({ imageCrop: [0, 0, 480, 480] })
    await expect(framesOf(dataset, dataset.demonstrations, widowx, other)).rejects.toThrow(
      /'features.observation.images.third_person' shows .*collect or convert again/,
    )
  })

  it('with a stride takes every so many of the same frames', async () => {
    const dataset = await loadDataset(whole)
    const some = dataset.demonstrations.slice(1, 3)
    const all = await framesOf(dataset, some, widowx, nanoConfig)
    const third = await framesOf(dataset, some, widowx, nanoConfig, 3)
    const rows = [...new Array(some[0].length).keys(), ...new Array(some[1].length).keys()]
      .map((step, row) => [step, row])
      .filter(([step]) => step % 3 === 0)
      .map(([, row]) => row)
    expect(third.count).toBe(rows.length)
    expect(Buffer.compare(third.images, gather(all.images, rows, width * height * 3))).toBe(0)
    for (const [name, size] of [
      ['states', 14],
      ['labels', 8],
      ['actions', 7 * chunkSize],
    ] as const)
      expect(third[name]).toEqual(gather(all[name], rows, size))
  })

  it('holds out one demonstration of twenty, and at least one', async () => {
    const { demonstrations } = await loadDataset(whole)
    const many = Array.from({ length: 45 }, (_, i) => ({ ...demonstrations[i % 4], from: i }))
    expect(splitHeldOut(many).heldOut.map((d) => d.from)).toEqual([19, 39])
    const { training, heldOut } = splitHeldOut(demonstrations)
    expect([training.length, heldOut.length]).toEqual([3, 1])
    expect(() => splitHeldOut(demonstrations.slice(0, 1))).toThrow(UserError)
  })
})

describe('loadDataset', () => {
  const data = 'data/chunk-000/file-000.parquet'
  const broken = async (name: string, change: (dir: string) => unknown) => {
    const dir = join(root, name)
    cpSync(whole, dir, { recursive: true })
    await change(dir)
    return dir
  }
  const info = (field: string, value?: unknown) => (dir: string) =>
    editJson(join(dir, 'meta/info.json'), field, value)
  const third = 'observation.images.third_person'

  it.each<[string, (dir: string) => unknown, RegExp]>([
    [
      'missing',
      (dir) => rewriteParquet(join(dir, data), (rows) => rows.map(({ action: _, ...rest }) => rest)),
      /file-000.parquet: column 'action' is missing/,
    ],
    [
      'nan',
      (dir) =>
        rewriteParquet(join(dir, data), (rows) => {
          rows[9].grounding = new Array(8).fill(Number.POSITIVE_INFINITY)
          return rows
        }),
      /file-000.parquet, row 9: field 'grounding' holds Infinity in channel 0/,
    ],
    ['feature', info('features|action'), /info.json: field 'features.action' is missing/],
    ['state', info('features|observation.state|shape', [13]), /state.shape' is \[13\], widowx has \[14\]/],
    [
      'labels',
      info('features|grounding|shape', [7]),
      /'features.grounding.shape' is \[7\], widowx has \[8\]/,
    ],
    ['no-camera', info(`features|${third}`), /field 'features' has no camera/],
    ['video', info(`features|${third}|dtype`, 'video'), /third_person' is a video; .*convert/],
    [
      'cameras',
      info('features|observation.images.b', { dtype: 'image', shape: [1, 1, 3] }),
      /has cameras \S+third_person, observation.images.b; .* chooses one/,
    ],
    [
      'stats',
      (dir) => editJson(join(dir, 'meta/stats.json'), 'action|q99', [1]),
      /stats.json: field 'action.q99' is not a list of 7 numbers/,
    ],
  ])('names what is wrong: %s', async (name, change, message) => {
    const error = await loadDataset(await broken(name, change)).catch((e) => e)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  it('names a picture that is broken when it is needed', async () => {
    const dir = await broken('picture', (dir) =>
      rewriteParquet(join(dir, data), (rows) => {
        rows[4][third] = { bytes: new Uint8Array(100), path: '' }
        return rows
      }),
    )
    const dataset = await loadDataset(dir)
    const of = (stride: number) =>
      framesOf(dataset, dataset.demonstrations.slice(0, 1), widowx, nanoConfig, stride)
    await expect(of(1)).rejects.toThrow(/file-000.parquet, row 4: field '\S+third_person': not a PNG/)
    expect((await of(3)).count).toBeGreaterThan(0)
  })

  it('says how to make one where there is none', async () => {
    mkdirSync(join(root, 'empty'))
    await expect(loadDataset(join(root, 'empty'))).rejects.toThrow(
      /empty: no meta\/info.json here; make a dataset with/,
    )
  })
})

describe('checkStatistics', () => {
  it('lets states through that a policy may meet, and names the channel of those in other units', async () => {
    const dataset = await loadDataset(whole)
    const { actionStats, stateStats } = dataset.info
    const entry = { description: widowx, actionStats, stateStats }
    expect(() => checkStatistics(dataset, entry, 'policy')).not.toThrow()
    const inMillimetres = (q: readonly number[]) => q.map((x, i) => (i < 3 ? 1000 * x : x))
    const other = { q01: inMillimetres(stateStats.q01), q99: inMillimetres(stateStats.q99) }
    const converted = { ...dataset, info: { ...dataset.info, stateStats: other } }
    expect(() => checkStatistics(converted, entry, 'policy')).toThrow(
      /stats.json: field 'observation.state', channel 0 \(x\) lies in \[\d+, \d+\]; policy was trained on \[0\./,
    )
  })
})
