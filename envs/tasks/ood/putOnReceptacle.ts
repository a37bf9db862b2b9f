import { Rng } from '@vla-gym/gymnasium'
import { putOnWordings } from '../../language/wordings.js'
import type { Graspable, Receptacle } from '../../objects/index.js'
import { flatTable } from '../../scenes/flatTable.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import { footing, overlaps } from '../overlap.js'
import { CENTER_X, drawUntil, graspRoom, randomPoint } from '../placement.js'
import type { Goal, Placement, PutOnTask } from '../task.js'

/**
 * RL4VLA's PutOnPlateInScene25 (put_on_in_scene_multi.py): 6 x 6 places, four yaws, 80 steps. Its square has 15 cm; some
 * of our trays and tools are too long for that.
 */
const HALF_EDGE = 0.09
const CELLS = 6
const YAWS = [0, Math.PI / 4, Math.PI / 2, (3 * Math.PI) / 4] as const
const MAX_STEPS = 80
const XY_SLACK = 0.01
const HEIGHT_SLACK = 0.05
/** N. */
const LEAST_PRESS = 0.03
/** Between the boxes of two things at the start, m. */
const GAP = 0.006
/** How far the expert carries above the rim, m. */
const HOVER = 0.04

/** Official episodes; each is drawn from its number. */
export const OFFICIAL = 96

/** RL4VLA's test: near enough, on it, and pressing on it. A thing longer than a receptacle's inside lies on the rim. */
function restsOn({ rest, rim, inside }: Receptacle, { box }: ObjectSpec): Goal {
  const height = box[0] / 2 > inside ? rim : rest
  return {
    isMet(things) {
      const { source, target, halfSource, halfTarget } = things
      const flat = Math.hypot(source[0] - target[0], source[1] - target[1])
      const rise = source[2] - target[2]
      return (
        flat <= Math.max(halfTarget[0], halfTarget[1]) + XY_SLACK &&
        rise > 0 &&
        rise <= halfSource[2] + halfTarget[2] + HEIGHT_SLACK &&
        things.press() > LEAST_PRESS
      )
    },
    place({ target, targetStart, sourceStart }) {
      return [target[0], target[1], sourceStart[2] + height + target[2] - targetStart[2]]
    },
  }
}

const onGrid = (cell: number) => HALF_EDGE * ((2 * cell) / (CELLS - 1) - 1)

/** "Put the source on the receptacle" on the flat table. `wordings` absent: the first of them, always. */
export function putOnReceptacle(
  id: string,
  source: Graspable,
  receptacle: Receptacle,
  wordings?: readonly string[],
): PutOnTask {
  const target = receptacle.spec
  const isFree = (placement: Placement) =>
    !overlaps(graspRoom(source.spec, placement.source), footing(target, placement.target, GAP))
  const draw = (point: () => readonly [number, number], yaw: () => number) =>
    drawUntil(
      `reset: ${id}, ${source.words} and ${receptacle.words}`,
      (): Placement => {
        const [a, b] = [point(), point()]
        return { source: { x: a[0], y: a[1], yaw: yaw() }, target: { x: b[0], y: b[1], yaw: 0 } }
      },
      isFree,
    )
  return {
    id,
    instruction: putOnWordings(source.words, receptacle.words).seen[0],
    ...(wordings && { wordings: () => wordings }),
    maxSteps: MAX_STEPS,
    scene: flatTable,
    source: source.spec,
    target,
    onlyOnTarget: false,
    heightSlack: HEIGHT_SLACK,
    goal: restsOn(receptacle, source.spec),
    letGoHeight: 0,
    carryHover: HOVER + receptacle.rim - receptacle.rest,
    placeTolerance: 0.012,
    watched: true,
    officialEpisodes: OFFICIAL,
    official(episodeId) {
      const rng = Rng.fromSeed(id, source.words, receptacle.words, episodeId % OFFICIAL)
      const cell = () => onGrid(rng.integers(0, CELLS))
      return draw(
        () => [CENTER_X + cell(), cell()],
        () => rng.choice(YAWS),
      )
    },
    random(rng, widening = 1) {
      return draw(
        () => randomPoint(rng, HALF_EDGE * widening),
        () => rng.uniform(0, Math.PI),
      )
    },
  }
}
