import { unknownId } from '@vla-gym/gymnasium'
import { carrotOnPlate } from './carrotOnPlate.js'
import { eggplantInBasket } from './eggplantInBasket.js'
import { spoonOnTowel } from './spoonOnTowel.js'
import { stackCube } from './stackCube.js'
import type { PutOnTask } from './task.js'

export const tasks: ReadonlyMap<string, PutOnTask> = new Map(
  [stackCube, carrotOnPlate, spoonOnTowel, eggplantInBasket].map((task) => [task.id, task]),
)

/** Task of an id; UserError with the nearest known ids if there is none. */
export function findTask(id: string): PutOnTask {
  const task = tasks.get(id)
  if (!task) throw unknownId('task', id, tasks.keys())
  return task
}
