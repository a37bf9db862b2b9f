import type { Rng } from '@vla-gym/gymnasium'
import { rotate, yawOf } from '../math/quat.js'
import { samplePath } from '../motion/samplePath.js'
import { thingsInTheWay } from '../motion/workspace.js'
import { boundingBox } from '../physics/bounds.js'
import type { AlohaScene, PathPlan } from './alohaScene.js'
import type { AlohaTask } from './alohaTask.js'

/** Left between what moves and other things, m. */
const CLEARANCE = 0.01

/**
 * Draws how the thing moves that now lies where it is to be intercepted, `duration` s from now. Undefined if there is no such
 * path in this layout.
 */
export function planMotion(
  task: AlohaTask,
  scene: AlohaScene,
  rng: Rng,
  alpha: number,
  duration: number,
): PathPlan | undefined {
  const { mover: object, bounds, level } = task
  const things = scene.objects.map(({ body }, index) => {
    const pose = scene.objectPose(index, new Float64Array(7))
    const { center, half } = boundingBox([body])
    const [dx, dy] = rotate([0, 0, 0] as number[], pose.subarray(3), center)
    const place = { x: pose[0] + dx, y: pose[1] + dy, yaw: yawOf(pose.subarray(3)) }
    return { index, frame: [pose[0], pose[1]] as const, ...place, half: [half[0], half[1]] as const }
  })
  const own = things[object]
  const others = things.filter(({ index }) => index !== object)
  const path = samplePath(rng, {
    level,
    alpha,
    duration,
    end: own.frame,
    bounds,
    accepts: (path) => thingsInTheWay(path, bounds, own, others, CLEARANCE).length === 0,
  })
  return path && { object, path, stops: task.group === 'interception' }
}
