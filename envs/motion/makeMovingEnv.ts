import { UserError, unknownId } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from '../manipulationEnv.js'
import { clutteredRestingTasks, movingTasks, restingTasks } from '../tasks/moving/tasks.js'
import { MovingEnv } from './movingEnv.js'

/** Environment of a task with something that moves, or that could; undefined for the id of another one. */
export function makeMovingEnv(id: string, options: ManipulationEnvOptions): MovingEnv | undefined {
  const task = movingTasks.get(id)
  if (task) {
    if (!options.distractors) return new MovingEnv(task, options)
    throw new UserError(`distractors: ${id} has its own clutter; choose a task of domino-widowx-cluttered`)
  }
  if (id.startsWith('moving_')) throw unknownId('task', id, movingTasks.keys())
  if (options.motion) throw new UserError(`motion: nothing moves in ${id}; leave the option out`)
  const resting = (options.distractors ? clutteredRestingTasks : restingTasks).get(id)
  if (resting) return new MovingEnv(resting, options)
  if (id.startsWith('resting_')) throw unknownId('task', id, restingTasks.keys())
  return undefined
}
