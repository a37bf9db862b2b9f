import type { Suite } from './suite.js'

/** SimplerEnv's WidowX tasks: 24 official episodes a task, success read at the last step. */
export const simplerWidowx: Suite = {
  id: 'simpler-widowx',
  tasks: [
    'widowx_stack_cube',
    'widowx_carrot_on_plate',
    'widowx_spoon_on_towel',
    'widowx_put_eggplant_in_basket',
  ],
  embodiment: 'widowx',
  officialEpisodes: 24,
  successReadAt: 'last-step',
}
