import { matchingTasks, variantTasks } from '../googleRobot/tasks/registry.js'
import type { GoogleTask } from '../googleRobot/tasks/task.js'
import type { Suite } from './suite.js'

function suite(id: string, tasks: readonly GoogleTask[]): Suite {
  return {
    id,
    tasks: tasks.map((task) => task.id),
    embodiment: 'google_robot',
    officialEpisodes: Object.fromEntries(tasks.map((task) => [task.id, task.officialEpisodes])),
    successReadAt: 'last-step',
  }
}

/** SimplerEnv's Google Robot tasks by its visual-matching protocol: official layouts, each with four arm colours. */
export const simplerGoogleRobot = suite('simpler-google-robot', matchingTasks)

/** The same tasks by its variant-aggregation protocol: other rooms, light, tables and cabinets. Never averaged with the other. */
export const simplerGoogleRobotVariants = suite('simpler-google-robot-variants', variantTasks)
