import { unknownId } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { AlohaEnv } from './alohaEnv.js'
import { alohaTasks } from './tasks/registry.js'

/** Environment of one of ALOHA's tasks; undefined for the id of another robot's. */
export function makeAlohaEnv(id: string, options: ManipulationEnvOptions): AlohaEnv | undefined {
  const task = alohaTasks.get(id)
  if (task) return new AlohaEnv(task, options)
  if (id.startsWith('aloha_')) throw unknownId('task', id, alohaTasks.keys())
  return undefined
}
