import { cleanTasks, clutteredTasks } from '../tasks/moving/tasks.js'
import type { Suite } from './suite.js'

const common = {
  embodiment: 'widowx',
  officialEpisodes: 24,
  successReadAt: 'any-step',
  live: { motion: { clock: 'time' } },
} as const

/**
 * WidowX tasks with something that moves, in DOMINO's terms; what moves and how abruptly is in the task's id.
 */
export const dominoWidowx: Suite = {
  ...common,
  id: 'domino-widowx',
  tasks: cleanTasks.map(({ id }) => id),
}

export const dominoWidowxCluttered: Suite = {
  ...common,
  id: 'domino-widowx-cluttered',
  tasks: clutteredTasks.map(({ id }) => id),
}
