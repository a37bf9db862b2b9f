import type { Scene } from '../scenes/scene.js'
import type { PutOnTask } from '../tasks/task.js'
import type { PickAndPlaceView } from './pickAndPlace.js'

/** What the pick-and-place expert sees of source and target: poses now (base frame, m, xyzw), and what the task says. */
export const placedThings = (scene: Scene, task: PutOnTask) =>
  ({
    tableHeight: scene.surfaceHeight,
    source: scene.toBase(scene.objectCenter(0, new Float64Array(3))),
    target: scene.toBase(scene.objectCenter(1, new Float64Array(3))),
    sourceRotation: scene.toBase(scene.objectPose(0, new Float64Array(7))).subarray(3),
    targetRotation: scene.toBase(scene.objectPose(1, new Float64Array(7))).subarray(3),
    sourcePeriod: task.source.graspPeriod,
    targetPeriod: task.target.graspPeriod,
    graspHeight: task.source.graspHeight,
    letGoHeight: task.letGoHeight,
    carryHover: task.carryHover,
    placeTolerance: task.placeTolerance,
  }) satisfies Partial<PickAndPlaceView>
