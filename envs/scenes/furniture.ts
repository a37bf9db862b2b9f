import { UserError } from '@vla-gym/gymnasium'
import type { Body, Part, Vec3 } from '../geometry.js'
import { type BoundingBox, boundingBox } from '../physics/bounds.js'

/** A body that never moves, upright at a place in the world, m. */
export interface Furniture {
  readonly body: Body
  readonly position: Vec3
}

/**
 * Boxes along the world's axes of everything that collides and rises above `floor`: what a driven arm stops at.
 * @throws UserError where such a part is not an upright box.
 */
export function wallsOf(furniture: readonly Furniture[], floor: number): BoundingBox[] {
  const walls: BoundingBox[] = []
  for (const { body, position } of furniture) {
    for (const [i, part] of body.parts.entries()) {
      if (part.collides === false) continue
      const { center, half } = boundingBox([{ name: body.name, parts: [part] }])
      if (position[2] + center[2] + half[2] <= floor + 1e-6) continue
      if (!isUprightBox(part)) {
        throw new UserError(
          `furniture '${body.name}', part ${i}: what rises above the floor must be a box along the world's axes`,
        )
      }
      walls.push({ center: center.map((value, k) => value + position[k]), half })
    }
  }
  return walls
}

function isUprightBox({ shape, pose }: Part): boolean {
  return shape.kind === 'box' && (pose === undefined || Math.abs(pose.rotation[3]) > 1 - 1e-12)
}
