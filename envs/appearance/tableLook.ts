import { Rng } from '@vla-gym/gymnasium'
import type { Texture, Vec3 } from '../geometry.js'
import { difference, fromOklab, polar, toOklab } from './oklab.js'
import { type LookSet, looks } from './sets.js'

/** A pattern in two colours. */
export interface Material {
  readonly texture: Texture
  /** Linear red, green and blue at the pattern's brightest and darkest step. */
  readonly bright: Vec3
  readonly dark: Vec3
  /** Repeats of the pattern per repeat of its natural size. */
  readonly scale: number
  /** Its turn about the vertical, rad. */
  readonly angle: number
}

/** What tables, sinks and the room around them look like. */
export interface TableLook {
  readonly table: Material
  readonly sink: Material
  /** Linear red, green and blue. */
  readonly room: Vec3
}

/** Colours of the WidowX tasks' objects, sRGB: no table is allowed to hide one of them. */
const OBJECTS = [0x2f9e44, 0xf2c230, 0xe8711c, 0xe8e4da, 0xd3d8dd, 0x5b7fb4, 0x6b3a8c].map((color) =>
  toOklab([linear(color >> 16), linear((color >> 8) & 255), linear(color & 255)]),
)
/** Least Oklab difference between an object and a pattern's mean, and between it and either colour. */
const CONTRAST = { mean: 0.12, either: 0.08 }

const WOODEN: readonly Texture[] = ['wood', 'grain', 'herringbone']
const STONE: readonly Texture[] = ['concrete', 'marble', 'tiles', 'terrazzo']

const known = new Map<number, TableLook>()

/** The look of a seed of the sets; made when first asked for. */
export function tableLook(seed: number): TableLook {
  let look = known.get(seed)
  if (!look) known.set(seed, (look = makeLook(seed)))
  return look
}

/**
 * The seeds' patterns follow each other in turn, so that a set has all of them equally often, the first time in dark
 * colours and the last time in bright ones.
 */
function makeLook(seed: number): TableLook {
  const set: LookSet = looks.train.table.seeds.includes(seed) ? 'train' : 'unseen'
  const { seeds, patterns, sinks } = looks[set].table
  const index = seeds.indexOf(seed)
  const texture = patterns[index % patterns.length]
  const turns = seeds.length / patterns.length
  const turn = Math.floor(index / patterns.length)
  const rng = Rng.fromSeed(seed, 'table look')
  const table = contrasting(() => coloursOf(rng, texture, rng.uniform(turn / turns, (turn + 1) / turns)))
  const sink = contrasting(() => steel(rng))
  return {
    table: {
      texture,
      ...table,
      scale: rng.uniform(0.6, 1.25),
      angle: rng.uniform(0, Math.PI),
    },
    sink: { texture: sinks[index % sinks.length], ...sink, scale: rng.uniform(0.7, 1.2), angle: 0 },
    room: fromOklab(polar(rng.uniform(0.3, 0.85), rng.uniform(0, 0.05), rng.uniform(0, 2 * Math.PI))),
  }
}

/** Oklab colours of a pattern's brightest and darkest step. */
type Pair = readonly [bright: Vec3, dark: Vec3]

function contrasting(make: () => Pair): { bright: Vec3; dark: Vec3 } {
  for (;;) {
    const [bright, dark] = make()
    const mean = bright.map((x, i) => (x + dark[i]) / 2) as unknown as Vec3
    const clear = OBJECTS.every(
      (object) =>
        difference(mean, object) > CONTRAST.mean &&
        difference(bright, object) > CONTRAST.either &&
        difference(dark, object) > CONTRAST.either,
    )
    if (clear) return { bright: fromOklab(bright), dark: fromOklab(dark) }
  }
}

/** @param bright 0 dark ... 1 bright */
function coloursOf(rng: Rng, texture: Texture, bright: number): Pair {
  const lightness = 0.42 + 0.39 * bright
  const anyHue = rng.uniform(0, 2 * Math.PI)
  if (WOODEN.includes(texture)) {
    const chroma = rng.uniform(0.03, 0.09)
    const hue = rng.uniform(0.75, 1.5)
    return [polar(lightness, chroma, hue), polar(lightness * rng.uniform(0.6, 0.8), chroma, hue)]
  }
  if (STONE.includes(texture)) {
    const chroma = rng.uniform(0, 0.035)
    const other = lightness * rng.uniform(0.55, 0.8)
    const pair: Pair = [polar(lightness, chroma, anyHue), polar(other, chroma, anyHue)]
    return rng.uniform() < 0.25 ? [pair[1], pair[0]] : pair
  }
  const chroma = () => rng.uniform(0.02, 0.085)
  const hue = anyHue + rng.uniform(-1, 1)
  return [polar(lightness, chroma(), anyHue), polar(lightness * rng.uniform(0.6, 0.85), chroma(), hue)]
}

function steel(rng: Rng): Pair {
  const [lightness, chroma] = [rng.uniform(0.5, 0.85), rng.uniform(0, 0.03)]
  const hue = rng.uniform(0, 2 * Math.PI)
  return [polar(lightness, chroma, hue), polar(lightness * rng.uniform(0.7, 0.9), chroma, hue)]
}

function linear(byte: number): number {
  const value = byte / 255
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}
