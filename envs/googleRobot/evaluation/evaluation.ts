import type { GoogleScene } from '../googleScene.js'
import type { GoogleTask, Layout } from '../tasks/task.js'
import { DrawerEvaluation } from './drawer.js'
import { NearEvaluation } from './near.js'
import { PickEvaluation } from './pick.js'
import { PlaceEvaluation } from './place.js'

/** What a task tells after a step. */
export interface GoogleStatus {
  success: boolean
  grasped: boolean
  /** How far the task's drawer is open, m. */
  drawer?: number
}

/** A task's success test, evaluated once per control step. */
export interface Evaluation {
  /** Takes the scene as it is for the settled one. */
  reset(layout: Layout): void
  /** @param step control steps since the reset. */
  evaluate(step: number): GoogleStatus
  /** What is to be done now. */
  instruction(): string
  /** What the scene does not hold. */
  save(): Record<string, unknown>
  restore(state: Record<string, unknown>): void
}

export function makeEvaluation(task: GoogleTask, scene: GoogleScene): Evaluation {
  switch (task.kind) {
    case 'pick':
      return new PickEvaluation(scene)
    case 'near':
      return new NearEvaluation(scene)
    case 'open':
    case 'close':
      return new DrawerEvaluation(task, scene)
    case 'place':
      return new PlaceEvaluation(task, scene)
  }
}

/** How an object is called in instructions. */
export function spoken(name: string): string {
  return name.replaceAll('_', ' ')
}
