import { motionLevels } from '../../motion/samplePath.js'
import type { Bounds } from '../../motion/workspace.js'
import { flatTable } from '../../scenes/flatTable.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import { carrot, greenCube, spoon, towel, yellowCube } from '../../scenes/objects.js'
import { carrotOnPlate } from '../carrotOnPlate.js'
import { eggplantInBasket } from '../eggplantInBasket.js'
import { cornerPairs, pairsAndYaws, randomPair } from '../placement.js'
import { tasks } from '../registry.js'
import { spoonOnTowel } from '../spoonOnTowel.js'
import { stackCube } from '../stackCube.js'
import type { PutOnTask } from '../task.js'
import type { Mover, MovingTask } from './movingTask.js'
import { BELT_X, belt, blueButton, CAN_RADIUS, can, pad, redButton, slidingBlock } from './objects.js'

/** What the camera of the policies sees of the table, and a little more. */
const TABLE: Bounds = { x: [-0.3, -0.05], y: [-0.15, 0.15] }
/** What rolls, slides or lies on the belt comes from further away. */
const LONG_TABLE: Bounds = { x: [-0.33, -0.02], y: [-0.32, 0.32] }
/** The eggplant's centre in the right basin, whichever way it lies. */
const BASIN: Bounds = { x: [-0.22, -0.09], y: [0.17, 0.245] }

type Settings = Pick<MovingTask, 'name' | 'task' | 'goal' | 'motion' | 'bounds'> & {
  readonly movers: readonly Mover[]
  readonly extras?: readonly ObjectSpec[]
}

const pressButton: PutOnTask = {
  ...stackCube,
  instruction: 'press the red button',
  source: redButton,
  target: blueButton,
  ...pairsAndYaws(cornerPairs(0.075), [0]),
  random(rng) {
    const [source, target] = randomPair(rng, 0.1, 0.1)
    return {
      source: { x: source[0], y: source[1], yaw: 0 },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}

/** The expert carries and never lets go. */
const holdOverPad: PutOnTask = {
  ...stackCube,
  instruction: 'hold the green block over the blue pad',
  target: pad,
  letGoHeight: 0.07,
  placeTolerance: -1,
  ...pairsAndYaws(cornerPairs(0.075), [0]),
  random(rng) {
    const [source, target] = randomPair(rng, 0.1, 0.11)
    return {
      source: { x: source[0], y: source[1], yaw: 0 },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}

const canOnTowel: PutOnTask = {
  ...spoonOnTowel,
  instruction: 'put the can on the towel',
  source: can,
  heightSlack: spoonOnTowel.heightSlack + CAN_RADIUS,
  ...pairsAndYaws(cornerPairs(0.075), [0]),
  random(rng) {
    const [source, target] = randomPair(rng, 0.1, 0.14)
    return {
      source: { x: source[0], y: source[1], yaw: 0 },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}

const slidingBlockOnPlate: PutOnTask = {
  ...carrotOnPlate,
  instruction: 'put the green block on the plate',
  source: slidingBlock,
  letGoHeight: 0.0185,
  ...pairsAndYaws(cornerPairs(0.075), [0]),
  random(rng) {
    const [source, target] = randomPair(rng, 0.1, 0.125)
    return {
      source: { x: source[0], y: source[1], yaw: 0 },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}

/** Beside the belt, on either side. */
const BESIDE = [
  [-0.265, -0.235],
  [-0.09, -0.07],
] as const

const stackFromBelt: PutOnTask = {
  ...stackCube,
  officialEpisodes: 24,
  official(episodeId) {
    const id = episodeId % 24
    const [low, high] = BESIDE[id % 2]
    return {
      source: { x: BELT_X, y: 0.02 * ((id >> 1) % 4) - 0.03, yaw: 0 },
      target: { x: (low + high) / 2, y: 0.06 * ((id >> 3) % 3) - 0.06, yaw: 0 },
    }
  },
  random(rng) {
    const [low, high] = rng.choice(BESIDE)
    return {
      source: { x: BELT_X, y: rng.uniform(-0.06, 0.06), yaw: 0 },
      target: { x: rng.uniform(low, high), y: rng.uniform(-0.08, 0.08), yaw: 0 },
    }
  },
}

const both: readonly Mover[] = ['object', 'goal']
const put = { goal: 'put-on', motion: 'path', bounds: TABLE } as const

const settings: readonly Settings[] = [
  { ...put, name: 'moving_stack_cube', task: stackCube, movers: both },
  { ...put, name: 'moving_carrot_on_plate', task: carrotOnPlate, movers: both },
  { ...put, name: 'moving_spoon_on_towel', task: spoonOnTowel, movers: both },
  { ...put, name: 'moving_eggplant_in_basket', task: eggplantInBasket, movers: ['object'], bounds: BASIN },
  { ...put, name: 'moving_press_button', task: pressButton, goal: 'press', movers: ['goal'] },
  { ...put, name: 'moving_hold_over_pad', task: holdOverPad, goal: 'hold', movers: both },
  {
    ...put,
    name: 'moving_rolling_can',
    task: canOnTowel,
    motion: 'roll',
    movers: ['object'],
    bounds: LONG_TABLE,
  },
  {
    ...put,
    name: 'moving_sliding_block',
    task: slidingBlockOnPlate,
    motion: 'slide',
    movers: ['object'],
    bounds: LONG_TABLE,
  },
  {
    ...put,
    name: 'moving_conveyed_block',
    task: stackFromBelt,
    motion: 'belt',
    movers: ['object'],
    bounds: LONG_TABLE,
    extras: [belt],
  },
]

const CLUTTER = [carrot, yellowCube, spoon, greenCube, towel]
const CLUTTER_COUNT = 3

function clutterOf({ source, target }: PutOnTask): ObjectSpec[] {
  return CLUTTER.filter((object) => object !== source && object !== target).slice(0, CLUTTER_COUNT)
}

function variants({ name, task, movers, extras = [], ...rest }: Settings, cluttered: boolean): MovingTask[] {
  return movers.flatMap((mover) =>
    motionLevels.map((level) => {
      const id = `${name}_${mover}_l${level}${cluttered ? '_cluttered' : ''}`
      const clutter = cluttered ? clutterOf(task) : []
      return { ...rest, id, name, task: { ...task, id }, mover, level, extras, clutter }
    }),
  )
}

/** A task of the suite in which everything stays where it is, judged as if it moved. */
function atRest({ name, task, movers, extras = [], ...rest }: Settings, cluttered: boolean): MovingTask {
  const id = name.replace('moving', 'resting')
  // A belt leaves no room for further things.
  const clutter = cluttered && extras.length === 0 ? clutterOf(task) : []
  return { ...rest, id, name, task: { ...task, id }, mover: movers[0], level: 0, extras, clutter }
}

/** In the clean setting, and with clutter where the scene has room for it. */
export const cleanTasks: readonly MovingTask[] = settings.flatMap((each) => variants(each, false))
export const clutteredTasks: readonly MovingTask[] = settings
  .filter(({ task }) => task.scene === flatTable)
  .flatMap((each) => variants(each, true))

/** The tasks that `simpler-widowx` does not have. */
const further = settings.filter(({ task }) => tasks.get(task.id) !== task)
export const restingTasks: ReadonlyMap<string, MovingTask> = byId(further.map((each) => atRest(each, false)))
export const clutteredRestingTasks: ReadonlyMap<string, MovingTask> = byId(
  further.map((each) => atRest(each, true)),
)

export const movingTasks: ReadonlyMap<string, MovingTask> = byId([...cleanTasks, ...clutteredTasks])

function byId(tasks: readonly MovingTask[]): ReadonlyMap<string, MovingTask> {
  return new Map(tasks.map((task) => [task.id, task]))
}
