import { UserError, unknownId } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from '../manipulationEnv.js'
import { movingTasks } from '../tasks/moving/tasks.js'
import { MovingEnv } from './movingEnv.js'

/** Environment of a task with something that moves; undefined for the id of another one. */
export function makeMovingEnv(id: string, options: ManipulationEnvOptions): MovingEnv | undefined {
  const task = movingTasks.get(id)
  if (task) return new MovingEnv(task, options)
  if (id.startsWith('moving_')) throw unknownId('task', id, movingTasks.keys())
  if (options.motion) throw new UserError(`motion: nothing moves in ${id}; leave the option out`)
  return undefined
}
