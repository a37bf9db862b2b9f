import { alohaTasks } from '../aloha/tasks/registry.js'
import type { Suite } from './suite.js'

/** DOMINO's ten-task subset for ALOHA's two arms, three levels each. */
export const domino: Suite = {
  id: 'domino',
  tasks: [...alohaTasks.keys()],
  embodiment: 'aloha',
  officialEpisodes: 100,
  successReadAt: 'any-step',
}
