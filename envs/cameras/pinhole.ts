import { Matrix4, Quaternion, Vector3 } from 'three'
import type { Pose, Quat, Vec3 } from '../geometry.js'

/** A rectangle of an image: left, top, width, height in pixels. */
export type Crop = readonly [x: number, y: number, width: number, height: number]

/** What defines a pinhole camera. Pixels are continuous: pixel (i, j) covers [i, i+1) x [j, j+1). */
export interface PinholeParameters {
  readonly width: number
  readonly height: number
  /** Focal lengths and principal point, pixels. */
  readonly fx: number
  readonly fy: number
  readonly cx: number
  readonly cy: number
  /** Depth range, m. */
  readonly near: number
  readonly far: number
  /** Eye in the world, m. */
  readonly position: Vec3
  /** Camera to world, xyzw; camera axes are the optical frame: x right, y down, z forward. */
  readonly rotation: Quat
}

export interface PinholeCamera extends PinholeParameters {
  /**
   * The camera that sees only `crop` of this one's image, resampled to `width` x `height` pixels: a point at (u, v)
   * here is at ((u - x) width / w, (v - y) height / h) there, at the same depth.
   */
  cropped(crop: Crop, width: number, height: number): PinholeCamera
}

export function createPinholeCamera(parameters: PinholeParameters): PinholeCamera {
  return {
    ...parameters,
    cropped([x, y, w, h], width, height) {
      const scaleX = width / w
      const scaleY = height / h
      return createPinholeCamera({
        ...parameters,
        width,
        height,
        fx: parameters.fx * scaleX,
        fy: parameters.fy * scaleY,
        cx: (parameters.cx - x) * scaleX,
        cy: (parameters.cy - y) * scaleY,
      })
    },
  }
}

/** Pose of the optical frame (x right, y down, z forward) at `eye` looking at `target`, with `up` upwards in the image. */
export function lookAt(eye: Vec3, target: Vec3, up: Vec3 = [0, 0, 1]): Pose {
  const forward = new Vector3(target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]).normalize()
  const right = new Vector3().crossVectors(forward, new Vector3(...up)).normalize()
  const down = new Vector3().crossVectors(forward, right)
  const rotation = new Quaternion().setFromRotationMatrix(new Matrix4().makeBasis(right, down, forward))
  return { position: eye, rotation: [rotation.x, rotation.y, rotation.z, rotation.w] }
}

/** Pixel and depth (m along the optical axis; negative behind the camera) of a world point. */
export function projectPoint(camera: PinholeParameters, p: Vec3): { u: number; v: number; depth: number } {
  const [ex, ey, ez] = camera.position
  const local = new Vector3(p[0] - ex, p[1] - ey, p[2] - ez)
  local.applyQuaternion(new Quaternion(...camera.rotation).conjugate())
  return {
    u: camera.cx + (camera.fx * local.x) / local.z,
    v: camera.cy + (camera.fy * local.y) / local.z,
    depth: local.z,
  }
}
