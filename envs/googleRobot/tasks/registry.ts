import { appleTasks, appleVariantTasks, drawerTasks, drawerVariantTasks } from './drawers.js'
import { nearTasks, nearVariantTasks } from './moveNear.js'
import { pickTasks, pickVariantTasks } from './pickCan.js'
import type { GoogleTask } from './task.js'

/** Visual matching, and variant aggregation. */
export const matchingTasks: readonly GoogleTask[] = [
  ...pickTasks,
  ...nearTasks,
  ...drawerTasks,
  ...appleTasks,
]
export const variantTasks: readonly GoogleTask[] = [
  ...pickVariantTasks,
  ...nearVariantTasks,
  ...drawerVariantTasks,
  ...appleVariantTasks,
]

export const googleTasks: ReadonlyMap<string, GoogleTask> = new Map(
  [...matchingTasks, ...variantTasks].map((task) => [task.id, task]),
)
