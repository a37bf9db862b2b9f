import type { Suite } from './suite.js'

/** SimplerEnv's WidowX tasks on the flat table: 24 official episodes a task, success read at the last step. */
export const simplerWidowx: Suite = {
  id: 'simpler-widowx',
  tasks: ['widowx_stack_cube', 'widowx_carrot_on_plate'],
  embodiment: 'widowx',
  officialEpisodes: 24,
  successReadAt: 'last-step',
}
