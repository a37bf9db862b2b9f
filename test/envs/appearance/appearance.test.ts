import { createHash } from 'node:crypto'
import { type Rng, Rng as Stream } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { type AppearanceOption, type AppearanceSpec, drawAppearance } from '../../../envs/appearance/index.js'
import { initPhysics, type ManipulationEnv, makeManipulationEnv, suites } from '../../../envs/index.js'

beforeAll(initPhysics)

const ids = [...suites.get('simpler-widowx')!.tasks]
const crop = [95, 40, 400, 400] as const
const unseen: AppearanceSpec = {
  table: 'unseen',
  objects: 'unseen',
  light: 'unseen',
  camera: 'unseen',
  noise: 'unseen',
}
const linear = (byte: number) => (byte <= 10.31 ? byte / 3294.6 : ((byte / 255 + 0.055) / 1.055) ** 2.4)

const hashOf = (bytes: Uint8Array | Float32Array) =>
  createHash('sha1')
    .update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest('hex')

/** Everything that happens in two episodes, but for what a camera sees. */
function eventsOf(env: ManipulationEnv): unknown[] {
  const events: unknown[] = []
  for (const seed of [7, undefined]) {
    let [observation, info] = env.reset({ seed })
    const rng: Rng = Stream.fromSeed(seed ?? 8)
    for (let step = 0; step < 14; step++) {
      const { state, jointPositions, jointVelocities, instruction } = observation
      events.push({ state, jointPositions, jointVelocities, instruction, info, where: env.grounding() })
      const action = env.expertAction().map((x, i) => x + (i < 6 ? rng.uniform(-0.01, 0.01) : 0))
      const [next, reward, , , after] = env.step(action)
      events.push(action, reward)
      observation = next
      info = after
    }
  }
  return events
}

describe('an appearance', () => {
  it.each(ids)('%s: changes nothing but pictures and camera', (id) => {
    const image = { width: 16, height: 16, crop }
    const plain = makeManipulationEnv(id, { distractors: true })
    const expected = eventsOf(plain)
    plain.close()
    for (const appearance of ['random', unseen, { light: 'unseen' }] as AppearanceOption[]) {
      const env = makeManipulationEnv(id, { image, appearance, distractors: true })
      expect(eventsOf(env)).toEqual(expected)
      env.close()
    }
  })

  it.each(ids)('%s: is drawn at every reset, and the same for the same seed whatever came before', (id) => {
    const image = { width: 40, height: 40, crop }
    const env = makeManipulationEnv(id, { image, appearance: 'random' })
    const pictures = (seed: number | undefined) => {
      const first = env.reset({ seed })[0]
      const { image, cameraExtrinsics, cameraIntrinsics } = first
      const [a, b] = [image, env.step([0, 0, 0, 0, 0, 0, 1])[0].image].map(hashOf)
      const matrices = [...cameraExtrinsics, ...cameraIntrinsics].join()
      return { a, b, matrices, video: hashOf(env.render().data) }
    }
    const [one, other, next] = [pictures(3), pictures(4), pictures(undefined)]
    expect(pictures(3)).toEqual(one)
    const fresh = makeManipulationEnv(id, { image, appearance: 'random' })
    fresh.reset({ seed: 4 })
    expect(hashOf(fresh.reset()[0].image)).toBe(next.a)
    fresh.close()
    env.close()
    for (const [x, y] of [
      [one, other],
      [other, next],
    ]) {
      for (const key of ['a', 'b', 'video', 'matrices'] as const) expect(x[key]).not.toBe(y[key])
    }
  })

  it('goes into snapshots: pictures go on to the byte, in a plain environment and after its reset', () => {
    const options = { image: { width: 40, height: 40, crop }, depth: true, segmentation: true } as const
    const still = [0.01, 0, -0.01, 0, 0, 0, 1]
    const whole = makeManipulationEnv('widowx_spoon_on_towel', { ...options, appearance: unseen })
    const view = (env: ManipulationEnv, steps: number) => {
      let observation = env.step(still)[0]
      for (let i = 1; i < steps; i++) observation = env.step(still)[0]
      const { image, depth, segmentation, cameraExtrinsics, cameraIntrinsics } = observation
      const arrays = [image, depth!, segmentation!, cameraExtrinsics, cameraIntrinsics, env.render().data]
      return arrays.map(hashOf)
    }
    whole.reset({ seed: 11 })
    view(whole, 3)
    const middle = whole.snapshot()
    const expected = view(whole, 4)
    const later = hashOf(whole.reset()[0].image)
    for (const appearance of [unseen, 'plain', 'random'] as AppearanceOption[]) {
      const env = makeManipulationEnv('widowx_spoon_on_towel', { ...options, appearance })
      const plain = hashOf(env.reset({ seed: 1 })[0].image)
      env.restore(middle)
      expect(hashOf(env.snapshot())).toBe(hashOf(middle))
      expect(view(env, 4)).toEqual(expected)
      if (appearance === unseen) expect(hashOf(env.reset()[0].image)).toBe(later)
      expect(hashOf(env.reset({ seed: 1 })[0].image)).toBe(plain)
      env.close()
    }
    // And the other way round: a plain episode is plain in an environment that randomises.
    const plain = makeManipulationEnv('widowx_spoon_on_towel', options)
    plain.reset({ seed: 2 })
    const start = plain.snapshot()
    whole.restore(start)
    expect(view(whole, 2)).toEqual(view(plain, 2))
    for (const env of [whole, plain]) env.close()
  })

  it('of one kind changes that kind alone', () => {
    const image = { width: 160, height: 160, crop }
    const env = (appearance: AppearanceOption) =>
      makeManipulationEnv('widowx_stack_cube', { image, appearance, depth: true, segmentation: true })
    const plainEnv = env('plain')
    const [{ image: plain, segmentation, depth, cameraExtrinsics }] = plainEnv.reset({ seed: 5 })
    const names = plainEnv.segmentationNames
    const isObject = (i: number) => names[segmentation![i]]?.endsWith('_cube')
    /** Per pixel: 1 object, 0 anything else, -1 on an edge, where samples of both are mixed. */
    const kinds = Array.from(segmentation!, (_, i) => {
      const around = [-161, -160, -159, -1, 1, 159, 160, 161].map((d) => isObject(i + d))
      return around.every((x) => x === isObject(i)) ? (isObject(i) ? 1 : 0) : -1
    })
    const changed = (picture: Uint8Array, kind: number) =>
      kinds.filter((k, i) => k === kind && [0, 1, 2].some((c) => picture[3 * i + c] !== plain[3 * i + c]))
        .length / kinds.filter((k) => k === kind).length
    for (const set of ['train', 'unseen'] as const) {
      for (const kind of ['table', 'objects', 'light', 'noise', 'camera'] as const) {
        const random = env({ [kind]: set })
        const [observation] = random.reset({ seed: 5 })
        const sameCamera = kind !== 'camera'
        expect(Buffer.compare(observation.image, plain)).not.toBe(0)
        expect([...observation.cameraExtrinsics].join() === [...cameraExtrinsics].join()).toBe(sameCamera)
        if (sameCamera) {
          expect(hashOf(observation.depth!)).toBe(hashOf(depth!))
          expect(hashOf(observation.segmentation!)).toBe(hashOf(segmentation!))
        }
        const [objects, rest] = [changed(observation.image, 1), changed(observation.image, 0)]
        if (kind === 'table') expect([objects, rest > 0.8]).toEqual([0, true])
        if (kind === 'objects') expect([objects > 0.95, rest]).toEqual([true, 0])
        random.close()
      }
    }
    plainEnv.close()
  })

  it('keeps every kind and object as it is when another is drawn too', () => {
    const names = ['carrot', 'plate']
    const drawn = (spec: AppearanceSpec, objects = names) =>
      drawAppearance(spec, objects, Stream.fromSeed(5, 'appearance'))
    const all = drawn({ table: 'train', objects: 'train', light: 'train', camera: 'train', noise: 'train' })
    for (const kind of ['table', 'objects', 'light', 'camera', 'noise'] as const) {
      expect(drawn({ [kind]: 'train' })).toEqual({ [kind]: all[kind] })
    }
    expect(drawn({ objects: 'train' }, ['basket', ...names]).objects).toMatchObject(all.objects!)
    expect(JSON.parse(JSON.stringify(all))).toEqual(all)
  })

  it.each(ids)('%s: camera matrices follow the camera, and all things stay in the picture', (id) => {
    const image = { width: 80, height: 80, crop }
    for (const camera of ['train', 'unseen'] as const) {
      const env = makeManipulationEnv(id, { image, segmentation: true, appearance: { camera } })
      const names = () => env.segmentationNames
      for (let seed = 0; seed < 60; seed++) {
        const [observation] = env.reset({ seed })
        const { cameraIntrinsics: k, cameraExtrinsics: e } = observation
        for (const [index, object] of env.scene.objects.entries()) {
          const p = env.scene.objectCenter(index, new Float64Array(3))
          const [x, y, z] = [0, 4, 8].map((r) => e[r] * p[0] + e[r + 1] * p[1] + e[r + 2] * p[2] + e[r + 3])
          const [u, v] = [(k[0] * x) / z + k[2], (k[4] * y) / z + k[5]]
          expect(Math.min(u, v)).toBeGreaterThan(1)
          expect(Math.max(u, v)).toBeLessThan(79)
          if (seed >= 6 || object.name === 'basket_target') continue
          const seen = names()[observation.segmentation![80 * Math.floor(v) + Math.floor(u)]]
          // A carrot or a spoon may lie under the gripper.
          if (!/gripper|finger|wrist|forearm|arm_link/.test(seen)) expect(seen).toBe(object.name)
        }
      }
      env.close()
    }
  })

  it('lights and exposes a flat face by the factors drawn', () => {
    const image = { width: 80, height: 80, crop }
    const mean = (picture: Uint8Array, ids: Uint8Array, table: number) => {
      const sums = [0, 0, 0]
      let count = 0
      // The far third of the table lies in no shadow.
      for (let i = 0; i < 80 * 26; i++) {
        if (ids[i] !== table) continue
        for (let c = 0; c < 3; c++) sums[c] += linear(picture[3 * i + c])
        count++
      }
      return sums.map((sum) => sum / count)
    }
    const plain = makeManipulationEnv('widowx_carrot_on_plate', { image, segmentation: true })
    for (const [kind, set] of [
      ['light', 'train'],
      ['noise', 'train'],
      ['light', 'unseen'],
    ] as const) {
      const env = makeManipulationEnv('widowx_carrot_on_plate', {
        image,
        segmentation: true,
        appearance: { [kind]: set },
      })
      for (let seed = 0; seed < 6; seed++) {
        const [a] = plain.reset({ seed })
        const [b] = env.reset({ seed })
        const table = env.segmentationNames.indexOf('table')
        const [before, after] = [mean(a.image, a.segmentation!, table), mean(b.image, b.segmentation!, table)]
        const { light, noise } = drawAppearance({ [kind]: set }, [], Stream.fromSeed(seed, 'appearance'))
        const flat = light
          ? light.ambient +
            (light.sun +
              light.sides.reduce((sum, { direction, intensity }) => {
                return sum - (intensity * direction[2]) / Math.hypot(...direction)
              }, 0)) /
              Math.PI
          : 1.277
        for (let c = 0; c < 3; c++) {
          const factor = (flat / 1.277) * (light?.tint[c] ?? 1) * (noise?.exposure ?? 1)
          // Rounding to bytes, and what grain adds to the mean of a curved function: 3 %.
          if (before[c] * factor < 0.8) expect(Math.abs(after[c] / before[c] / factor - 1)).toBeLessThan(0.03)
        }
      }
      env.close()
    }
    plain.close()
  })

  it('refuses what it does not know', () => {
    const make = (appearance: unknown) => () =>
      makeManipulationEnv('widowx_stack_cube', { appearance: appearance as AppearanceOption })
    expect(make('wild')).toThrow(/appearance must be 'plain', 'random' or an object, got 'wild'/)
    expect(make({ tabel: 'train' })).toThrow(/appearance.tabel: unknown; it has table, objects/)
    expect(make({ light: 'test' })).toThrow(/appearance.light must be 'train' or 'unseen', got 'test'/)
    expect(make(null)).toThrow(/appearance must be/)
  })
})
