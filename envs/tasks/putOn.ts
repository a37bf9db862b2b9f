import { rotate } from '../math/quat.js'
import type { Scene } from '../scenes/scene.js'
import type { PutOnTask } from './task.js'

const MOVED = 0.03
const CONSECUTIVE_GRASP_STEPS = 5
const XY_SLACK = 0.003

/** Success and statistics of a put-on episode, evaluated once per control step. */
export interface PutOnStatus {
  success: boolean
  grasped: boolean
  consecutiveGrasp: boolean
  movedCorrectObject: boolean
  movedWrongObject: boolean
  onTarget: boolean
}

interface SavedEvaluation {
  readonly settled: number[]
  readonly halfSource: number[]
  readonly halfTarget: number[]
  readonly graspSteps: number
}

/**
 * The success test of ManiSkill2_real2sim put_on_in_scene.py `evaluate`: centre-of-mass distances against
 * half extents as they were turned at rest. "Touches only the target" is read from Rapier's contact pairs of
 * the last timestep: normal impulses of the source with any one other body must sum to at most 1e-6 N·s.
 * A resting cube presses with 2e-3 N·s a timestep, so what counts is whether there is contact.
 */
export class PutOnEvaluation {
  private readonly task: PutOnTask
  private readonly scene: Scene
  private readonly source: number
  private readonly target: number
  private readonly settled: Float64Array
  private readonly halfSource = new Float64Array(3)
  private readonly halfTarget = new Float64Array(3)
  private graspSteps = 0
  private readonly a = new Float64Array(7)
  private readonly b = new Float64Array(7)

  constructor(task: PutOnTask, scene: Scene) {
    this.task = task
    this.scene = scene
    this.source = scene.objects.indexOf(task.source)
    this.target = scene.objects.indexOf(task.target)
    this.settled = new Float64Array(2 * scene.objects.length)
  }

  /** Takes the scene as it is for the settled one. */
  reset(): void {
    const { scene, settled, a } = this
    this.graspSteps = 0
    for (let i = 0; i < scene.objects.length; i++) {
      scene.objectPose(i, a)
      settled[2 * i] = a[0]
      settled[2 * i + 1] = a[1]
      const half = i === this.source ? this.halfSource : i === this.target ? this.halfTarget : undefined
      if (!half) continue
      const box = scene.objects[i].box
      for (let k = 0; k < 3; k++) half[k] = box[k] / 2
      rotate(half, a.subarray(3), half)
    }
  }

  evaluate(): PutOnStatus {
    const { scene, task } = this
    const grasped = scene.isGrasped(this.source)
    this.graspSteps = grasped ? this.graspSteps + 1 : 0
    const moved = this.displacement(this.source)
    let wrong = 0
    for (let i = 0; i < scene.objects.length; i++) {
      if (i !== this.source) wrong = Math.max(wrong, this.displacement(i))
    }
    const onTarget = this.isOnTarget()
    const success = onTarget && !(task.onlyOnTarget && scene.touchesOthers(this.source, this.target))
    return {
      success,
      grasped,
      consecutiveGrasp: this.graspSteps >= CONSECUTIVE_GRASP_STEPS,
      movedCorrectObject: moved > MOVED && moved > wrong,
      movedWrongObject: wrong > MOVED && wrong > moved,
      onTarget,
    }
  }

  save(): SavedEvaluation {
    const { settled, halfSource, halfTarget, graspSteps } = this
    return { settled: [...settled], halfSource: [...halfSource], halfTarget: [...halfTarget], graspSteps }
  }

  restore(state: SavedEvaluation): void {
    this.settled.set(state.settled)
    this.halfSource.set(state.halfSource)
    this.halfTarget.set(state.halfTarget)
    this.graspSteps = state.graspSteps
  }

  private displacement(index: number): number {
    const pose = this.scene.objectPose(index, this.a)
    return Math.hypot(pose[0] - this.settled[2 * index], pose[1] - this.settled[2 * index + 1])
  }

  private isOnTarget(): boolean {
    const { scene, task, halfSource, halfTarget } = this
    const source = scene.objectCenter(this.source, this.a)
    const target = scene.objectCenter(this.target, this.b)
    const flat = Math.hypot(source[0] - target[0], source[1] - target[1])
    const rise = source[2] - target[2]
    const near = flat <= Math.hypot(halfTarget[0], halfTarget[1]) + XY_SLACK
    return near && rise > 0 && rise - halfTarget[2] - halfSource[2] <= task.heightSlack
  }
}
