import type { Rng } from '@vla-gym/gymnasium'
import type { ObjectSpec } from '../scenes/objects.js'
import type { Placement, Spot } from './task.js'

/** Centre of the placement squares, world frame (ManiSkill2_real2sim put_on_in_scene.py). */
const CENTER_X = -0.16

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

function randomPoint(rng: Rng, halfEdge: number): Point {
  return [CENTER_X + rng.uniform(-halfEdge, halfEdge), rng.uniform(-halfEdge, halfEdge)]
}

const DISTRACTOR_HALF_EDGE = 0.15
const CLEARANCE = 0.015

/** A free spot on the table for one more object; the search area grows if the table is crowded. */
export function freeSpot(
  rng: Rng,
  object: ObjectSpec,
  taken: readonly { spot: Spot; footprint: number }[],
): Spot {
  for (let attempt = 0; ; attempt++) {
    const [x, y] = randomPoint(rng, DISTRACTOR_HALF_EDGE + 2e-4 * attempt)
    const free = taken.every(
      ({ spot, footprint }) => Math.hypot(spot.x - x, spot.y - y) >= footprint + object.footprint + CLEARANCE,
    )
    if (free) return { x, y, yaw: rng.uniform(-Math.PI, Math.PI) }
  }
}
