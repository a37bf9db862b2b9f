import { OFFICIAL_EPISODES, oodKinds, pickPlace } from '../tasks/ood/kinds.js'
import type { Suite } from './suite.js'

const common = {
  embodiment: 'widowx',
  officialEpisodes: OFFICIAL_EPISODES,
  successReadAt: 'last-step',
} as const

/** What a WidowX policy does off its training distribution, one kind of change a task; docs/simpler-ood.md. */
export const simplerOod: Suite = { ...common, id: 'simpler-ood', tasks: oodKinds.map(({ id }) => id) }

/** Training data over all things of the training split, in all their seen wordings. */
export const simplerPickPlace: Suite = { ...common, id: 'simpler-pick-place', tasks: [pickPlace.id] }
