import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from '@msgpack/msgpack'
import { UserError } from '@vla-gym/gymnasium'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embodiments, initPhysics, makeEnv } from '../../envs/index.js'
import { nanoConfig, nanoConfigWith } from '../../policy/index.js'
import { type CollectOptions, collect } from '../../rl/collect.js'
import { loadDataset } from '../../rl/dataset.js'
import { findSuite } from '../../rl/evaluate.js'
import { framesOf, gather, splitHeldOut } from '../../rl/frames.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'
import type { ScriptedResult, ScriptedTask } from '../../rl/rollout/scripted.js'

/** Counts the shards that it is asked for. */
class CountingPool extends RolloutPool {
  shards: number[] = []
  override runScripted(task: ScriptedTask): Promise<ScriptedResult> {
    this.shards.push(task.episodes[0].seed)
    return super.runScripted(task)
  }
}

const root = mkdtempSync(join(tmpdir(), 'vla-gym-dataset-'))
const pools = [new CountingPool(1), new CountingPool(2)]
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
  frameStride: 2,
  stepsAfterSuccess: 4,
}
const whole = join(root, 'whole')
beforeAll(() => collect(pools[0], { ...options, out: whole }))

const bytesOf = (dir: string) =>
  readdirSync(dir)
    .sort()
    .map((name) => [name, readFileSync(join(dir, name)).toString('base64')])

describe('collect', () => {
  it('keeps successful demonstrations as they happen in the environment', async () => {
    const { info, demonstrations } = loadDataset(whole)
    expect(info).toMatchObject({ demonstrations: { widowx_stack_cube: 2, widowx_carrot_on_plate: 2 } })
    expect(demonstrations.map((d) => d.task)).toEqual(options.tasks.flatMap((task) => [task, task]).sort())
    expect(info.frames).toBe(demonstrations.reduce((sum, d) => sum + d.frameSteps.length, 0))
    expect(new Set(demonstrations.map((d) => d.seed)).size).toBe(2)

    await initPhysics()
    for (const d of demonstrations.filter((_, i) => i % 2 === 0)) {
      const env = makeEnv(d.task, { image: options.image })
      let [observation] = env.reset({ seed: d.seed })
      let success = 0
      let frame = 0
      for (let step = 0; 7 * step < d.actions.length; step++) {
        if (step % 2 === 0) {
          expect(d.frameSteps[frame]).toBe(step)
          expect(observation.instruction).toBe(d.instruction)
          expect([...d.states.subarray(14 * frame, 14 * frame + 14)]).toEqual([...observation.state])
          const image = d.images.subarray(frame * width * height * 3, (frame + 1) * width * height * 3)
          expect(Buffer.compare(image, observation.image)).toBe(0)
          const label = d.labels.subarray(8 * frame, 8 * frame + 8)
          const { positions, names, source, target, grasped } = env.grounding()
          for (const [thing, offset] of [
            [source, 0],
            [target, 3],
          ] as const) {
            const at = 3 * names.indexOf(thing)
            expect([...label.subarray(offset, offset + 3)]).toEqual([...positions.subarray(at, at + 3)])
          }
          expect(label[7]).toBe(grasped ? 1 : 0)
          frame += 1
        }
        const action = env.expertAction()
        expect([...d.actions.subarray(7 * step, 7 * step + 7)]).toEqual([...action])
        const [next, reward] = env.step(action)
        observation = next
        success = reward === 1 ? success + 1 : 0
      }
      expect(frame).toBe(d.frameSteps.length)
      expect(success).toBe(options.stepsAfterSuccess + 1)
      env.close()
    }
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
    expect(() => loadDataset(out)).toThrow(/no dataset.json here/)
    expect(readdirSync(out).filter((name) => name.endsWith('.msgpack')).length).toBe(1)
    await expect(collect(pools[0], { ...options, out, seed: 4 })).rejects.toThrow(/other settings/)

    pools[0].shards = []
    await collect(pools[0], { ...options, out })
    expect(pools[0].shards.length).toBe(1)
    expect(bytesOf(out)).toEqual(bytesOf(whole))
  })
})

describe('framesOf', () => {
  it('labels every frame with the next H expert actions, then holds still', () => {
    const dataset = loadDataset(whole)
    const widowx = embodiments.get('widowx')!
    const frames = framesOf(dataset, dataset.demonstrations, widowx, nanoConfig)
    expect(frames.count).toBe(dataset.info.frames)
    expect(frames.prompts.length).toBe(2)
    let row = 0
    let beyond = 0
    for (const d of dataset.demonstrations) {
      const steps = d.actions.length / 7
      for (const step of d.frameSteps) {
        expect(frames.prompts[frames.promptIndex[row]]).toContain(d.instruction)
        for (let h = 0; h < chunkSize; h++) {
          const label = [...frames.actions.subarray(7 * (row * chunkSize + h), 7 * (row * chunkSize + h + 1))]
          const expected = [...d.actions.subarray(7 * (step + h), 7 * (step + h + 1))]
          const stillness = [0, 0, 0, 0, 0, 0, d.actions.at(-1)]
          expect(label).toEqual(step + h < steps ? expected : stillness)
          if (step + h >= steps) beyond += 1
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
    expect(() => framesOf(dataset, dataset.demonstrations, widowx, other)).toThrow(/'image'.*collect again/)
  })

  it('holds out one demonstration of twenty, and at least one', () => {
    const { demonstrations } = loadDataset(whole)
    const many = Array.from({ length: 45 }, (_, i) => ({ ...demonstrations[i % 4], seed: i }))
    expect(splitHeldOut(many).heldOut.map((d) => d.seed)).toEqual([19, 39])
    const { training, heldOut } = splitHeldOut(demonstrations)
    expect([training.length, heldOut.length]).toEqual([3, 1])
    expect(() => splitHeldOut(demonstrations.slice(0, 1))).toThrow(UserError)
  })
})

describe('loadDataset', () => {
  const shard = 'widowx_stack_cube-00000.msgpack'
  const broken = (name: string, change: (dir: string, path: string) => void) => {
    const dir = join(root, name)
    cpSync(whole, dir, { recursive: true })
    change(dir, join(dir, shard))
    return dir
  }
  const edit = (path: string, field: string, change: (bytes: Uint8Array) => Uint8Array) => {
    const records = decode(readFileSync(path)) as Record<string, Uint8Array>[]
    records[1][field] = change(Uint8Array.from(records[1][field]))
    writeFileSync(path, encode(records))
  }
  const editInfo = (dir: string, change: Record<string, unknown>) => {
    const path = join(dir, 'dataset.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
  }

  it.each<[string, (dir: string, path: string) => void, RegExp]>([
    [
      'cut',
      (_, path) => writeFileSync(path, readFileSync(path).subarray(0, 5000)),
      /00000.msgpack: broken shard/,
    ],
    ['not-records', (_, path) => writeFileSync(path, encode([1, 2])), /00000.msgpack: broken shard/],
    [
      'nan',
      (_, path) =>
        edit(path, 'actions', (bytes) => {
          new DataView(bytes.buffer).setFloat32(12, Number.NaN, true)
          return bytes
        }),
      /00000.msgpack, record 1: field 'actions' holds a non-finite number/,
    ],
    [
      'short-states',
      (_, path) => edit(path, 'states', (b) => b.subarray(4)),
      /record 1: field 'states' has \d+ numbers/,
    ],
    [
      'odd-labels',
      (_, path) => edit(path, 'labels', (b) => b.subarray(1)),
      /record 1: field 'labels' is cut off/,
    ],
    [
      'short-images',
      (_, path) => edit(path, 'images', (b) => b.subarray(3)),
      /record 1: field 'images' has \d+ bytes/,
    ],
    [
      'late-frame',
      (_, path) => edit(path, 'frameSteps', (b) => b.fill(127)),
      /record 1: field 'frameSteps' names steps/,
    ],
    ['missing-shard', (_, path) => rmSync(path), /2 demonstrations found, dataset.json says 4/],
    ['no-json', (dir) => writeFileSync(join(dir, 'dataset.json'), '{'), /dataset.json: not readable as JSON/],
    ['format', (dir) => editInfo(dir, { format: 'x' }), /dataset.json: field 'format' is 'x'/],
    ['sizes', (dir) => editInfo(dir, { image: {} }), /dataset.json: field 'image.width' is/],
    ['counts', (dir) => editInfo(dir, { demonstrations: null }), /field 'demonstrations' is missing/],
  ])('names what is broken: %s', (name, change, message) => {
    const load = () => loadDataset(broken(name, change))
    expect(load).toThrow(UserError)
    expect(load).toThrow(message)
  })

  it('says how to make one where there is none', () => {
    mkdirSync(join(root, 'empty'))
    expect(() => loadDataset(join(root, 'empty'))).toThrow(/empty: no dataset.json here; make a dataset with/)
  })

  it('a broken shard stops a collection that would go on with it', async () => {
    const out = broken('resumed', (_, path) => writeFileSync(path, 'x'))
    await expect(collect(pools[0], { ...options, out })).rejects.toThrow(/broken shard.*delete it/)
  })
})
