import { Quaternion, Vector3 } from 'three'
import type { Pose, Vec3 } from '../geometry.js'
import { createPinholeCamera, lookAt, type PinholeCamera } from './pinhole.js'

/** Robot base of the WidowX flat-table scene in the world: yaw pi (ManiSkill2_real2sim put_on_in_scene.py). */
const base: Pose = { position: [0.147, 0.028, 0.87], rotation: [0, 0, 1, 0] }

/** Mount of 3rd_view_camera on the robot base (ManiSkill2_real2sim agents/configs/widowx/defaults.py). */
const mount: Vec3 = [0, -0.16, 0.36]
const direction: Vec3 = [1, 0.553, -1.085]

/**
 * SimplerEnv's 3rd_view_camera of the WidowX flat-table scene: 640x480, Logitech C920 intrinsics, world eye
 * (0.147, 0.188, 1.23). Policies of this scene look through a crop of it.
 */
export function flatTableCamera(): PinholeCamera {
  const toWorld = (p: Vec3): Vec3 =>
    new Vector3(...p)
      .applyQuaternion(new Quaternion(...base.rotation))
      .add(new Vector3(...base.position))
      .toArray()
  const ahead: Vec3 = [mount[0] + direction[0], mount[1] + direction[1], mount[2] + direction[2]]
  return createPinholeCamera({
    width: 640,
    height: 480,
    fx: 623.588,
    fy: 623.588,
    cx: 319.501,
    cy: 239.545,
    near: 0.1,
    far: 10,
    ...lookAt(toWorld(mount), toWorld(ahead)),
  })
}
