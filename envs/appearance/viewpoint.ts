import { Quaternion, Vector3 } from 'three'
import { createPinholeCamera, type PinholeCamera } from '../cameras/index.js'
import type { CameraLook } from './appearance.js'

/** What a shift of the target moves is this far ahead, m: where the cameras of the tasks meet the table. */
const AHEAD = 0.5

/** The camera moved: its eye, what it looks at, its focal length. It is turned without a roll of its own. */
export function movedCamera(camera: PinholeCamera, look: CameraLook | undefined): PinholeCamera {
  if (!look) return camera
  const { position, rotation, fx, fy } = camera
  const turned = new Quaternion(...rotation)
  const forward = new Vector3(0, 0, 1).applyQuaternion(turned)
  const eye = new Vector3(...position).add(new Vector3(...look.eye))
  const target = new Vector3(...position).addScaledVector(forward, AHEAD).add(new Vector3(...look.target))
  const newForward = target.sub(eye).normalize()
  const { x, y, z, w } = new Quaternion().setFromUnitVectors(forward, newForward).multiply(turned)
  return createPinholeCamera({
    ...camera,
    fx: fx * look.focal,
    fy: fy * look.focal,
    position: eye.toArray(),
    rotation: [x, y, z, w],
  })
}
