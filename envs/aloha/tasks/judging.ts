import { isOpen } from '../alohaArms.js'
import type { JudgeView } from '../alohaTask.js'

/** World pose of a thing's frame, [7]. */
export function poseOf({ scene }: JudgeView, index: number): number[] {
  return scene.objectPose(index, [0, 0, 0, 0, 0, 0, 1])
}

export function bothOpen({ grippers }: JudgeView): boolean {
  return isOpen(grippers[0]) && isOpen(grippers[1])
}
