import type RAPIER from '@dimforge/rapier3d-simd-compat'
import type { NumbersOut } from '../math/vec3.js'

const vector = { x: 0, y: 0, z: 0 }
const quaternion = { x: 0, y: 0, z: 0, w: 1 }

/** World pose of a body's frame, [7]. */
export function readPose<T extends NumbersOut>(body: RAPIER.RigidBody, out: T): T {
  const p = body.translation(vector)
  out[0] = p.x
  out[1] = p.y
  out[2] = p.z
  const r = body.rotation(quaternion)
  out[3] = r.x
  out[4] = r.y
  out[5] = r.z
  out[6] = r.w
  return out
}
