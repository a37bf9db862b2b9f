import type { Rng } from '@vla-gym/gymnasium'
import { HEAD } from '../../cameras/index.js'
import { drawerNames } from '../cabinet.js'
import type { BasePlace } from '../googleRobot.js'
import { apple } from '../objects.js'
import { drawerScene } from '../scenes.js'
import { armVariants, base, drawerVariants, type Variant } from './looks.js'
import type { AppleTask, DrawerTask, Layout } from './task.js'

/** A0 ... C2 of the visual-matching protocol (ManiSkill2_real2sim open_drawer_in_scene.py). */
const X = [0.644, 0.765, 0.889, 0.652, 0.752, 0.851, 0.665, 0.765, 0.865]
const Y = [-0.179, -0.182, -0.203, 0.009, 0.009, 0.035, 0.224, 0.222, 0.222]
const YAW = [-0.03, -0.02, -0.06, 0, 0, 0, 0, -0.025, -0.025]
const matched = X.map((x, i): BasePlace => ({ x, y: Y[i], yaw: Math.PI + YAW[i] }))
/** 3 x 3 of the variant-aggregation protocol. */
const spread = [0.65, 0.75, 0.85].flatMap((x) =>
  [-0.2, 0, 0.2].map((y): BasePlace => ({ x, y, yaw: Math.PI })),
)

/** How far a drawer is open that is to be closed, m. */
const OPEN = 0.2
/** Where the apple lies on the cabinet, 3 x 3. */
const APPLE_X = [-0.08, -0.05, -0.02]
const APPLE_Y = [-0.02, 0.03, 0.08]
const applePlaces = APPLE_X.flatMap((x) => APPLE_Y.map((y) => ({ x, y })))

const drawn = (rng: Rng, widening: number): BasePlace => {
  const half = widening * 0.1
  return {
    x: 0.75 + rng.uniform(-half, half),
    y: rng.uniform(-2 * half, 2 * half),
    yaw: Math.PI + rng.uniform(-0.03, 0.03),
  }
}

function drawerTask(
  prefix: string,
  kind: 'open' | 'close',
  drawer: number,
  robots: readonly BasePlace[],
  variants: readonly Variant[],
): DrawerTask {
  const drawers = drawerNames.map((_, i) => (kind === 'close' && i === drawer ? OPEN : 0))
  const layout = (robot: BasePlace, { look, head = HEAD }: Variant): Layout => ({
    ...{ robot, head, things: [], drawers, source: -1, target: -1, look },
  })
  return {
    id: `${prefix}_${kind}_${drawerNames[drawer]}_drawer`,
    kind,
    drawer,
    maxSteps: 113,
    scene: drawerScene,
    objects: [],
    officialEpisodes: robots.length * variants.length,
    official(id) {
      const variant = variants[Math.floor(id / robots.length) % variants.length]
      return layout(robots[id % robots.length], variant)
    },
    random: (rng, widening) => layout(drawn(rng, widening), base),
  }
}

/** SimplerEnv's PlaceIntoClosedTopDrawerCustomInScene-v0 (ManiSkill2_real2sim place_in_closed_drawer_in_scene.py). */
function appleTask(prefix: string, robots: readonly BasePlace[], variants: readonly Variant[]): AppleTask {
  const each = robots.length * applePlaces.length
  const layout = (robot: BasePlace, x: number, y: number, { look, head = HEAD }: Variant): Layout => ({
    ...{ robot, head, drawers: [0, 0, 0], source: 0, target: -1, look },
    things: [{ object: 0, x, y, rotation: [0, 0, 0, 1] }],
  })
  return {
    id: `${prefix}_place_apple_in_closed_top_drawer`,
    kind: 'place',
    drawer: 0,
    maxSteps: 200,
    scene: drawerScene,
    objects: [apple],
    officialEpisodes: each * variants.length,
    official(id) {
      const { x, y } = applePlaces[id % applePlaces.length]
      const robot = robots[Math.floor(id / applePlaces.length) % robots.length]
      return layout(robot, x, y, variants[Math.floor(id / each) % variants.length])
    },
    random(rng, widening) {
      const half = 0.03 * widening
      const robot = { ...drawn(rng, widening), x: 0.655 + rng.uniform(-0.01, 0.01) }
      const [x, y] = [-0.05 + rng.uniform(-half, half), 0.03 + rng.uniform(-half, half)]
      return layout(robot, x, y, base)
    },
  }
}

function family(prefix: string, robots: readonly BasePlace[], variants: readonly Variant[]): DrawerTask[] {
  return (['open', 'close'] as const).flatMap((kind) =>
    [0, 1, 2].map((drawer) => drawerTask(prefix, kind, drawer, robots, variants)),
  )
}

export const drawerTasks = family('google_robot', matched, armVariants)
export const drawerVariantTasks = family('google_robot_variants', spread, drawerVariants)

/** A0, B0 and C0, the nearest. */
const near = [0, 3, 6].map((i) => matched[i])
export const appleTasks = [appleTask('google_robot', near, armVariants)]
const nearSpread = [-0.2, 0, 0.2].map((y): BasePlace => ({ x: 0.65, y, yaw: Math.PI }))
export const appleVariantTasks = [appleTask('google_robot_variants', nearSpread, drawerVariants)]
