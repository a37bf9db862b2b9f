import { Rng } from '@vla-gym/gymnasium'
import { describe, expect, it } from 'vitest'
import {
  drawAppearance,
  dress,
  type LookSet,
  looks,
  ownSurfaces,
  shadedBodies,
  tableLook,
} from '../../../envs/appearance/index.js'
import { difference, fromOklab, polar, toOklab } from '../../../envs/appearance/oklab.js'
import type { Intervals } from '../../../envs/appearance/sets.js'
import type { Vec3 } from '../../../envs/geometry.js'
import { SceneGraph } from '../../../envs/renderer/index.js'
import type { Surface } from '../../../envs/renderer/solid.js'
import { carrot, eggplant, greenCube, plate, spoon, towel, yellowCube } from '../../../envs/scenes/objects.js'
import { sink } from '../../../envs/scenes/sink.js'

const sets: LookSet[] = ['train', 'unseen']
const objects = [greenCube, yellowCube, carrot, plate, spoon, towel, eggplant]
const bodies = [...objects.map(({ body }) => body), ...sink.furniture.map(({ body }) => body)]
const names = bodies.map(({ name }) => name)
const labOf = ({ r, g, b }: Surface): Vec3 => toOklab([r, g, b])
const hueOf = ([, a, b]: Vec3) => Math.atan2(b, a)
const chromaOf = ([, a, b]: Vec3) => Math.hypot(a, b)
const turn = (x: number, y: number) => Math.abs(Math.atan2(Math.sin(x - y), Math.cos(x - y)))

describe('Oklab', () => {
  // From the table of Ottosson's article, XYZ turned into linear sRGB: white and grey are exact by definition.
  it('has white at 1, black at 0, and greys without colour', () => {
    expect(toOklab([1, 1, 1])).toEqual([1, 0, 0].map((x) => expect.closeTo(x, 6)))
    expect(toOklab([0, 0, 0])).toEqual([0, 0, 0].map((x) => expect.closeTo(x, 6)))
    expect(toOklab([0.125, 0.125, 0.125])).toEqual([0.5, 0, 0].map((x) => expect.closeTo(x, 6)))
  })

  it('comes back to the same colour', () => {
    const rng = Rng.fromSeed(1)
    for (let i = 0; i < 500; i++) {
      const rgb: Vec3 = [rng.uniform(), rng.uniform(), rng.uniform()]
      expect(fromOklab(toOklab(rgb))).toEqual(rgb.map((x) => expect.closeTo(x, 5)))
    }
  })

  it('gives colours that a screen can show, whatever it is asked for', () => {
    const rng = Rng.fromSeed(2)
    for (let i = 0; i < 500; i++) {
      const rgb = fromOklab(polar(rng.uniform(0, 1.3), rng.uniform(0, 0.4), rng.uniform(-4, 4)))
      for (const x of rgb) expect(x >= 0 && x <= 1).toBe(true)
    }
  })
})

describe('table looks', () => {
  it('are at least 16 for training and 16 others, all different', () => {
    const [train, unseen] = sets.map((set) => looks[set].table.seeds)
    expect(Math.min(train.length, unseen.length)).toBeGreaterThanOrEqual(16)
    const all = [...train, ...unseen].map(tableLook)
    expect(new Set([...train, ...unseen]).size).toBe(all.length)
    const colors = all.map(({ table }) => [toOklab(table.bright), toOklab(table.dark)])
    for (let i = 0; i < all.length; i++) {
      for (let j = 0; j < i; j++) {
        if (all[i].table.texture !== all[j].table.texture) continue
        const apart = difference(colors[i][0], colors[j][0]) + difference(colors[i][1], colors[j][1])
        expect(apart).toBeGreaterThan(0.02)
      }
    }
  })

  it('have patterns in the unseen half that training has not, and use all they may', () => {
    const [train, unseen] = sets.map((set) => looks[set].table.seeds.map((seed) => tableLook(seed)))
    for (const kind of ['table', 'sink'] as const) {
      const known = new Set(train.map((look) => look[kind].texture))
      const isNew = unseen.filter((look) => !known.has(look[kind].texture))
      expect(isNew.length).toBeGreaterThanOrEqual(unseen.length / 2)
    }
    for (const [i, set] of [train, unseen].entries()) {
      expect(new Set(set.map(({ table }) => table.texture))).toEqual(new Set(looks[sets[i]].table.patterns))
    }
  })

  it('hide no object: its main colour stands out from both colours of every table and sink', () => {
    const graph = new SceneGraph(bodies)
    const main = objects.map(({ name }) => labOf(ownSurfaces(graph).get(name)![0]))
    for (const seed of sets.flatMap((set) => looks[set].table.seeds)) {
      const look = tableLook(seed)
      for (const { bright, dark } of [look.table, look.sink]) {
        for (const color of main) {
          expect(difference(toOklab(bright), color)).toBeGreaterThan(0.08)
          expect(difference(toOklab(dark), color)).toBeGreaterThan(0.08)
        }
      }
    }
  })
})

describe('the split', () => {
  const overlap = (a: Intervals, b: Intervals) =>
    a.some(([low, high]) => b.some(([from, to]) => low < to && from < high))

  it('has no value of a light, camera, shade or exposure in both halves', () => {
    for (const [kind, names] of [
      ['light', ['brightness', 'warmth', 'ambient']],
      ['camera', ['eye', 'focal']],
      ['objects', ['hue', 'chroma', 'lightness']],
      ['noise', ['deviation', 'exposure']],
    ] as const) {
      for (const name of names) {
        const [train, unseen] = sets.map((set) => (looks[set][kind] as never)[name] as Intervals)
        expect(overlap(train, unseen), `${kind}.${name}`).toBe(false)
      }
    }
  })

  it('draws from everywhere in its intervals, and from nowhere else', () => {
    const rng = Rng.fromSeed(3)
    for (const set of sets) {
      const { light, camera, noise } = looks[set]
      const flat = (values: number[]) => [Math.min(...values), Math.max(...values)]
      const drawn = Array.from({ length: 400 }, () =>
        drawAppearance({ light: set, camera: set, noise: set }, [], rng),
      )
      const ends = (intervals: Intervals) => [intervals[0][0], intervals.at(-1)![1]]
      const cases: [Intervals, number[]][] = [
        [camera.focal, drawn.map((look) => look.camera!.focal)],
        [camera.eye, drawn.map((look) => Math.hypot(...look.camera!.eye))],
        [noise.exposure, drawn.map((look) => Math.log2(look.noise!.exposure))],
        [light.brightness, drawn.map(({ light: l }) => brightnessOf(l!) / 1.277)],
      ]
      for (const [intervals, values] of cases) {
        const inside = (x: number) => intervals.some(([low, high]) => x > low - 2e-3 && x < high + 2e-3)
        expect(values.every(inside)).toBe(true)
        const [low, high] = ends(intervals)
        const [least, most] = flat(values)
        expect(least - low).toBeLessThan(0.05 * (high - low) + 2e-3)
        expect(high - most).toBeLessThan(0.05 * (high - low) + 2e-3)
      }
    }
  })
})

function brightnessOf(light: NonNullable<ReturnType<typeof drawAppearance>['light']>): number {
  const slanted = light.sides.reduce(
    (sum, { direction, intensity }) => sum - (intensity * direction[2]) / Math.hypot(...direction),
    0,
  )
  return light.ambient + (light.sun + slanted) / Math.PI
}

describe('objects', () => {
  it.each(sets)('%s: keep their hue: each coloured one is still nearest to its own', (set) => {
    const graph = new SceneGraph(bodies)
    const own = ownSurfaces(graph)
    const shaded = shadedBodies(names)
    expect(shaded).toContain('basket')
    expect(shaded.some((name) => ['counter', 'sink', 'table'].includes(name))).toBe(false)
    const coloured = shaded.filter((name) => chromaOf(labOf(own.get(name)![0])) > 0.05)
    // What an instruction can mean by its colour: basket and block are both yellow.
    const hues = new Map(coloured.map((name) => [name, hueOf(labOf(own.get(name)![0]))]))
    const rng = Rng.fromSeed(4)
    const { lightness } = looks[set].objects
    for (let i = 0; i < 150; i++) {
      dress(graph, own, drawAppearance({ objects: set }, shaded, rng))
      for (const name of coloured) {
        const [before, after] = [own.get(name)![0], ownSurfaces(graph).get(name)![0]].map(labOf)
        // 7.5° at most by the draw, and 2° where a colour is cut to what a screen shows.
        expect(turn(hueOf(before), hueOf(after))).toBeLessThan((9.5 * Math.PI) / 180)
        const nearest = [...hues].sort((a, b) => turn(a[1], hueOf(after)) - turn(b[1], hueOf(after)))[0]
        expect(turn(nearest[1], hues.get(name)!)).toBeLessThan(0.1)
        expect(after[0] / before[0]).toBeGreaterThan(lightness[0][0] - 0.06)
        expect(after[0] / before[0]).toBeLessThan(lightness.at(-1)![1] + 0.01)
      }
    }
    dress(graph, own, {})
    expect(ownSurfaces(graph)).toEqual(own)
  })
})
