import type { GoogleScene } from '../googleScene.js'
import type { Layout } from '../tasks/task.js'
import { type Evaluation, type GoogleStatus, spoken } from './evaluation.js'

/** Above where it settled, m. */
const LIFTED = 0.01
const LIFTED_SIGNIFICANTLY = 0.02
/** Control steps lifted significantly after which the pick counts, whatever comes later. */
const ENOUGH_STEPS = 5

/**
 * ManiSkill2_real2sim grasp_single_in_scene.py `evaluate`: the can is lifted once it touches nothing but the robot, 1 cm
 * above where it stood, until the grasp is lost; success is being lifted now, or 5 control steps of 2 cm before.
 */
export class PickEvaluation implements Evaluation {
  private readonly scene: GoogleScene
  private readonly pose = new Float64Array(7)
  private settled = 0
  private lifted = false
  private significant = 0
  private source = 0

  constructor(scene: GoogleScene) {
    this.scene = scene
  }

  reset({ source }: Layout): void {
    this.source = source
    this.settled = this.height()
    this.lifted = false
    this.significant = 0
  }

  evaluate(): GoogleStatus {
    const { scene, source } = this
    const grasped = scene.isGrasped(source)
    if (!grasped) this.lifted = false
    const rise = this.height() - this.settled
    if (rise > LIFTED && !scene.touchesOthers(source)) this.lifted = true
    if (this.lifted && rise > LIFTED_SIGNIFICANTLY) this.significant++
    return { success: this.lifted || this.significant >= ENOUGH_STEPS, grasped }
  }

  instruction(): string {
    return `pick ${spoken(this.scene.objects[this.source].name)}`
  }

  save(): Record<string, unknown> {
    const { settled, lifted, significant, source } = this
    return { settled, lifted, significant, source }
  }

  restore(state: Record<string, unknown>): void {
    Object.assign(this, state)
  }

  private height(): number {
    return this.scene.objectPose(this.source, this.pose)[2]
  }
}
