import { type Rng, UserError } from '@vla-gym/gymnasium'
import type { Texture, Vec3 } from '../geometry.js'
import { type Lighting, tabletopLighting } from '../renderer/lighting.js'
import { draw, type LookSet, lookSets, looks } from './sets.js'

/** Which things change from episode to episode, and the set that their looks are drawn from; absent: as they are. */
export interface AppearanceSpec {
  /** Pattern and colours of table, counter and sink, and the room's colour. */
  readonly table?: LookSet
  /** Shades of the objects' colours; what is green stays green. */
  readonly objects?: LookSet
  /** Brightness, warmth, direction, and how much of it is ambient. */
  readonly light?: LookSet
  /** Eye, direction and focal length. */
  readonly camera?: LookSet
  /** Of the whole image: grain and exposure. */
  readonly noise?: LookSet
  /** Probability that an episode changes at all; default 1. */
  readonly share?: number
}

/** 'random' is all of AppearanceSpec with 'train'. */
export type AppearanceOption = 'plain' | 'random' | AppearanceSpec

/** Everything that an episode looks like, as plain data. What is absent is as the scene has it. */
export interface Appearance {
  /** Seed of `tableLook`, and where in its endless pattern the table lies, m. */
  readonly table?: { readonly look: number; readonly shift: readonly [x: number, y: number] }
  /** By the name of the body. */
  readonly objects?: Readonly<Record<string, ObjectLook>>
  readonly light?: Lighting
  readonly camera?: CameraLook
  readonly noise?: NoiseLook
}

export interface ObjectLook {
  /** rad. */
  readonly hue: number
  /** Factors of Oklab chroma and lightness. */
  readonly chroma: number
  readonly lightness: number
  readonly texture?: Texture
}

export interface CameraLook {
  /** Shifts of the eye and of what it looks at, m, world axes. */
  readonly eye: Vec3
  readonly target: Vec3
  readonly focal: number
}

export interface NoiseLook {
  /** Standard deviation of a pixel's value of 0 to 255. */
  readonly deviation: number
  /** Factor of linear values. */
  readonly exposure: number
  /** Of the grain. */
  readonly seed: number
}

const kinds = ['table', 'objects', 'light', 'camera', 'noise'] as const

/** UserError that names what is wrong. */
export function checkAppearance(option: AppearanceOption | undefined): void {
  if (option === undefined || option === 'plain' || option === 'random') return
  if (typeof option !== 'object' || option === null) {
    throw new UserError(`appearance must be 'plain', 'random' or an object, got '${option}'`)
  }
  const { share = 1, ...sets } = option
  if (!(share >= 0 && share <= 1)) throw new UserError(`appearance.share must be in 0 .. 1, got ${share}`)
  for (const [kind, set] of Object.entries(sets)) {
    if (!kinds.includes(kind as never)) {
      throw new UserError(`appearance.${kind}: unknown; it has ${kinds.join(', ')} and share`)
    }
    if (set !== undefined && !lookSets.includes(set)) {
      throw new UserError(`appearance.${kind} must be 'train' or 'unseen', got '${set}'`)
    }
  }
}

export function appearanceSpec(option: AppearanceOption = 'plain'): AppearanceSpec {
  if (option === 'plain') return {}
  if (option !== 'random') return option
  return Object.fromEntries(kinds.map((kind) => [kind, 'train']))
}

/**
 * Draws an episode's look. Every kind, and every object, has a stream of its own, so one that changes too changes
 * no other.
 * @param objects names of the bodies whose colours may change
 */
export function drawAppearance(spec: AppearanceSpec, objects: readonly string[], seed: Rng): Appearance {
  const { table, objects: shades, light, camera, noise, share = 1 } = spec
  const rng = seed.split(seed.uint32())
  if (share < 1 && rng.split('share').uniform() >= share) return {}
  return {
    ...(table && { table: drawTable(table, rng.split('table')) }),
    ...(shades && { objects: drawObjects(shades, objects, rng.split('objects')) }),
    ...(light && { light: drawLight(light, rng.split('light')) }),
    ...(camera && { camera: drawCamera(camera, rng.split('camera')) }),
    ...(noise && { noise: drawNoise(noise, rng.split('noise')) }),
  }
}

function drawTable(set: LookSet, rng: Rng): Appearance['table'] {
  return { look: rng.choice(looks[set].table.seeds), shift: [rng.uniform(), rng.uniform()] }
}

function drawObjects(set: LookSet, names: readonly string[], rng: Rng): Record<string, ObjectLook> {
  const { hue, chroma, lightness, patterns } = looks[set].objects
  const one = (own: Rng): ObjectLook => ({
    hue: draw(own, hue) * (own.uniform() < 0.5 ? -1 : 1),
    chroma: draw(own, chroma),
    lightness: draw(own, lightness),
    ...(patterns.length > 0 && { texture: own.choice(patterns) }),
  })
  return Object.fromEntries(names.map((name) => [name, one(rng.split(name))]))
}

/** Light of a horizontal face: the ambient, and of the others the vertical part of each, over pi. */
function onHorizontalFace({ ambient, sun, sides }: Omit<Lighting, 'tint'>): number {
  const slanted = sides.reduce((sum, { direction, intensity }) => {
    return sum - (intensity * direction[2]) / Math.hypot(...direction)
  }, 0)
  return ambient + (sun + slanted) / Math.PI
}

const PLAIN = onHorizontalFace(tabletopLighting)

function drawLight(set: LookSet, rng: Rng): Lighting {
  const { brightness, warmth, ambient } = looks[set].light
  const total = PLAIN * draw(rng, brightness)
  const ambientShare = draw(rng, ambient)
  const turn = rng.uniform(0, 2 * Math.PI)
  const lamps = {
    ambient: 0,
    sun: tabletopLighting.sun * rng.uniform(0.7, 1.1),
    sides: tabletopLighting.sides.map(({ direction: [x, y], intensity }) => {
      const azimuth = Math.atan2(y, x) + turn + rng.uniform(-0.4, 0.4)
      const direction: Vec3 = [Math.cos(azimuth), Math.sin(azimuth), -rng.uniform(0.5, 1.5)]
      return { direction, intensity: intensity * rng.uniform(0.5, 2) }
    }),
  }
  const factor = (total * (1 - ambientShare)) / onHorizontalFace(lamps)
  return {
    ambient: total * ambientShare,
    sun: lamps.sun * factor,
    sides: lamps.sides.map(({ direction, intensity }) => ({ direction, intensity: intensity * factor })),
    tint: warmTint(draw(rng, warmth)),
  }
}

/** Of equal luminance. */
function warmTint(warmth: number): Vec3 {
  const [red, green, blue] = [1 + 0.12 * warmth, 1, 1 - 0.28 * warmth]
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return [red / luminance, green / luminance, blue / luminance]
}

function drawCamera(set: LookSet, rng: Rng): CameraLook {
  const { eye, target, focal } = looks[set].camera
  return {
    eye: inAnyDirection(rng, draw(rng, eye)),
    target: inAnyDirection(rng, draw(rng, target)),
    focal: draw(rng, focal),
  }
}

function inAnyDirection(rng: Rng, length: number): Vec3 {
  const z = rng.uniform(-1, 1)
  const angle = rng.uniform(0, 2 * Math.PI)
  const across = length * Math.sqrt(1 - z * z)
  return [across * Math.cos(angle), across * Math.sin(angle), length * z]
}

function drawNoise(set: LookSet, rng: Rng): NoiseLook {
  const { deviation, exposure } = looks[set].noise
  return {
    deviation: Math.max(0, draw(rng, deviation)),
    exposure: 2 ** draw(rng, exposure),
    seed: rng.uint32(),
  }
}
