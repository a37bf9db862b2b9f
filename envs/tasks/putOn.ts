import { rotate } from '../math/quat.js'
import type { Scene } from '../scenes/scene.js'
import { Intention, type IntentionStatus } from './intention.js'
import type { PutOnTask, Things } from './task.js'

const MOVED = 0.03
const CONSECUTIVE_GRASP_STEPS = 5
const XY_SLACK = 0.003

/** Success and statistics of a put-on episode, evaluated once per control step. */
export interface PutOnStatus extends IntentionStatus {
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
  readonly sourceStart: number[]
  readonly targetStart: number[]
  readonly graspSteps: number
  readonly intention?: ReturnType<Intention['save']>
}

/**
 * The success test of ManiSkill2_real2sim put_on_in_scene.py `evaluate`: centre-of-mass distances against
 * half extents as they were turned at rest. "Touches only the target" is read from Rapier's contact pairs of
 * the last timestep: normal impulses of the source with any one other body must sum to at most 1e-6 N·s.
 * A resting cube presses with 2e-3 N·s a timestep, so what counts is whether there is contact.
 */
export class PutOnEvaluation implements Things {
  readonly halfSource = new Float64Array(3)
  readonly halfTarget = new Float64Array(3)
  readonly sourceStart = new Float64Array(3)
  readonly targetStart = new Float64Array(3)
  private readonly task: PutOnTask
  private readonly scene: Scene
  private readonly sourceIndex: number
  private readonly targetIndex: number
  private readonly settled: Float64Array
  private readonly intention: Intention | undefined
  private graspSteps = 0
  private readonly a = new Float64Array(7)
  private readonly b = new Float64Array(7)

  constructor(task: PutOnTask, scene: Scene) {
    this.task = task
    this.scene = scene
    this.sourceIndex = scene.objects.indexOf(task.source)
    this.targetIndex = scene.objects.indexOf(task.target)
    this.settled = new Float64Array(2 * scene.objects.length)
    if (task.watched) this.intention = new Intention(scene, this.sourceIndex)
  }

  /** Takes the scene as it is for the settled one. */
  reset(): void {
    this.graspSteps = 0
    this.intention?.reset()
    for (let i = 0; i < this.scene.objects.length; i++) this.settle(i)
  }

  /** Takes an object for settled where it is. */
  settle(index: number): void {
    const { scene, settled, a, sourceIndex, targetIndex } = this
    scene.objectPose(index, a)
    settled[2 * index] = a[0]
    settled[2 * index + 1] = a[1]
    if (index !== sourceIndex && index !== targetIndex) return
    const half = index === sourceIndex ? this.halfSource : this.halfTarget
    const box = scene.objects[index].box
    for (let k = 0; k < 3; k++) half[k] = box[k] / 2
    rotate(half, a.subarray(3), half)
    scene.objectCenter(index, index === sourceIndex ? this.sourceStart : this.targetStart)
  }

  evaluate(): PutOnStatus {
    const { scene, task, sourceIndex, targetIndex } = this
    const grasped = scene.isGrasped(sourceIndex)
    this.graspSteps = grasped ? this.graspSteps + 1 : 0
    const moved = this.displacement(sourceIndex)
    let wrong = 0
    for (let i = 0; i < scene.objects.length; i++) {
      if (i !== sourceIndex) wrong = Math.max(wrong, this.displacement(i))
    }
    const onTarget = this.isOnTarget()
    const success = onTarget && !(task.onlyOnTarget && scene.touchesOthers(sourceIndex, targetIndex))
    const movedCorrectObject = moved > MOVED && moved > wrong
    const movedWrongObject = wrong > MOVED && wrong > moved
    return {
      success,
      grasped,
      consecutiveGrasp: this.graspSteps >= CONSECUTIVE_GRASP_STEPS,
      movedCorrectObject,
      movedWrongObject,
      onTarget,
      ...this.intention?.watch(grasped, movedCorrectObject, movedWrongObject),
    }
  }

  get source(): Float64Array {
    return this.scene.objectCenter(this.sourceIndex, this.a)
  }

  get target(): Float64Array {
    return this.scene.objectCenter(this.targetIndex, this.b)
  }

  press(): number {
    return this.scene.press(this.sourceIndex, this.targetIndex)
  }

  save(): SavedEvaluation {
    const { settled, halfSource, halfTarget, sourceStart, targetStart, graspSteps, intention } = this
    return {
      settled: [...settled],
      halfSource: [...halfSource],
      halfTarget: [...halfTarget],
      sourceStart: [...sourceStart],
      targetStart: [...targetStart],
      graspSteps,
      ...(intention && { intention: intention.save() }),
    }
  }

  restore(state: SavedEvaluation): void {
    this.settled.set(state.settled)
    this.halfSource.set(state.halfSource)
    this.halfTarget.set(state.halfTarget)
    this.sourceStart.set(state.sourceStart)
    this.targetStart.set(state.targetStart)
    this.graspSteps = state.graspSteps
    if (state.intention) this.intention?.restore(state.intention)
  }

  private displacement(index: number): number {
    const pose = this.scene.objectPose(index, this.a)
    return Math.hypot(pose[0] - this.settled[2 * index], pose[1] - this.settled[2 * index + 1])
  }

  private isOnTarget(): boolean {
    const { task, halfSource, halfTarget } = this
    if (task.goal) return task.goal.isMet(this)
    const { source, target } = this
    const flat = Math.hypot(source[0] - target[0], source[1] - target[1])
    const rise = source[2] - target[2]
    const near = flat <= Math.hypot(halfTarget[0], halfTarget[1]) + XY_SLACK
    return near && rise > 0 && rise - halfTarget[2] - halfSource[2] <= task.heightSlack
  }
}
