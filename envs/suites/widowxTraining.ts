import { restingTasks } from '../tasks/moving/tasks.js'
import { pickPlace } from '../tasks/ood/kinds.js'
import { simplerWidowx } from './simplerWidowx.js'
import type { Suite } from './suite.js'

/**
 * What a policy learns from that the WidowX suites are to test: SimplerEnv's four tasks, those of `domino-widowx` at
 * rest, and things and receptacles of the training split. Nothing moves by itself.
 */
export const widowxTraining: Suite = {
  id: 'widowx-training',
  tasks: [...simplerWidowx.tasks, ...restingTasks.keys(), pickPlace.id],
  embodiment: 'widowx',
  officialEpisodes: 24,
  successReadAt: 'last-step',
}
