import { rotate } from '../../math/quat.js'
import { CABINET, DRAWER_TRAVEL, drawerOrigin, HANDLE } from '../cabinet.js'
import { OPENED } from '../evaluation/drawer.js'
import { NEAR } from '../evaluation/near.js'
import { BASE_HEIGHT } from '../googleRobot.js'
import type { GoogleScene } from '../googleScene.js'
import type { GoogleTask, Layout } from '../tasks/task.js'
import { closeAction, type DrawerState, type DrawerView, drawerStart, openAction } from './drawer.js'
import { type GraspState, type GraspView, graspAction, graspStart } from './grasp.js'

/** Of the parts that a task's expert consists of; plain data. */
export interface ExpertState {
  readonly drawer: DrawerState
  readonly grasp: GraspState
}

export const expertStart = (): ExpertState => ({ drawer: drawerStart(), grasp: graspStart() })

/** Of an episode: control steps since the reset, and whether the thing is held. */
interface Moment {
  readonly step: number
  readonly grasped: boolean
}

/** Further than the success tests ask for, m. */
const OPEN_GOAL = OPENED + 0.02
const CLOSE_GOAL = 0.02
/** So much nearer to another than counts as near a thing is put down, m. */
const NEARER = 0.045
/** Where the apple is let go above the top drawer: in front of the cabinet, world x and z, m. */
const DROP = { x: 0.095, z: 0.79 }

/** Action of the task's scripted expert, as a policy would send it. Advances `state`. */
export function expertAction(
  task: GoogleTask,
  scene: GoogleScene,
  layout: Layout,
  moment: Moment,
  state: ExpertState,
): Float32Array {
  switch (task.kind) {
    case 'pick':
      return graspAction(graspView(scene, layout.source, moment), state.grasp)
    case 'near': {
      const view = graspView(scene, layout.source, moment)
      return graspAction({ ...view, destination: beside(scene, layout) }, state.grasp)
    }
    case 'open':
      return openAction(drawerView(scene, task.drawer, moment, OPEN_GOAL), state.drawer)
    case 'close':
      return closeAction(drawerView(scene, task.drawer, moment, CLOSE_GOAL), state.drawer)
    case 'place': {
      const drawer = drawerView(scene, task.drawer, moment, OPEN_GOAL)
      if (state.drawer.phase !== 'done') return openAction(drawer, state.drawer)
      const view = graspView(scene, layout.source, moment)
      const destination = scene.robot.base.toBase([DROP.x, 0, DROP.z])
      return graspAction({ ...view, destination }, state.grasp)
    }
  }
}

function fingersOf(scene: GoogleScene): number {
  const { angles } = scene.robot.hand
  return (angles[0] + angles[1]) / 2
}

function graspView(scene: GoogleScene, source: number, { step, grasped }: Moment): GraspView {
  const pose = scene.robot.base.toBase(scene.objectPose(source, new Float64Array(7)))
  const { box } = scene.objects[source]
  const rotation = pose.subarray(3)
  const axes = [0, 1, 2].map((k) => {
    const unit = [0, 0, 0]
    unit[k] = 1
    return rotate([0, 0, 0], rotation, unit)
  })
  return {
    step,
    q: scene.robot.q,
    tcp: scene.robot.kinematics.tcp,
    fingers: fingersOf(scene),
    grasped,
    surface: scene.spec.area.z - BASE_HEIGHT,
    source: pose.subarray(0, 3),
    sourceHeight: box.reduce((sum, extent, k) => sum + Math.abs(axes[k][2]) * extent, 0),
    closing: closingDirection(box, axes),
  }
}

/** Across the shorter of the extents that lie level; undefined where they are about equal. */
function closingDirection(box: readonly number[], axes: readonly number[][]): number | undefined {
  const level = [0, 1, 2].filter((k) => Math.abs(axes[k][2]) < 0.7)
  if (level.length < 2) return undefined
  const [a, b] = level.sort((i, j) => box[i] - box[j])
  if (box[b] - box[a] < 0.01) return undefined
  return Math.atan2(axes[a][1], axes[a][0])
}

/** Where the source is to stand: near the target, on the side it comes from. */
function beside(scene: GoogleScene, { source, target }: Layout): number[] {
  const { base } = scene.robot
  const here = base.toBase(scene.objectPose(source, new Float64Array(7)))
  const there = base.toBase(scene.objectPose(target, new Float64Array(7)))
  const half = (i: number) => Math.hypot(scene.objects[i].box[0], scene.objects[i].box[1]) / 2
  const distance = half(source) + half(target) + NEAR - NEARER
  const way = Math.hypot(here[0] - there[0], here[1] - there[1])
  const height = scene.spec.area.z - BASE_HEIGHT + scene.objects[source].box[2] / 2
  const share = distance / way
  return [there[0] + share * (here[0] - there[0]), there[1] + share * (here[1] - there[1]), height]
}

/** What `openAction` and `closeAction` are told of a drawer, 0 top ... 2 bottom, that is to be open by `goal` m. */
export function drawerView(scene: GoogleScene, drawer: number, { step }: Moment, goal: number): DrawerView {
  const { base, kinematics } = scene.robot
  const opening = Math.min(DRAWER_TRAVEL, scene.drawers!.opening(drawer))
  const [x, y, z] = drawerOrigin(drawer)
  const handle = base.toBase([x + HANDLE[0] + opening, y + HANDLE[1], z + HANDLE[2]])
  const behind = base.toBase([CABINET[0] - 1, y, z])
  const front = base.toBase([CABINET[0], y, z])
  return {
    step,
    q: scene.robot.q,
    tcp: kinematics.tcp,
    fingers: fingersOf(scene),
    handle,
    inwards: Math.atan2(behind[1] - front[1], behind[0] - front[0]),
    opening,
    goal,
  }
}
