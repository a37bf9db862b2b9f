import type RAPIER from '@dimforge/rapier3d-simd-compat'
import { contactImpulse } from './world.js'

/** Normal impulse that counts as touching, N·s (ManiSkill2_real2sim utils/sapien_utils.py). */
export const TOUCH = 1e-6

const HELD = 0.5

const impulse = new Float64Array(3)
const quaternion = { x: 0, y: 0, z: 0, w: 1 }

/**
 * SimplerEnv's test of a finger (`check_grasp` of its robots): an object pushes it open, by the normal impulses of the
 * last timestep.
 * @param sign 1: the finger opens along its own y; -1: against it
 * @param least cosine of the angle between that direction and the push
 */
export function isPushedOpen(
  world: RAPIER.World,
  finger: RAPIER.RigidBody,
  object: RAPIER.RigidBody,
  sign: 1 | -1,
  least: number,
): boolean {
  contactImpulse(impulse, world, finger, object)
  const { x, y, z, w } = finger.rotation(quaternion)
  const opening =
    sign *
    (impulse[0] * 2 * (x * y - w * z) +
      impulse[1] * (1 - 2 * (x * x + z * z)) +
      impulse[2] * 2 * (y * z + w * x))
  const length = Math.hypot(impulse[0], impulse[1], impulse[2])
  return length >= TOUCH && opening >= least * length
}

/** SimplerEnv's test of a grasp where the left finger opens along its own y and the right one against it: within 60°. */
export function isHeld(
  world: RAPIER.World,
  [left, right]: readonly RAPIER.RigidBody[],
  object: RAPIER.RigidBody,
): boolean {
  return isPushedOpen(world, left, object, 1, HELD) && isPushedOpen(world, right, object, -1, HELD)
}
