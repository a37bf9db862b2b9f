import { unknownId } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { GoogleEnv } from './googleEnv.js'
import { googleTasks } from './tasks/registry.js'

/** Environment of a Google Robot task; undefined for the id of another one. */
export function makeGoogleEnv(id: string, options: ManipulationEnvOptions): GoogleEnv | undefined {
  const task = googleTasks.get(id)
  if (task) return new GoogleEnv(task, options)
  if (id.startsWith('google_robot_')) throw unknownId('task', id, googleTasks.keys())
  return undefined
}
