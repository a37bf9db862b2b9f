import { Quaternion, Vector3 } from 'three'
import type { Vec3 } from '../geometry.js'
import { createPinholeCamera, lookAt, type PinholeCamera } from './pinhole.js'

/** Angles of the head, rad. */
export interface HeadPose {
  readonly pan: number
  readonly tilt: number
}

/** Of all tasks (ManiSkill2_real2sim envs/custom_scenes/base_env.py). */
export const HEAD: HeadPose = { pan: -0.00285961, tilt: 0.7851361 }

/** Joints of the head and the camera's mount in google_robot_meta_sim_fix_wheel_fix_fingertip.urdf, m. */
const PAN: Vec3 = [0, 0, 1.16902]
const TILT: Vec3 = [0.0718, 0, 0.11848]
const MOUNT: Vec3 = [0.10488, 0, 0]

/** Of the camera, px. */
export const GOOGLE_FRAME = { width: 640, height: 512 } as const

/**
 * SimplerEnv's overhead_camera of the Google Robot: 640x512, on its head (ManiSkill2_real2sim
 * agents/configs/google_robot/defaults.py).
 * @param base position of the robot's base in the world, m. @param yaw its angle about the vertical, rad.
 */
export function googleCamera(base: Vec3, yaw: number, { pan, tilt }: HeadPose = HEAD): PinholeCamera {
  const turned = new Quaternion().setFromAxisAngle(Z, yaw)
  const eye = new Vector3(...base).add(new Vector3(...PAN).applyQuaternion(turned))
  turned.multiply(new Quaternion().setFromAxisAngle(Z, pan))
  eye.add(new Vector3(...TILT).applyQuaternion(turned))
  turned.multiply(new Quaternion().setFromAxisAngle(Y, tilt))
  eye.add(new Vector3(...MOUNT).applyQuaternion(turned))
  const ahead = new Vector3(1, 0, 0).applyQuaternion(turned).add(eye)
  const up = new Vector3(0, 0, 1).applyQuaternion(turned)
  return createPinholeCamera({
    ...GOOGLE_FRAME,
    ...{ fx: 425, fy: 425, cx: 320, cy: 256 },
    near: 0.1,
    far: 10,
    ...lookAt(eye.toArray(), ahead.toArray(), up.toArray()),
  })
}

const Y = new Vector3(0, 1, 0)
const Z = new Vector3(0, 0, 1)
