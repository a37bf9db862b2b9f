import type { Part, Texture } from '../geometry.js'
import { disc, type ObjectSpec } from '../scenes/objects.js'
import { boundsOf, box, eggHull } from './shapes.js'

/** Something that the gripper can take, and what instructions call it. */
export interface Graspable {
  readonly words: string
  readonly spec: ObjectSpec
}

/** RL4VLA's objects (PutOnPlateInScene25). */
const FRICTION = 1

interface Grip {
  /** Angle after which a grasp looks the same, rad; default pi. */
  readonly period?: number
  /** Of the best grasp point above the centre of mass, m; default 6 mm. */
  readonly height?: number
  /** kg/m³; default 700. */
  readonly density?: number
}

/** Parts stand on z = 0; the body's origin is in the middle of the box around them. */
export function graspable(words: string, parts: readonly Part[], grip: Grip = {}): Graspable {
  const { period = Math.PI, height = 0.006, density = 700 } = grip
  const { low, high } = boundsOf(parts)
  const name = words.replaceAll(' ', '_')
  const extents = [0, 1, 2].map((k) => high[k] - low[k]) as [number, number, number]
  const middle = [0, 1, 2].map((k) => (low[k] + high[k]) / 2)
  return {
    words,
    spec: {
      name,
      body: { name, parts: parts.map((part) => centred(part, middle)) },
      density,
      friction: FRICTION,
      box: extents,
      bottom: extents[2] / 2,
      footprint: Math.hypot(extents[0], extents[1]) / 2,
      graspPeriod: period,
      graspHeight: height,
    },
  }
}

function centred(part: Part, middle: readonly number[]): Part {
  const { position: [x, y, z] = [0, 0, 0], rotation = [0, 0, 0, 1] } = part.pose ?? {}
  return { ...part, pose: { position: [x - middle[0], y - middle[1], z - middle[2]], rotation } }
}

interface Skin {
  readonly color: number
  readonly texture?: Texture
}

interface EggShape {
  readonly size: readonly [length: number, width: number, height: number]
  readonly point?: number
  readonly stem?: number
  readonly density?: number
}

/** Fruit, vegetables and the like: rounded, lying along x, perhaps with a stem at an end or on top. */
export function egg(words: string, skin: Skin, { size, point, stem, density }: EggShape): Graspable {
  const [length, width, height] = size
  const parts: Part[] = [
    { shape: { kind: 'hull', vertices: eggHull(length, width, height, point) }, ...skin },
  ]
  const isRound = length < 1.3 * width
  if (stem !== undefined) {
    parts.push(
      isRound
        ? box([0, 0, height + 0.002], [0.005, 0.005, 0.01], stem, { collides: false })
        : box([length / 2, 0, 0.5 * height], [0.01, 0.008, 0.008], stem, { collides: false }),
    )
  }
  return graspable(words, parts, { density })
}

/** A block with edges along the axes. */
export function block(words: string, skin: Skin, size: readonly [number, number, number]): Graspable {
  const [x, y, z] = size
  const part = box([0, 0, z / 2], size, skin.color, { texture: skin.texture })
  return graspable(words, [part], { period: x === y ? Math.PI / 2 : Math.PI })
}

/** Any angle will do for what is round and stands. */
export const ROUND = Math.PI / 12

/** Something round that stands upright, a ring or two of another colour around it. */
export function standing(
  words: string,
  color: number,
  [radius, height]: readonly [number, number],
  rings: readonly { readonly from: number; readonly to: number; readonly color: number }[] = [],
): Graspable {
  const parts = [disc(radius, 0, height, color)]
  for (const ring of rings) parts.push(disc(radius + 3e-4, ring.from, ring.to, ring.color, false))
  return graspable(words, parts, { period: ROUND, density: 500 })
}

/** A handle along x, from which the rest of a tool goes on towards +x. */
export function tool(words: string, handle: Skin, head: readonly Part[]): Graspable {
  const { color, texture } = handle
  const grip = box([0, 0, 0.0085], [0.09, 0.023, 0.017], color, { texture })
  return graspable(words, [grip, ...head], { density: 600 })
}
