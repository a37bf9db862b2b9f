import { Rng } from '@vla-gym/gymnasium'
import { HEAD } from '../../cameras/index.js'
import type { Quat } from '../../geometry.js'
import { apple, blueBottle, blueCan, greenCan, orange, redCan, silverCan, sponge } from '../objects.js'
import { tableScene } from '../scenes.js'
import { armVariants, base, pickVariants, type Variant } from './looks.js'
import { drawApart } from './room.js'
import type { Layout, PickTask, Standing } from './task.js'

const HALF = Math.SQRT1_2
/** How the can stands or lies: upright, or with its axis along x (towards the robot) or y. */
const orientations = {
  standing: [0, 0, 0, 1],
  vertical: [0, HALF, 0, HALF],
  horizontal: [HALF, 0, 0, HALF],
} as const satisfies Record<string, Quat>

const X = [-0.35, -0.12] as const
const Y = [-0.02, 0.42] as const
const ROBOT = { x: 0.35, y: 0.2, yaw: Math.PI }
const objects = [redCan, blueCan, greenCan, apple, orange, sponge, blueBottle, silverCan]
const UPRIGHT: Quat = [0, 0, 0, 1]

/** 5 x 5, x first. */
const grid = [0, 1, 2, 3, 4].flatMap((i) =>
  [0, 1, 2, 3, 4].map((j) => ({ x: X[0] + ((X[1] - X[0]) * i) / 4, y: Y[0] + ((Y[1] - Y[0]) * j) / 4 })),
)

/** About where SimplerEnv draws them: in a square of 60 cm around the can, at least 25 cm away from it. One after the other. */
function withDistractors(can: Standing, count: number, rng: Rng): Standing[] {
  const things = [can]
  for (let object = 1; object <= count; object++) {
    const configuration = `pick can with ${count} other objects`
    const next = drawApart(rng, configuration, objects, (stream) => [...things, beside(can, object, stream)])
    things.push(next.at(-1)!)
  }
  return things
}

function beside(can: Standing, object: number, rng: Rng): Standing {
  for (;;) {
    const x = rng.uniform(Math.max(can.x - 0.3, -0.58), Math.min(can.x + 0.3, -0.06))
    const y = rng.uniform(can.y - 0.3, can.y + 0.3)
    if (Math.hypot(x - can.x, y - can.y) > 0.25) return { object, x, y, rotation: UPRIGHT }
  }
}

/** Other objects. */
const COUNTS = { none: 0, few: 4, many: 6 } as const

function layout(can: Standing, { look, head = HEAD }: Variant, others: readonly Standing[] = []): Layout {
  return { robot: ROBOT, head, things: [can, ...others], drawers: [], source: 0, target: -1, look }
}

/**
 * SimplerEnv's GraspSingleOpenedCokeCanInScene-v0 with a can of no brand (ManiSkill2_real2sim grasp_single_in_scene.py):
 * 25 places, each with four arm colours, or in nine variants.
 */
function pickTask(prefix: string, name: keyof typeof orientations, variants: readonly Variant[]): PickTask {
  const rotation = orientations[name]
  const at = (x: number, y: number): Standing => ({ object: 0, x, y, rotation })
  return {
    id: `${prefix}_pick_${name}_can`,
    kind: 'pick',
    maxSteps: 80,
    scene: tableScene,
    objects,
    officialEpisodes: grid.length * variants.length,
    official(episodeId) {
      const { x, y } = grid[episodeId % grid.length]
      const variant = variants[Math.floor(episodeId / grid.length) % variants.length]
      const count = COUNTS[variant.distractors ?? 'none']
      if (count === 0) return layout(at(x, y), variant)
      const [can, ...others] = withDistractors(at(x, y), count, Rng.fromSeed(episodeId, name))
      return layout(can, variant, others)
    },
    random(rng, widening) {
      const [x, y] = [X, Y].map(([low, high]) => {
        const [middle, half] = [(low + high) / 2, (widening * (high - low)) / 2]
        return rng.uniform(middle - half, middle + half)
      })
      return layout(at(x, y), base)
    },
  }
}

const names = ['horizontal', 'vertical', 'standing'] as const

export const pickTasks = names.map((name) => pickTask('google_robot', name, armVariants))
export const pickVariantTasks = names.map((name) => pickTask('google_robot_variants', name, pickVariants))
