import { Matrix4, Quaternion, Vector3 } from 'three'
import type { Crop, PinholeCamera, PinholeParameters } from './pinhole.js'

/** [3, 3] row-major, pixels: a point at (x, y, z) of the optical frame is seen at the pixel K (x, y, z) / z. */
export function intrinsicsMatrix({ fx, fy, cx, cy }: PinholeParameters): Float32Array {
  return Float32Array.of(fx, 0, cx, 0, fy, cy, 0, 0, 1)
}

/**
 * [4, 4] row-major, world to camera, m; the camera's axes are the optical frame of OpenCV: x right, y down,
 * z forward.
 */
export function extrinsicsMatrix({ position, rotation }: PinholeParameters): Float32Array {
  const toWorld = new Matrix4().compose(
    new Vector3(...position),
    new Quaternion(...rotation),
    new Vector3(1, 1, 1),
  )
  // three.js keeps matrices column by column.
  return Float32Array.from(toWorld.invert().transpose().elements)
}

/**
 * Matrices of an observed picture: pixels are those of `image`, or of the whole frame where there is none.
 * @param camera sees the whole frame
 */
export function imageMatrices(
  camera: PinholeCamera,
  image: ImageSize | null | undefined,
): { readonly cameraIntrinsics: Float32Array; readonly cameraExtrinsics: Float32Array } {
  const { width, height }: ImageSize = image ?? camera
  const seen = camera.cropped(image?.crop ?? [0, 0, camera.width, camera.height], width, height)
  return { cameraIntrinsics: intrinsicsMatrix(seen), cameraExtrinsics: extrinsicsMatrix(seen) }
}

interface ImageSize {
  readonly width: number
  readonly height: number
  readonly crop?: Crop
}
