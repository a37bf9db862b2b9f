import { HEAD } from '../../cameras/index.js'
import type { Quat } from '../../geometry.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import { apple, blueBottle, blueCan, greenCan, orange, redCan, silverCan, sponge } from '../objects.js'
import { tableScene } from '../scenes.js'
import { armVariants, base, nearVariants, type Variant } from './looks.js'
import { drawApart } from './room.js'
import type { Layout, NearTask, Standing } from './task.js'

const objects = [blueBottle, blueCan, orange, greenCan, apple, sponge, redCan, silverCan]

/** The published triplets; cans of no brand stand for the brands' ones. */
const triplets: readonly (readonly [ObjectSpec, ObjectSpec, ObjectSpec])[] = [
  [blueBottle, blueCan, orange],
  [greenCan, apple, sponge],
  [redCan, silverCan, apple],
  [sponge, blueBottle, greenCan],
  [orange, blueCan, silverCan],
]

/** Source and target within a triplet; the third is in the way. */
const pairs = [0, 1, 2].flatMap((source) =>
  [0, 1, 2].filter((target) => target !== source).map((target) => [source, target] as const),
)

/** Places of the three objects, world x and y, m. */
const places = [
  [
    [-0.33, 0.04],
    [-0.33, 0.34],
    [-0.13, 0.19],
  ],
  [
    [-0.13, 0.04],
    [-0.33, 0.19],
    [-0.13, 0.34],
  ],
] as const

const ROBOT = { x: 0.35, y: 0.21, yaw: Math.PI - 0.09 }
const UPRIGHT: Quat = [0, 0, 0, 1]
/** The sponge lies across, as in the original. */
const ACROSS: Quat = [0, 0, Math.SQRT1_2, Math.SQRT1_2]

/** Of two things in random layouts, m: there has to be room for a hand. */
const LEAST_DISTANCE = 0.17
const LAYOUTS = triplets.length * pairs.length * places.length

function stand(object: ObjectSpec, x: number, y: number): Standing {
  return { object: objects.indexOf(object), x, y, rotation: object === sponge ? ACROSS : UPRIGHT }
}

function layout(
  things: readonly Standing[],
  [source, target]: readonly [number, number],
  { look, head = HEAD, distractors }: Variant,
): Layout {
  return {
    robot: ROBOT,
    head,
    things: distractors === 'none' ? [things[source], things[target]] : things,
    drawers: [],
    source: things[source].object,
    target: things[target].object,
    look,
  }
}

/**
 * SimplerEnv's MoveNearGoogleBakedTexInScene (ManiSkill2_real2sim move_near_in_scene.py): five triplets, six ordered
 * pairs and two places, each with four arm colours, or in eight variants.
 */
function nearTask(prefix: string, variants: readonly Variant[]): NearTask {
  return {
    id: `${prefix}_move_near`,
    kind: 'near',
    maxSteps: 80,
    scene: tableScene,
    objects,
    officialEpisodes: LAYOUTS * variants.length,
    official(episodeId) {
      const id = episodeId % LAYOUTS
      const triplet = triplets[Math.floor(id / (pairs.length * places.length))]
      const at = places[id % places.length]
      const pair = pairs[Math.floor(id / places.length) % pairs.length]
      const variant = variants[Math.floor(episodeId / LAYOUTS) % variants.length]
      const things = triplet.map((object, i) => stand(object, at[i][0], at[i][1]))
      return layout(things, pair, variant)
    },
    random(rng, widening) {
      const triplet = rng.choice(triplets)
      const pair = rng.choice(pairs)
      const half = [0.12 * widening, 0.19 * widening]
      const things = drawApart(
        rng,
        'move near',
        objects,
        () =>
          triplet.map((object) =>
            stand(object, -0.23 + rng.uniform(-half[0], half[0]), 0.19 + rng.uniform(-half[1], half[1])),
          ),
        LEAST_DISTANCE,
      )
      return layout(things, pair, base)
    },
  }
}

export const nearTasks = [nearTask('google_robot', armVariants)]
export const nearVariantTasks = [nearTask('google_robot_variants', nearVariants)]
