import { drawerNames } from '../cabinet.js'
import type { GoogleScene } from '../googleScene.js'
import type { AppleTask, Layout } from '../tasks/task.js'
import { type Evaluation, type GoogleStatus, spoken } from './evaluation.js'

/** From this control step on the second part counts, whether or not the drawer is open. */
const SWITCH_STEP = 100
/** How far the drawer has to be open at the end, m. */
const STILL_OPEN = 0.05

/**
 * ManiSkill2_real2sim place_in_closed_drawer_in_scene.py: first the drawer is to be opened, then the object is to be put
 * in. Success is read in the second part: the drawer is open by 5 cm and the object has touched its bottom at some time.
 */
export class PlaceEvaluation implements Evaluation {
  private readonly task: AppleTask
  private readonly scene: GoogleScene
  private source = 0
  private touched = false
  private second = false

  constructor(task: AppleTask, scene: GoogleScene) {
    this.task = task
    this.scene = scene
  }

  reset({ source }: Layout): void {
    this.source = source
    this.touched = false
    this.second = false
  }

  evaluate(step: number): GoogleStatus {
    const { scene, source, task } = this
    if (step >= SWITCH_STEP) this.second = true
    const drawer = scene.drawers!.opening(task.drawer)
    if (scene.touchesBottom(source, task.drawer)) this.touched = true
    return {
      success: this.second && drawer >= STILL_OPEN && this.touched,
      grasped: scene.isGrasped(source),
      drawer,
    }
  }

  instruction(): string {
    const drawer = `${drawerNames[this.task.drawer]} drawer`
    if (!this.second) return `open ${drawer}`
    return `place ${spoken(this.scene.objects[this.source].name)} into ${drawer}`
  }

  save(): Record<string, unknown> {
    const { source, touched, second } = this
    return { source, touched, second }
  }

  restore(state: Record<string, unknown>): void {
    Object.assign(this, state)
  }
}
