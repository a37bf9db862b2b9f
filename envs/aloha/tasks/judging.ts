import { isOpen } from '../alohaArms.js'
import type { JudgeView } from '../alohaTask.js'

/** World pose of a thing's frame, [7]. */
export function poseOf({ scene }: JudgeView, index: number): number[] {
  return scene.objectPose(index, [0, 0, 0, 0, 0, 0, 1])
}

/** Two places are less than `distance` apart along the world's x, and along y, m. */
export function isNear(a: readonly number[], b: readonly number[], distance: number): boolean {
  return Math.abs(a[0] - b[0]) < distance && Math.abs(a[1] - b[1]) < distance
}

export function bothOpen({ grippers }: JudgeView): boolean {
  return isOpen(grippers[0]) && isOpen(grippers[1])
}
