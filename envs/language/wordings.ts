import type { Placement } from '../tasks/task.js'

/**
 * What instructions say. `seen` wordings are for training, the first of a SimplerEnv task is the original's; `unseen`
 * ones are for tests of language, and no training may use them. All words are in nano's vocabulary.
 */
export interface Wordings {
  readonly seen: readonly string[]
  readonly unseen: readonly string[]
}

type Wording = (source: string, target: string) => string

/** How a thing gets to its target: on it, or into it. */
interface Relation {
  readonly on: string
  readonly onto: string
  readonly top: string
}

const ON: Relation = { on: 'on', onto: 'onto', top: 'on top of' }
const IN: Relation = { on: 'in', onto: 'into', top: 'inside of' }

const seen = ({ on, onto }: Relation): readonly Wording[] => [
  (s, t) => `put ${s} ${on} ${t}`,
  (s, t) => `put the ${s} ${on} the ${t}`,
  (s, t) => `place the ${s} ${on} the ${t}`,
  (s, t) => `move the ${s} ${onto} the ${t}`,
  (s, t) => `pick up the ${s} and put it ${on} the ${t}`,
]

const unseen = ({ on, onto, top }: Relation): readonly Wording[] => [
  (s, t) => `set the ${s} down ${on} the ${t}`,
  (s, t) => `lay the ${s} ${on} the ${t}`,
  (s, t) => `take the ${s} and place it ${top} the ${t}`,
  (s, t) => `grasp the ${s} and release it above the ${t}`,
  (s, t) => `bring the ${s} over to the ${t} and drop it there`,
  (s, t) => `lift the ${s} ${onto} the ${t}`,
  (s, t) => `${on} the ${t}, put the ${s}`,
  (s, t) => `get the ${s} and set it ${on} the ${t}`,
  (s, t) => `the ${s} is to go ${on} the ${t}`,
  (s, t) => `hold the ${s} over the ${t}, then release it`,
  (s, t) => `store the ${s} ${on} the ${t}`,
  (s, t) => `find the ${s} and keep it ${on} the ${t}`,
  (s, t) => `with the gripper, arrange the ${s} ${on} the ${t}`,
  (s, t) => `please take the ${s} to the ${t}`,
  (s, t) => `the ${t} is the place of the ${s}`,
  (s, t) => `reach the ${s}, then bring it ${onto} the ${t}`,
]

/** Wordings of "put a on b". */
export function putOnWordings(source: string, target: string): Wordings {
  return {
    seen: seen(ON).map((wording) => wording(source, target)),
    unseen: unseen(ON).map((wording) => wording(source, target)),
  }
}

interface KnownTask {
  /** The original's sentence. */
  readonly original: string
  readonly source: string
  readonly target: string
  readonly relation: Relation
  /** Unseen wordings that name what things look like instead of what they are. */
  readonly looks: readonly string[]
}

const knownTasks: Readonly<Record<string, KnownTask>> = {
  widowx_stack_cube: {
    original: 'stack the green block on the yellow block',
    source: 'green block',
    target: 'yellow block',
    relation: ON,
    looks: [
      'put the green thing on the yellow thing',
      'place the green cube on the yellow cube',
      'pile the two cubes, green one at the top',
      'put the green square object over the yellow one',
    ],
  },
  widowx_carrot_on_plate: {
    original: 'put carrot on plate',
    source: 'carrot',
    target: 'plate',
    relation: ON,
    looks: [
      'put the orange thing on the white thing',
      'place the long orange object on the round white one',
      'set the long object on the round object',
      'put the orange item on the flat white item',
    ],
  },
  widowx_spoon_on_towel: {
    original: 'put the spoon on the towel',
    source: 'spoon',
    target: 'towel',
    relation: ON,
    looks: [
      'put the silver thing on the blue thing',
      'place the long metal object on the square blue one',
      'set the metal object on the blue cloth',
      'put the gray item on the flat blue item',
    ],
  },
  widowx_put_eggplant_in_basket: {
    original: 'put eggplant into yellow basket',
    source: 'eggplant',
    target: 'yellow basket',
    relation: IN,
    looks: [
      'put the purple thing into the yellow thing',
      'place the purple object in the yellow box',
      'drop the dark round object in the yellow container',
      'get the purple item into the basket',
    ],
  },
}

/** Wordings of a SimplerEnv task. */
export function knownWordings(task: string): Wordings {
  const { original, source, target, relation, looks } = knownTasks[task]
  const rest = seen(relation).map((wording) => wording(source, target))
  return {
    seen: [...new Set([original, ...rest])],
    unseen: [...unseen(relation).map((wording) => wording(source, target)), ...looks],
  }
}

/**
 * An unseen wording that names places instead of things, as robot and camera see them: right is along the world's y,
 * what is in front has the greater x.
 */
export function placeWording(task: string, { source, target }: Placement): string {
  const { onto } = knownTasks[task].relation
  const across = target.y - source.y
  const along = target.x - source.x
  if (Math.abs(across) >= Math.abs(along)) {
    const [from, to] = across > 0 ? ['left', 'right'] : ['right', 'left']
    return `move the thing on the ${from} ${onto} the thing on the ${to}`
  }
  const [from, to] = along < 0 ? ['in front', 'behind'] : ['behind', 'in front']
  return `move the thing ${from} ${onto} the thing ${to}`
}

/** Wordings of the spatial tasks, by what they ask for. */
export const spatialWordings = {
  move_away: {
    seen: [
      'move the green block away from the yellow block',
      'take the green block away from the yellow block',
    ],
    unseen: ['put the green block far from the yellow block'],
  },
  move_right: {
    seen: ['move the green block to the right', 'slide the green block to the right'],
    unseen: ['bring the green block towards the right side'],
  },
  place_near: {
    seen: ['place the green block near the yellow block', 'put the green block near the yellow block'],
    unseen: ['set the green block down beside the yellow block'],
  },
  place_right: {
    seen: [
      'place the green block to the right of the yellow block',
      'put the green block right of the yellow block',
    ],
    unseen: ['set the green block down on the right side of the yellow block'],
  },
  put_in_front: {
    seen: [
      'put the green block in front of the yellow block',
      'place the green block in front of the yellow block',
    ],
    unseen: ['set the green block down before the yellow block'],
  },
  stack_yellow: {
    seen: ['stack the yellow block on the green block', 'put the yellow block on the green block'],
    unseen: ['set the yellow cube down on top of the green cube'],
  },
} as const satisfies Record<string, Wordings>
