import type RAPIER from '@dimforge/rapier3d-simd-compat'
import type { Numbers, NumbersOut } from '../math/vec3.js'

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

/** World position of a body's centre of mass, [3], m. */
export function readCenter<T extends NumbersOut>(body: RAPIER.RigidBody, out: T): T {
  const { x, y, z } = body.worldCom(vector)
  out[0] = x
  out[1] = y
  out[2] = z
  return out
}

/** Puts a body at a world pose, [7], at rest. */
export function putPose(body: RAPIER.RigidBody, pose: Numbers): void {
  body.setTranslation({ x: pose[0], y: pose[1], z: pose[2] }, true)
  body.setRotation({ x: pose[3], y: pose[4], z: pose[5], w: pose[6] }, true)
  stop(body)
}

/** A moving body is at rest where it is. */
export function stop(body: RAPIER.RigidBody): void {
  body.setLinvel({ x: 0, y: 0, z: 0 }, true)
  body.setAngvel({ x: 0, y: 0, z: 0 }, true)
}
