import { drawerNames } from '../cabinet.js'
import type { GoogleScene } from '../googleScene.js'
import type { DrawerTask } from '../tasks/task.js'
import type { Evaluation, GoogleStatus } from './evaluation.js'

/** m (ManiSkill2_real2sim open_drawer_in_scene.py `evaluate`). */
export const OPENED = 0.15
const CLOSED = 0.05

/** Open: 15 cm or more; closed: 5 cm or less. */
export class DrawerEvaluation implements Evaluation {
  private readonly task: DrawerTask
  private readonly scene: GoogleScene

  constructor(task: DrawerTask, scene: GoogleScene) {
    this.task = task
    this.scene = scene
  }

  reset(): void {}

  evaluate(): GoogleStatus {
    const { kind, drawer } = this.task
    const opening = this.scene.drawers!.opening(drawer)
    const success = kind === 'open' ? opening >= OPENED : opening <= CLOSED
    return { success, grasped: false, drawer: opening }
  }

  instruction(): string {
    return `${this.task.kind} ${drawerNames[this.task.drawer]} drawer`
  }

  save(): Record<string, unknown> {
    return {}
  }

  restore(): void {}
}
