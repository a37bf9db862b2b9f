import { type MotionOutcome, motionOutcome, routeCompletion } from '../motion/score.js'
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
export function alohaOutcome(task: AlohaTask, scene: AlohaScene, episode: Episode): MotionOutcome {
  const { info, toolStart, notLifted, expertFailures } = episode
  const [x, y, z] = scene.objectCenter(task.mover, new Float64Array(3))
  const away = (point: ArrayLike<number>) => Math.hypot(point[0] - x, point[1] - y, point[2] - z)
  const now = new Float64Array(7)
  const completions = sides.map((side) =>
    routeCompletion(info.success, away(toolStart[side]), away(toolPose(scene, side, now))),
  )
  const { outOfBounds } = scene.state
  const ended = { info, outOfBounds, notLifted, touched: [], expertFailures }
  return motionOutcome({ ...ended, routeCompletion: Math.max(...completions) })
}
