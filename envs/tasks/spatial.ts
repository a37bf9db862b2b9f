import { Rng } from '@vla-gym/gymnasium'
import { spatialWordings } from '../language/wordings.js'
import { flatTable } from '../scenes/flatTable.js'
import { greenCube, yellowCube } from '../scenes/objects.js'
import { CENTER_X, drawUntil, randomPoint } from './placement.js'
import { stackCube } from './stackCube.js'
import type { Goal, Placement, PutOnTask, Things } from './task.js'

/**
 * Six tasks about places, of two blocks; Qwen-VLA names them and publishes no thresholds, so these are ours. As robot
 * and camera see it, right is the world's +y and in front, towards the robot, is +x.
 */
export const AWAY = { distance: 0.15, further: 0.05 } as const
export const RIGHT = { least: 0.06 } as const
export const NEAR = { distance: 0.09 } as const
export const BESIDE = { least: 0.04, most: 0.1, aside: 0.03 } as const
/** "On the table": the centre is at most so much above where it was at rest, m. */
export const LIFTED = 0.008

const HALF_EDGE = 0.1
/** Leaves room for an open finger between the blocks. */
const APART = 0.08
/** Where the source is to go there is room beside the target, m. */
const BESIDE_TARGET = 0.065
/** Where the expert puts things: within what arm and camera reach. */
const WORKSPACE = { x: [-0.285, -0.05], y: [-0.13, 0.12] } as const

const onTable = ({ source, sourceStart }: Things) => source[2] - sourceStart[2] <= LIFTED

function apart({ source, target }: Things): number {
  return Math.hypot(source[0] - target[0], source[1] - target[1])
}

/** From the target, so far to the middle of the table along x or y, whichever leads nearer to it. */
function towardsMiddle({ target, sourceStart }: Things, distance: number): [number, number, number] {
  const ends: [number, number][] = [
    [target[0] + distance, target[1]],
    [target[0] - distance, target[1]],
    [target[0], target[1] + distance],
    [target[0], target[1] - distance],
  ]
  const off = ([x, y]: [number, number]) => Math.hypot(x - CENTER_X, y)
  const [x, y] = ends.sort((a, b) => off(a) - off(b))[0]
  return [x, y, sourceStart[2]]
}

const awayGoal: Goal = {
  isMet(things) {
    const { sourceStart, targetStart } = things
    const before = Math.hypot(sourceStart[0] - targetStart[0], sourceStart[1] - targetStart[1])
    return apart(things) >= Math.max(AWAY.distance, before + AWAY.further) && onTable(things)
  },
  place(things) {
    const { sourceStart, targetStart } = things
    const before = Math.hypot(sourceStart[0] - targetStart[0], sourceStart[1] - targetStart[1])
    return towardsMiddle(things, Math.max(AWAY.distance, before + AWAY.further) + 0.012)
  },
}

const rightGoal: Goal = {
  isMet(things) {
    const { source, sourceStart } = things
    const right = source[1] - sourceStart[1]
    return right >= RIGHT.least && Math.abs(source[0] - sourceStart[0]) <= right && onTable(things)
  },
  place: ({ sourceStart }) => [sourceStart[0], sourceStart[1] + RIGHT.least + 0.02, sourceStart[2]],
}

const nearGoal: Goal = {
  isMet: (things) => apart(things) <= NEAR.distance && onTable(things),
  place: (things) => towardsMiddle(things, 0.07),
}

/** Beside the target in a direction of the world. */
function besideGoal(direction: readonly [number, number]): Goal {
  return {
    isMet(things) {
      const { source, target } = things
      const [dx, dy] = [source[0] - target[0], source[1] - target[1]]
      const along = dx * direction[0] + dy * direction[1]
      const aside = Math.abs(dx * direction[1] - dy * direction[0])
      return along >= BESIDE.least && along <= BESIDE.most && aside <= BESIDE.aside && onTable(things)
    },
    place({ target, sourceStart }) {
      return [target[0] + 0.07 * direction[0], target[1] + 0.07 * direction[1], sourceStart[2]]
    },
  }
}

/** Centres of resting blocks, as the goals see them. */
function thingsOf({ source, target }: Placement): Things {
  const half = [0.015, 0.015, 0.015]
  const [a, b] = [source, target].map(({ x, y }) => [x, y, 0])
  return {
    source: a,
    target: b,
    sourceStart: a,
    targetStart: b,
    halfSource: half,
    halfTarget: half,
    press: () => 0,
  }
}

/** Official episodes; each is drawn from its number. */
const OFFICIAL = 96

function spatialTask(name: keyof typeof spatialWordings, goal: Goal | undefined): PutOnTask {
  const id = `ood_spatial_${name}`
  const { seen, unseen } = spatialWordings[name]
  const [source, target] = name === 'stack_yellow' ? [yellowCube, greenCube] : [greenCube, yellowCube]
  const isOpen = (placement: Placement) => {
    const things = thingsOf(placement)
    const { target } = things
    if (apart(things) < APART) return false
    if (!goal) return true
    const [x, y] = goal.place(things)
    const inside = x >= WORKSPACE.x[0] && x <= WORKSPACE.x[1] && y >= WORKSPACE.y[0] && y <= WORKSPACE.y[1]
    return inside && Math.hypot(x - target[0], y - target[1]) >= BESIDE_TARGET && !goal.isMet(things)
  }
  const random = (rng: Rng): Placement => {
    const spot = () => {
      const [x, y] = randomPoint(rng, HALF_EDGE)
      return { x, y, yaw: 0 }
    }
    return drawUntil(`reset: ${id}`, () => ({ source: spot(), target: spot() }), isOpen)
  }
  return {
    ...stackCube,
    id,
    scene: flatTable,
    instruction: seen[0],
    wordings: () => [...seen, ...unseen],
    source,
    target,
    watched: true,
    officialEpisodes: OFFICIAL,
    official: (episodeId) => random(Rng.fromSeed(id, episodeId % OFFICIAL)),
    random,
    ...(goal && { goal, onlyOnTarget: false, letGoHeight: 0, placeTolerance: 0.01 }),
  }
}

export const spatialTasks: readonly PutOnTask[] = [
  spatialTask('move_away', awayGoal),
  spatialTask('move_right', rightGoal),
  spatialTask('place_near', nearGoal),
  spatialTask('place_right', besideGoal([0, 1])),
  spatialTask('put_in_front', besideGoal([1, 0])),
  spatialTask('stack_yellow', undefined),
]
