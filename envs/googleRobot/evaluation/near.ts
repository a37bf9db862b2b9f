import type { GoogleScene } from '../googleScene.js'
import type { Layout } from '../tasks/task.js'
import { type Evaluation, type GoogleStatus, spoken } from './evaluation.js'

/** How much lower than where they settled other objects may be, and source and target, m. */
const DROPPED = 0.02
const FALLEN = 0.15
const MOVED = 0.03
/** Gap between two objects that counts as near, and by how much another may be nearer, m. */
export const NEAR = 0.1
const CLOSEST_SLACK = 0.01

/**
 * ManiSkill2_real2sim move_near_in_scene.py `evaluate`: nothing fell or was dropped, the source moved by 3 cm and more than
 * everything else, it is near the target, and the target is the closest thing to it.
 */
export class NearEvaluation implements Evaluation {
  private readonly scene: GoogleScene
  private readonly pose = new Float64Array(7)
  /** Where things settled, x, y, z of each. */
  private settled: number[] = []
  private source = 0
  private target = 0

  constructor(scene: GoogleScene) {
    this.scene = scene
  }

  reset({ source, target }: Layout): void {
    this.source = source
    this.target = target
    this.settled = this.scene.objects.flatMap((_, i) => [
      ...this.scene.objectPose(i, this.pose).subarray(0, 3),
    ])
  }

  evaluate(): GoogleStatus {
    const { scene, source, target, settled } = this
    const here = scene.objects.map((_, i) => [...scene.objectPose(i, this.pose)])
    const moved = (i: number) => Math.hypot(here[i][0] - settled[3 * i], here[i][1] - settled[3 * i + 1])
    const apart = (i: number) => Math.hypot(here[i][0] - here[source][0], here[i][1] - here[source][1])
    const others = scene.objects.map((_, i) => i).filter((i) => scene.present[i] && i !== source)
    const keptHeight = [source, ...others].every((i) => {
      const most = i === source || i === target ? FALLEN : DROPPED
      return here[i][2] - settled[3 * i + 2] > -most
    })
    const movedSource = moved(source) > MOVED && others.every((i) => moved(i) < moved(source))
    const limit = this.halfExtent(source, here[source]) + this.halfExtent(target, here[target]) + NEAR
    const closest = others.every((i) => apart(target) < apart(i) + CLOSEST_SLACK)
    return {
      success: keptHeight && movedSource && apart(target) < limit && closest,
      grasped: scene.isGrasped(source),
    }
  }

  instruction(): string {
    const { objects } = this.scene
    return `move ${spoken(objects[this.source].name)} near ${spoken(objects[this.target].name)}`
  }

  save(): Record<string, unknown> {
    const { settled, source, target } = this
    return { settled, source, target }
  }

  restore(state: Record<string, unknown>): void {
    Object.assign(this, state)
  }

  /** Half of the level part of an object's turned extents, as a length, m. */
  private halfExtent(index: number, [, , , x, y, z, w]: readonly number[]): number {
    const [a, b, c] = this.scene.objects[index].box
    const alongX = (1 - 2 * (y * y + z * z)) * a + 2 * (x * y - w * z) * b + 2 * (x * z + w * y) * c
    const alongY = 2 * (x * y + w * z) * a + (1 - 2 * (x * x + z * z)) * b + 2 * (y * z - w * x) * c
    return Math.hypot(alongX, alongY) / 2
  }
}
