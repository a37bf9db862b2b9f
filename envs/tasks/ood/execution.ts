import { Rng } from '@vla-gym/gymnasium'
import { projectPoint } from '../../cameras/index.js'
import { ArmKinematics } from '../../robots/kinematics.js'
import { widowx250s } from '../../robots/widowx250s.js'
import { flatTable } from '../../scenes/flatTable.js'
import type { SceneSpec } from '../../scenes/scene.js'
import { REACH } from '../customPlacement.js'
import { footing, overlaps } from '../overlap.js'
import { CENTER_X, drawUntil, graspRoom, randomPoint, WIDENING } from '../placement.js'
import type { Placement, PutOnTask, Rectangle, Spot } from '../task.js'

/** Half edges of the squares that SimplerEnv's table tasks place things in, m. */
const halfEdges: Readonly<Record<string, number>> = {
  widowx_stack_cube: 0.1,
  widowx_carrot_on_plate: 0.075,
  widowx_spoon_on_towel: 0.075,
}
/** Unseen places are in a frame of this width around the square that training may widen, m. */
const FRAME = 0.02
const GAP = 0.006

/** Part of the camera's 640x480 that nano looks at: left, top, right, bottom; things stay so far inside it, px. */
const SEEN = [95, 40, 495, 440] as const
const INSIDE = 12

/** Where eggplants lie that no training has seen: further from the robot, and up to 1.5 cm further to either side. */
const UNSEEN_BASIN: Rectangle = { x: [-0.165, -0.13], y: [0.176, 0.236] }

/** The task with its source in places that training does not have. Official episodes are drawn from their number. */
export function elsewhere(task: PutOnTask): PutOnTask {
  const random = task.target.fixed ? inBasin(task) : aroundSquare(task)
  return { ...task, random, official: (episodeId) => random(Rng.fromSeed(task.id, 'elsewhere', episodeId)) }
}

function inBasin(task: PutOnTask): PutOnTask['random'] {
  const { target } = task.official(0)
  const quarter = Math.PI / 4
  return (rng) => ({
    source: {
      x: rng.uniform(...UNSEEN_BASIN.x),
      y: rng.uniform(...UNSEEN_BASIN.y),
      yaw: rng.uniform(-quarter, quarter),
    },
    target,
  })
}

/** The source in the frame around the widened square, the target anywhere up to there. */
function aroundSquare(task: PutOnTask): PutOnTask['random'] {
  const inner = WIDENING * halfEdges[task.id]
  const { basePosition } = task.scene.mount
  const camera = task.scene.camera()
  const willBeSeen = ({ x, y }: Spot) => {
    const { u, v } = projectPoint(camera, [x, y, task.scene.surface])
    const [left, top, right, bottom] = SEEN
    return u > left + INSIDE && u < right - INSIDE && v > top + INSIDE && v < bottom - INSIDE
  }
  const isUseful = (spot: Spot) =>
    Math.hypot(spot.x - basePosition[0], spot.y - basePosition[1]) <= REACH && willBeSeen(spot)
  return (rng) => {
    const { source: own, target: other } = task.random(rng)
    const spot = ({ yaw }: Spot): Spot => {
      const [x, y] = randomPoint(rng, inner + FRAME)
      return { x, y, yaw }
    }
    const willDo = ({ source, target }: Placement) =>
      Math.max(Math.abs(source.x - CENTER_X), Math.abs(source.y)) >= inner &&
      isUseful(source) &&
      isUseful(target) &&
      !overlaps(graspRoom(task.source, source), footing(task.target, target, GAP))
    return drawUntil(`reset: ${task.id}`, () => ({ source: spot(own), target: spot(other) }), willDo)
  }
}

/** RL4VLA's EEPose offsets by joint, rad: beyond the first, up to the second. */
const OFFSETS = [...[0, 1, 2, 3, 4].map(() => [0.08, 0.15] as const), [0.3, 0.6] as const]
/** The tool stays so high, m: at most so much lower than where the scene begins. */
const LOWER = 0.03
const kinematics = new ArmKinematics(widowx250s)

/** The task with the arm in another pose at the start; the objects stay where they are. */
export function otherStart(task: PutOnTask): PutOnTask {
  const { qpos } = task.scene.mount
  const heightAt = (q: readonly number[]) => {
    kinematics.forward(q)
    return kinematics.tcp[2]
  }
  const least = heightAt(qpos) - LOWER
  return {
    ...task,
    startPose: (rng) =>
      drawUntil(
        `reset: ${task.id}, start pose`,
        () => OFFSETS.map(([low, high]) => rng.uniform(low, high) * rng.choice([-1, 1])),
        (offset) => heightAt(qpos.map((q, i) => q + offset[i])) >= least,
      ),
  }
}

/** RL4VLA's PositionChangeTo: after five steps. */
const MOVE_STEP = 5

interface Jump {
  readonly region: Rectangle
  readonly distance: number
}

/** On the table wherever camera and arm reach; in the basin there is less room. */
const jumps = (scene: SceneSpec): Jump =>
  scene === flatTable
    ? { region: { x: [CENTER_X - 0.115, CENTER_X + 0.115], y: [-0.125, 0.125] }, distance: 0.06 }
    : { region: { x: [-0.225, -0.09], y: [0.165, 0.255] }, distance: 0.04 }

/** The task with its source somewhere else after five steps. */
export function movedOnce(task: PutOnTask): PutOnTask {
  const { region, distance } = jumps(task.scene)
  return {
    ...task,
    interruption: {
      step: MOVE_STEP,
      distance,
      spot: (rng) => ({
        x: rng.uniform(...region.x),
        y: rng.uniform(...region.y),
        yaw: task.random(rng).source.yaw,
      }),
    },
  }
}
