import { flatTable } from '../scenes/flatTable.js'
import { greenCube, yellowCube } from '../scenes/objects.js'
import { cornerPairs, pairsAndYaws, randomPair } from './placement.js'
import type { PutOnTask } from './task.js'

const PAIRS = [...cornerPairs(0.05), ...cornerPairs(0.1)]
/** Leaves room for an open finger between the cubes. */
const MIN_DISTANCE = 0.08

/** SimplerEnv's StackGreenCubeOnYellowCubeBakedTexInScene-v0 (put_on_in_scene.py). */
export const stackCube: PutOnTask = {
  id: 'widowx_stack_cube',
  instruction: 'stack the green block on the yellow block',
  maxSteps: 60,
  scene: flatTable,
  source: greenCube,
  target: yellowCube,
  onlyOnTarget: true,
  heightSlack: 0.02,
  letGoHeight: 0.03,
  carryHover: 0.04,
  placeTolerance: 0.006,
  ...pairsAndYaws(PAIRS, [0]),
  random(rng, widening = 1) {
    const [source, target] = randomPair(rng, 0.1 * widening, MIN_DISTANCE)
    return {
      source: { x: source[0], y: source[1], yaw: 0 },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}
