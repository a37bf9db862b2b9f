import { register } from '@vla-gym/gymnasium'
import { makeAlohaEnv } from './aloha/makeAlohaEnv.js'
import { makeGoogleEnv } from './googleRobot/makeGoogleEnv.js'
import { ManipulationEnv, type ManipulationEnvOptions } from './manipulationEnv.js'
import { makeMovingEnv } from './motion/makeMovingEnv.js'
import type { RobotEnv } from './robotEnv.js'
import type { ObjectSpec } from './scenes/objects.js'
import { domino } from './suites/domino.js'
import { dominoWidowx, dominoWidowxCluttered } from './suites/dominoWidowx.js'
import { simplerGoogleRobot, simplerGoogleRobotVariants } from './suites/simplerGoogleRobot.js'
import { simplerOod, simplerPickPlace } from './suites/simplerOod.js'
import { simplerWidowx } from './suites/simplerWidowx.js'
import type { Suite } from './suites/suite.js'
import { widowxTraining } from './suites/widowxTraining.js'
import { findOodKind } from './tasks/ood/kinds.js'
import { OodEnv } from './tasks/ood/oodEnv.js'
import { findTask, tasks } from './tasks/registry.js'

export const suites: ReadonlyMap<string, Suite> = new Map(
  [
    simplerWidowx,
    simplerOod,
    simplerPickPlace,
    simplerGoogleRobot,
    simplerGoogleRobotVariants,
    dominoWidowx,
    dominoWidowxCluttered,
    domino,
    widowxTraining,
  ].map((suite) => [suite.id, suite]),
)

/** Environment of a task; UserError with the nearest known ids for one that is not known. */
export function makeEnv(taskId: string, options: ManipulationEnvOptions = {}): RobotEnv {
  const aloha = makeAlohaEnv(taskId, options)
  if (aloha) return aloha
  const google = makeGoogleEnv(taskId, options)
  if (google) return google
  const kind = findOodKind(taskId)
  if (kind) return new OodEnv(kind, options)
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
