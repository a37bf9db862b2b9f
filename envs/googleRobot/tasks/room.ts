import { type Rng, UserError } from '@vla-gym/gymnasium'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import { turnedExtents } from '../turnedExtents.js'
import type { Standing } from './task.js'

const MOST_DRAWS = 100
/** Between things, m. */
const CLEARANCE = 0.01

/** Radius about its origin that no other thing enters as it stands or lies, m. */
function reachOf({ box }: ObjectSpec, { rotation }: Standing): number {
  const [x, y] = turnedExtents(box, rotation)
  return Math.hypot(x, y) / 2
}

/** The first two things that are inside one another, or nearer to each other than `distance`, m, if any. */
export function overlap(
  objects: readonly ObjectSpec[],
  things: readonly Standing[],
  distance = 0,
): readonly [string, string] | undefined {
  for (const [i, a] of things.entries()) {
    for (const b of things.slice(0, i)) {
      const touching = reachOf(objects[a.object], a) + reachOf(objects[b.object], b) + CLEARANCE
      const least = Math.max(distance, touching)
      if (Math.hypot(a.x - b.x, a.y - b.y) < least) return [objects[a.object].name, objects[b.object].name]
    }
  }
  return undefined
}

/**
 * Draws things until none is inside another.
 * @param configuration for the message
 * @throws UserError after 100 draws.
 */
export function drawApart(
  rng: Rng,
  configuration: string,
  objects: readonly ObjectSpec[],
  draw: (rng: Rng) => Standing[],
  distance = 0,
): Standing[] {
  let pair: readonly [string, string] | undefined
  for (let attempt = 0; attempt < MOST_DRAWS; attempt++) {
    const things = draw(rng)
    pair = overlap(objects, things, distance)
    if (!pair) return things
  }
  throw new UserError(
    `${configuration}: ${pair![0]} and ${pair![1]} were inside one another in ${MOST_DRAWS} draws; leave more room`,
  )
}
