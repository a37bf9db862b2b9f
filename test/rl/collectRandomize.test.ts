import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { embodiments, initPhysics, makeEnv } from '../../envs/index.js'
import { nanoConfig } from '../../policy/index.js'
import { type CollectOptions, collect } from '../../rl/collect.js'
import { loadDataset } from '../../rl/dataset.js'
import { findSuite } from '../../rl/evaluate.js'
import { framesOf } from '../../rl/frames.js'
import { checkDataset } from '../../rl/lerobot/check.js'
import { RolloutPool } from '../../rl/rollout/rolloutPool.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-randomize-'))
const pools = [new RolloutPool(1), new RolloutPool(2)]
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  rmSync(root, { recursive: true, force: true })
})

const { imageWidth: width, imageHeight: height, imageCrop: crop } = nanoConfig
const options: Omit<CollectOptions, 'out'> = {
  suite: findSuite('simpler-widowx'),
  tasks: ['widowx_carrot_on_plate', 'widowx_put_eggplant_in_basket'],
  episodes: 2,
  seed: 5,
  image: { width, height, crop },
  distractors: false,
  maxNoise: 0.3,
  stepsAfterSuccess: 2,
}
const at = (name: string) => join(root, name)
beforeAll(async () => {
  await collect(pools[0], { ...options, out: at('plain') })
  await collect(pools[0], { ...options, randomize: 1, out: at('random') })
})

it('collects the same episodes as without, and other pictures, one look an episode', async () => {
  const [plain, random] = await Promise.all(['plain', 'random'].map((name) => loadDataset(at(name))))
  expect(random.demonstrations).toEqual(plain.demonstrations)
  expect(random.source.info.features).toEqual(plain.source.info.features)
  expect(await checkDataset(at('random'))).toEqual(await checkDataset(at('plain')))

  const [before, after] = await Promise.all(
    [plain, random].map((dataset) =>
      framesOf(dataset, dataset.demonstrations, embodiments.get('widowx')!, nanoConfig),
    ),
  )
  const bytes = width * height * 3
  const frame = (images: Uint8Array, row: number) => images.subarray(row * bytes, (row + 1) * bytes)
  await initPhysics()
  for (const [i, { from, length }] of random.demonstrations.entries()) {
    for (let step = 0; step < length; step++) {
      expect(Buffer.compare(frame(after.images, from + step), frame(before.images, from + step))).not.toBe(0)
    }
    const { task_id, seed } = random.source.episodes[i].extra
    const env = makeEnv(String(task_id), { image: options.image, appearance: 'random' })
    const [{ image }] = env.reset({ seed: Number(seed) })
    expect(Buffer.compare(frame(after.images, from), image)).toBe(0)
    env.close()
  }
})

it('leaves the other episodes as they are when only a share looks different', async () => {
  await collect(pools[0], { ...options, episodes: 6, out: at('all plain') })
  await collect(pools[1], { ...options, episodes: 6, randomize: 0.5, out: at('half') })
  const [plain, half] = await Promise.all(
    ['all plain', 'half'].map(async (name) => {
      const dataset = await loadDataset(at(name))
      return {
        dataset,
        ...(await framesOf(dataset, dataset.demonstrations, embodiments.get('widowx')!, nanoConfig)),
      }
    }),
  )
  expect(half.dataset.demonstrations).toEqual(plain.dataset.demonstrations)
  const bytes = width * height * 3
  const changed = half.dataset.demonstrations.map(
    ({ from }) =>
      Buffer.compare(
        half.images.subarray(from * bytes, (from + 1) * bytes),
        plain.images.subarray(from * bytes, (from + 1) * bytes),
      ) !== 0,
  )
  expect(changed).toContain(true)
  expect(changed).toContain(false)
})

it('writes the same bytes with two workers', async () => {
  await collect(pools[1], { ...options, randomize: 1, out: at('two') })
  for (const file of [
    'data/chunk-000/file-000.parquet',
    'meta/episodes/chunk-000/file-000.parquet',
    'meta/stats.json',
  ]) {
    expect(Buffer.compare(readFileSync(join(at('two'), file)), readFileSync(join(at('random'), file)))).toBe(
      0,
    )
  }
})

it('does not go on with a dataset of the other kind', async () => {
  await expect(collect(pools[0], { ...options, out: at('random') })).rejects.toThrow(/other settings/)
  await expect(collect(pools[0], { ...options, randomize: 1, out: at('plain') })).rejects.toThrow(
    /other settings/,
  )
})
