import { register } from '@vla-gym/gymnasium'
import { ManipulationEnv, type ManipulationEnvOptions } from './manipulationEnv.js'
import { makeMovingEnv } from './motion/makeMovingEnv.js'
import type { RobotEnv } from './robotEnv.js'
import type { ObjectSpec } from './scenes/objects.js'
import { dominoWidowx, dominoWidowxCluttered } from './suites/dominoWidowx.js'
import { simplerWidowx } from './suites/simplerWidowx.js'
import type { Suite } from './suites/suite.js'
import { findTask, tasks } from './tasks/registry.js'

export const suites: ReadonlyMap<string, Suite> = new Map(
  [simplerWidowx, dominoWidowx, dominoWidowxCluttered].map((suite) => [suite.id, suite]),
)

/** Environment of a task; UserError with the nearest known ids for one that is not known. */
export function makeEnv(taskId: string, options: ManipulationEnvOptions = {}): RobotEnv {
  return makeManipulationEnv(taskId, options)
}

/** Environment of a WidowX task, with its scene and its task. */
export function makeManipulationEnv(taskId: string, options: ManipulationEnvOptions = {}): ManipulationEnv {
  const moving = makeMovingEnv(taskId, options)
  if (moving) return moving
  const task = findTask(taskId)
  const others = new Set<ObjectSpec>()
  for (const { scene, source, target } of tasks.values()) {
    if (scene === task.scene) others.add(source).add(target)
  }
  others.delete(task.source)
  others.delete(task.target)
  return new ManipulationEnv(task, options, [...others])
}

for (const suite of suites.values()) {
  for (const taskId of suite.tasks) {
    register({
      id: `${suite.id}/${taskId}-v0`,
      entryPoint: (options: ManipulationEnvOptions) => makeEnv(taskId, options),
    })
  }
}
