import { createPinholeCamera, lookAt, type PinholeCamera } from '../cameras/index.js'
import { rotate } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import { wristCamera } from './alohaArms.js'

/** DOMINO's D435 (task_config/_camera_config.yml), 4 : 3, at the size that image crops are given in. */
const FOVY = (37 * Math.PI) / 180
const [width, height] = [640, 480]
const focal = height / 2 / Math.tan(FOVY / 2)
const d435 = { width, height, fx: focal, fy: focal, cx: width / 2, cy: height / 2, near: 0.02, far: 10 }

/** Above the robot, looking down at the table; its place is our own. */
export function headCamera(): PinholeCamera {
  return createPinholeCamera({ ...d435, ...lookAt([0, -0.5, 1.46], [0, 0.04, 0.74]) })
}

/** Behind the fingers, along them. @param tool world pose of the tool centre point, [7]. */
export function wristCameraAt(tool: Numbers): PinholeCamera {
  const rotation = Array.from(tool).slice(3, 7)
  const turned = (v: readonly number[]): [number, number, number] => rotate([0, 0, 0], rotation, v)
  const at = (v: readonly number[]): [number, number, number] => {
    const [x, y, z] = turned(v)
    return [tool[0] + x, tool[1] + y, tool[2] + z]
  }
  return createPinholeCamera({
    ...d435,
    ...lookAt(at(wristCamera.eye), at(wristCamera.target), turned([0, 0, 1])),
  })
}
