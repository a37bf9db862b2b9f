import type { Scene } from '../scenes/scene.js'

/**
 * Which thing the robot meant: the first one that it grasped, or while it has grasped none the one that it moved
 * furthest, by more than 3 cm. As INT-ACT tells intention from execution (github.com/ai4ce/INT-ACT), by our own rule.
 */
export type Meant = 'right' | 'wrong' | 'none'

export interface IntentionStatus {
  intention?: Meant
  /** It has held a wrong thing, at any step. */
  wrongGrasped?: boolean
}

/** A thing whose centre is further from the tool than its footprint and this is not in the fingers, m. */
const REACH = 0.06

/** Watches what the fingers take. */
export class Intention {
  private readonly scene: Scene
  private readonly wrong: readonly number[]
  private first: Meant = 'none'
  private wrongGrasped = false
  private readonly center = new Float64Array(3)

  /** @param source index of the right thing */
  constructor(scene: Scene, source: number) {
    this.scene = scene
    this.wrong = scene.objects.flatMap(({ fixed }, i) => (i === source || fixed ? [] : [i]))
  }

  reset(): void {
    this.first = 'none'
    this.wrongGrasped = false
  }

  /** After a control step. */
  watch(grasped: boolean, movedRight: boolean, movedWrong: boolean): IntentionStatus {
    if (grasped && this.first === 'none') this.first = 'right'
    if (!grasped && this.graspsWrong()) {
      this.wrongGrasped = true
      if (this.first === 'none') this.first = 'wrong'
    }
    const moved = movedRight ? 'right' : movedWrong ? 'wrong' : 'none'
    return { intention: this.first === 'none' ? moved : this.first, wrongGrasped: this.wrongGrasped }
  }

  save(): { first: Meant; wrongGrasped: boolean } {
    return { first: this.first, wrongGrasped: this.wrongGrasped }
  }

  restore({ first, wrongGrasped }: ReturnType<Intention['save']>): void {
    this.first = first
    this.wrongGrasped = wrongGrasped
  }

  private graspsWrong(): boolean {
    const { scene, center } = this
    const { tcp } = scene.robot.kinematics
    return this.wrong.some((i) => {
      scene.toBase(scene.objectCenter(i, center))
      const apart = Math.hypot(center[0] - tcp[0], center[1] - tcp[1], center[2] - tcp[2])
      return apart < scene.objects[i].footprint + REACH && scene.isGrasped(i)
    })
  }
}
