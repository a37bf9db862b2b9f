import { type FailReason, type MotionOutcome, penaltyFactor, routeCompletion } from '../motion/score.js'
import type { RobotInfo } from '../robotEnv.js'
import { sides } from './alohaArms.js'
import type { AlohaScene } from './alohaScene.js'
import type { AlohaTask } from './alohaTask.js'
import { toolPose } from './expert/toolFollower.js'

interface Episode {
  readonly info: RobotInfo
  /** Tool positions when the episode began, [2][3], world, m. */
  readonly toolStart: readonly (readonly number[])[]
  readonly notLifted: boolean
  readonly expertFailures: number
}

/** DOMINO's score of an episode that is over; of both arms the one that came nearer counts. */
export function motionOutcome(task: AlohaTask, scene: AlohaScene, episode: Episode): MotionOutcome {
  const { info, toolStart, expertFailures } = episode
  const [x, y, z] = scene.objectCenter(task.mover, new Float64Array(3))
  const away = (point: ArrayLike<number>) => Math.hypot(point[0] - x, point[1] - y, point[2] - z)
  const now = new Float64Array(7)
  const completions = sides.map((side) =>
    routeCompletion(info.success, away(toolStart[side]), away(toolPose(scene, side, now))),
  )
  const completion = Math.max(...completions)
  const penalty = penaltyFactor(scene.state.outOfBounds, 0)
  return {
    routeCompletion: completion,
    penalty,
    score: completion * penalty,
    ...(info.success ? {} : { failReason: failReason(scene, episode) }),
    touched: [],
    expertFailures,
  }
}

function failReason(scene: AlohaScene, { info, notLifted }: Episode): FailReason {
  if (scene.state.outOfBounds) return 'out of bounds'
  if (info.failure !== undefined) return 'lost'
  return notLifted ? 'object not lifted' : 'late'
}
