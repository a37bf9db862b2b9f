import { Quaternion, Vector3 } from 'three'
import type { Pose, Vec3 } from '../geometry.js'
import { createPinholeCamera, lookAt, type PinholeCamera } from './pinhole.js'

/** Logitech C920 (ManiSkill2_real2sim agents/configs/widowx/defaults.py), pixels. */
const c920 = { width: 640, height: 480, fx: 623.588, fy: 623.588, cx: 319.501, cy: 239.545 }

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
  const ahead: Vec3 = [mount[0] + direction[0], mount[1] + direction[1], mount[2] + direction[2]]
  return createPinholeCamera({
    ...c920,
    near: 0.1,
    far: 10,
    ...lookAt(toWorld(base, mount), toWorld(base, ahead)),
  })
}

/** The same for widowx_sink_camera_setup; SAPIEN's camera axes are x forward, y left, z up, xyzw here. */
const sinkBase: Pose = { position: [0.127, 0.06, 0.85], rotation: [0, 0, 1, 0] }
const sinkMount: Pose = {
  position: [-0.00300001, -0.21, 0.39],
  rotation: [0.0782, -0.36434, -0.194741, -0.907313],
}

/** SimplerEnv's 3rd_view_camera of the WidowX sink scene: 640x480, world eye (0.130, 0.270, 1.24). */
export function sinkCamera(): PinholeCamera {
  const turned = new Quaternion(...sinkBase.rotation).multiply(new Quaternion(...sinkMount.rotation))
  const ahead = new Vector3(1, 0, 0).applyQuaternion(turned)
  const up = new Vector3(0, 0, 1).applyQuaternion(turned)
  const eye = toWorld(sinkBase, sinkMount.position)
  return createPinholeCamera({
    ...c920,
    near: 0.01,
    far: 10,
    ...lookAt(eye, [eye[0] + ahead.x, eye[1] + ahead.y, eye[2] + ahead.z], up.toArray()),
  })
}

function toWorld({ position, rotation }: Pose, p: Vec3): Vec3 {
  return new Vector3(...p)
    .applyQuaternion(new Quaternion(...rotation))
    .add(new Vector3(...position))
    .toArray()
}
