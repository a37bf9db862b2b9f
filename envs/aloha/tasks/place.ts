import type { Rng } from '@vla-gym/gymnasium'
import type { Bounds } from '../../motion/workspace.js'
import type { Spot } from '../../tasks/task.js'
import { mounts, type Side } from '../alohaArms.js'

type Range = readonly [low: number, high: number]

/** Uniform in a range that is `widening` times as wide about its middle. */
export function drawIn(rng: Rng, [low, high]: Range, widening: number): number {
  const [middle, half] = [(low + high) / 2, ((high - low) / 2) * widening]
  return rng.uniform(middle - half, middle + half)
}

const TRIES = 1000

/** Draws until a layout keeps a rule. */
export function drawUntil(draw: () => Spot[], keeps: (spots: readonly Spot[]) => boolean): Spot[] {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const spots = draw()
    if (keeps(spots)) return spots
  }
  throw new Error('no layout keeps the rules of the task')
}

export function distance(a: Spot, b: Spot): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}

/** The arm on whose side of the table a thing is. */
export const sideOf =
  (index: number) =>
  (spots: readonly Spot[]): Side =>
    spots[index].x < 0 ? 0 : 1

/** How far from its base an arm reaches things on the table from above, m. */
const REACH = 0.55

function isReached(side: Side, { x, y }: Spot): boolean {
  const [baseX, baseY] = mounts[side].basePosition
  return Math.hypot(x - baseX, y - baseY) <= REACH
}

/** Where moving things may be; DOMINO's reach 10 cm further from the robot, as its arms do. */
export const TABLE: Bounds = { x: [-0.35, 0.35], y: [-0.2, 0.15] }

/** The arm on the first thing's side reaches all things. */
export function allReached(spots: readonly Spot[]): boolean {
  const side = sideOf(0)(spots)
  return spots.every((spot) => isReached(side, spot))
}

/** Draws two things until they are `apart`, m, and one arm reaches both. */
export function drawPair(draw: () => Spot[], apart: number): Spot[] {
  return drawUntil(draw, (spots) => distance(spots[0], spots[1]) >= apart && allReached(spots))
}

/** -1 or 1, equally often. */
export function drawSide(rng: Rng): -1 | 1 {
  return rng.uniform() < 0.5 ? -1 : 1
}
