import { type Rng, UserError } from '@vla-gym/gymnasium'
import type { ObjectSpec } from '../scenes/objects.js'
import { type Footing, footing, overlaps } from './overlap.js'
import type { Placement, Rectangle, Spot } from './task.js'

/** Centre of the placement squares, world frame (ManiSkill2_real2sim put_on_in_scene.py). */
export const CENTER_X = -0.16

/** Of 'wide' placements, so that the layouts at the border of the ranges are not at the border of what was seen. */
export const WIDENING = 1.25

export type Point = readonly [x: number, y: number]

/** The 12 ordered pairs of different corners of a square: source first, AB, AC, AD, BA, ... */
export function cornerPairs(halfEdge: number): (readonly [source: Point, target: Point])[] {
  const corners: Point[] = [
    [CENTER_X - halfEdge, -halfEdge],
    [CENTER_X - halfEdge, halfEdge],
    [CENTER_X + halfEdge, -halfEdge],
    [CENTER_X + halfEdge, halfEdge],
  ]
  return corners.flatMap((a) => corners.filter((b) => b !== a).map((b) => [a, b] as const))
}

/** The official layouts of pairs and yaws of the source: pairs first, each with every yaw; ids wrap around. */
export function pairsAndYaws(pairs: ReturnType<typeof cornerPairs>, yaws: readonly number[]) {
  const officialEpisodes = pairs.length * yaws.length
  return {
    officialEpisodes,
    official(episodeId: number): Placement {
      const id = episodeId % officialEpisodes
      const [source, target] = pairs[Math.floor(id / yaws.length)]
      return {
        source: { x: source[0], y: source[1], yaw: yaws[id % yaws.length] },
        target: { x: target[0], y: target[1], yaw: 0 },
      }
    },
  }
}

/** Two points uniform in the square, at least `distance` apart. */
export function randomPair(rng: Rng, halfEdge: number, distance: number): readonly [Point, Point] {
  for (;;) {
    const a = randomPoint(rng, halfEdge)
    const b = randomPoint(rng, halfEdge)
    if (Math.hypot(a[0] - b[0], a[1] - b[1]) >= distance) return [a, b]
  }
}

export function randomPoint(rng: Rng, halfEdge: number): Point {
  return [CENTER_X + rng.uniform(-halfEdge, halfEdge), rng.uniform(-halfEdge, halfEdge)]
}

const DISTRACTOR_HALF_EDGE = 0.15
const CLEARANCE = 0.015
const MAX_DRAWS = 100

/** What stands where. */
export interface Taken {
  readonly spot: Spot
  readonly footprint: number
}

function isFree(
  [x, y]: Point,
  { footprint }: ObjectSpec,
  taken: readonly Taken[],
  clearance: number,
): boolean {
  return taken.every((each) => {
    return Math.hypot(each.spot.x - x, each.spot.y - y) >= each.footprint + footprint + clearance
  })
}

/** A free spot on the table for one more object; the search area grows if the table is crowded. */
export function freeSpot(rng: Rng, object: ObjectSpec, taken: readonly Taken[]): Spot {
  for (let attempt = 0; ; attempt++) {
    const point = randomPoint(rng, DISTRACTOR_HALF_EDGE + 2e-4 * attempt)
    if (!isFree(point, object, taken, CLEARANCE)) continue
    return { x: point[0], y: point[1], yaw: rng.uniform(-Math.PI, Math.PI) }
  }
}

/**
 * The first of at most 100 draws that will do.
 * @throws UserError naming what could not be placed
 */
export function drawUntil<T>(what: string, draw: () => T, willDo: (drawn: T) => boolean): T {
  for (let attempt = 0; attempt < MAX_DRAWS; attempt++) {
    const drawn = draw()
    if (willDo(drawn)) return drawn
  }
  throw new UserError(`${what}: no free place in ${MAX_DRAWS} draws; use smaller or fewer objects`)
}

/** Between boxes of things that are placed by `freeSpotIn`, m. */
const GAP = 0.01
/** Draws for one thing of a layout; then the layout is drawn again. */
const DRAWS_OF_A_LAYOUT = 30

/** A free spot in a rectangle; undefined if some draws find none. */
export function freeSpotIn(
  { x, y }: Rectangle,
  rng: Rng,
  object: ObjectSpec,
  taken: readonly Footing[],
): Spot | undefined {
  for (let attempt = 0; attempt < DRAWS_OF_A_LAYOUT; attempt++) {
    const spot = { x: rng.uniform(...x), y: rng.uniform(...y), yaw: rng.uniform(-Math.PI, Math.PI) }
    if (taken.every((each) => !overlaps(each, footing(object, spot, GAP)))) return spot
  }
  return undefined
}

/** Of the open fingers to either side of what they take, m. */
const FINGERS = 0.05

/** The box of something to be grasped, with room for the open fingers beside it. */
export function graspRoom(object: ObjectSpec, spot: Spot): Footing {
  const { x, y } = footing(object, spot)
  return { spot, x, y: Math.max(y, 2 * FINGERS) }
}
