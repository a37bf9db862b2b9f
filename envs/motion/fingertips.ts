import { rotate } from '../math/quat.js'
import { readPose } from '../physics/poses.js'
import type { Robot } from '../robots/robot.js'

const pose = new Float64Array(7)
const point = [0, 0, 0]

/** Middle of the points of the fingers that would meet a floor first, and the lowest one's height, world frame, [3], m. */
export function fingertips({ fingers, spec }: Robot): [x: number, y: number, lowest: number] {
  const tips = spec.floorPoints.finger
  const count = fingers.length * tips.length
  let [x, y, lowest] = [0, 0, Number.POSITIVE_INFINITY]
  for (const finger of fingers) {
    readPose(finger, pose)
    for (const tip of tips) {
      rotate(point, pose.subarray(3), tip)
      x += (pose[0] + point[0]) / count
      y += (pose[1] + point[1]) / count
      lowest = Math.min(lowest, pose[2] + point[2])
    }
  }
  return [x, y, lowest]
}
