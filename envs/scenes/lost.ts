import type RAPIER from '@dimforge/rapier3d-simd-compat'

/** Height under which a thing's origin means that it is lost, world frame, m, and how that is told. */
export interface Lost {
  readonly below: number
  readonly how: string
}

/** Further up than this, nothing is on the scene, m. */
const CEILING = 3
const vector = { x: 0, y: 0, z: 0 }

/**
 * Why a thing no longer counts as on the scene; undefined if all is well.
 * @param reach of the scene along the world's x and y, to either side, m
 */
export function whyLost(
  { name }: { readonly name: string },
  body: RAPIER.RigidBody,
  { below, how }: Lost,
  reach = 1.5,
): string | undefined {
  const { x, y, z } = body.translation(vector)
  if (!Number.isFinite(x + y + z)) return `the simulation of ${name} is not finite`
  if (z < below) return `${name} ${how}`
  if (Math.abs(x) > reach || Math.abs(y) > reach || z > CEILING) return `${name} left the scene`
  return undefined
}
