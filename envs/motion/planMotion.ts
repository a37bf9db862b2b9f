import type { Rng } from '@vla-gym/gymnasium'
import { fromYaw, yawOf } from '../math/quat.js'
import type { MovingTask } from '../tasks/moving/movingTask.js'
import { BELT_HALF_LENGTH, BELT_TOP, BELT_X, CAN_RADIUS, SOLE_FRICTION } from '../tasks/moving/objects.js'
import type { MotionOptions } from './motionOptions.js'
import type { MotionPlan } from './motionPlan.js'
import type { MovingScene } from './movingScene.js'
import type { Path } from './path.js'
import { sampleLine } from './sampleLine.js'
import { type MotionLevel, samplePath } from './samplePath.js'
import { sampleSlide } from './sampleSlide.js'
import { thingsInTheWay } from './workspace.js'

/** Left between what moves and the other thing of the task, m. */
const CLEARANCE = 0.006
/** Clutter nearer than this to the way is put aside, m (DOMINO _base_task.py `execute_dynamic_workflow`). */
const CLUTTER_GAP = 0.02
/** Where it is put: a row at the back of the table, m. */
const ASIDE = { x: -0.45, y: -0.3, step: 0.17 } as const
/** Rolling things come from the sides, give or take, rad. */
const ROLL_SPREAD = 0.6

/** Index of what moves among the scene's objects: source first, then target. */
export function moverOf({ mover, goal }: MovingTask): 0 | 1 {
  return mover === 'object' || goal === 'press' ? 0 : 1
}

/** After a reset: puts the belt in its place, and the source on it. */
export function layBelt(task: MovingTask, scene: MovingScene): void {
  if (task.motion !== 'belt') return
  const surface = task.task.scene.surface
  const source = scene.objectPose(0, new Float64Array(7))
  scene.setObjectPose(2, [BELT_X, 0, surface, 0, 0, 0, 1])
  const height = surface + BELT_TOP + task.task.source.bottom + 2e-4
  scene.setObjectPose(0, [BELT_X, source[1], height, ...source.subarray(3)])
  scene.settle()
}

/**
 * Draws how the thing moves that now lies where it is to be intercepted, `duration` s of its path from now; puts
 * aside the clutter in its way. Undefined if there is no such path in this layout.
 */
export function planMotion(
  task: MovingTask & { readonly level: MotionLevel },
  scene: MovingScene,
  rng: Rng,
  { alpha, speed }: Required<MotionOptions>,
  duration: number,
): MotionPlan | undefined {
  const object = moverOf(task)
  const { bounds, level } = task
  const things = scene.objects.map((each, index) => {
    const [x, y, , ...rotation] = scene.objectPose(index, new Float64Array(7))
    const half = [each.box[0] / 2, Math.max(each.box[1] / 2, each.bottom)] as const
    return { index, x, y, yaw: yawOf(rotation), half }
  })
  const own = things[object]
  const others = task.task.target.fixed ? [] : things.filter(({ index }) => index === 1 - object)
  const accepts = (path: Path) => thingsInTheWay(path, bounds, own, others, CLEARANCE).length === 0
  const end = [own.x, own.y] as const
  let plan: MotionPlan | undefined
  if (task.motion === 'path') {
    const path = samplePath(rng, { level, alpha, duration, end, bounds, accepts })
    plan = path && { kind: 'path', object, path, stops: task.mover === 'object' }
  } else if (task.motion === 'belt') {
    const heading = () => (rng.uniform() < 0.5 ? 1 : -1) * (Math.PI / 2)
    const onBelt = { ...bounds, y: [0.05 - BELT_HALF_LENGTH, BELT_HALF_LENGTH - 0.05] as const }
    const path = sampleLine(rng, { level, speed, duration, end, heading, bounds: onBelt })
    plan = path && { kind: 'belt', object, belt: 2, path }
  } else if (task.motion === 'roll') {
    const heading = () =>
      (rng.uniform() < 0.5 ? 1 : -1) * (Math.PI / 2) + rng.uniform(-ROLL_SPREAD, ROLL_SPREAD)
    const path = sampleLine(rng, { level, speed, duration, end, heading, bounds, accepts })
    plan = path && { kind: 'rolls', object, path, radius: CAN_RADIUS }
    if (path) turnTo(scene, object, firstHeading(path) - Math.PI / 2)
  } else {
    const friction = SOLE_FRICTION
    // Whichever way it will be turned.
    const round = { ...own, half: [task.task.source.footprint, task.task.source.footprint] as const }
    const path = sampleSlide(rng, {
      ...{ level, speed, duration, end, bounds, friction },
      accepts: (path) => thingsInTheWay(path, bounds, round, others, CLEARANCE).length === 0,
    })
    plan = path && { kind: 'slides', object, path, friction }
    if (path) turnTo(scene, object, firstHeading(path))
  }
  if (plan) {
    const clutter = things.filter(({ index }) => index >= scene.clutterFrom)
    putAside(scene, thingsInTheWay(plan.path, bounds, own, clutter, CLUTTER_GAP))
  }
  return plan
}

/** Direction in which it moves off, rad. */
function firstHeading(path: Path): number {
  const moving = path.find(({ x, y }) => x.length > 1 && Math.hypot(x[1], y[1]) > 0)!
  return Math.atan2(moving.y[1], moving.x[1])
}

function turnTo(scene: MovingScene, object: number, yaw: number): void {
  const [x, y, z] = scene.objectPose(object, new Float64Array(7))
  scene.setObjectPose(object, [x, y, z, ...fromYaw(yaw)])
}

function putAside(scene: MovingScene, clutter: readonly { readonly index: number }[]): void {
  if (clutter.length === 0) return
  for (const { index } of clutter) {
    const z = scene.spec.surface + scene.objects[index].bottom + 2e-4
    const y = ASIDE.y + ASIDE.step * (index - scene.clutterFrom)
    scene.setObjectPose(index, [ASIDE.x, y, z, 0, 0, 0, 1])
  }
  scene.settle()
}
