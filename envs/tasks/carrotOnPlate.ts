import { flatTable } from '../scenes/flatTable.js'
import { carrot, plate } from '../scenes/objects.js'
import { cornerPairs, pairsAndYaws, randomPair } from './placement.js'
import type { PutOnTask } from './task.js'

const PAIRS = cornerPairs(0.075)
const YAWS = [Math.PI, -Math.PI / 2] as const
/** Carrot and plate never overlap, whichever way the carrot lies. */
const MIN_DISTANCE = 0.125

/** SimplerEnv's PutCarrotOnPlateInScene-v0 (put_on_in_scene.py). */
export const carrotOnPlate: PutOnTask = {
  id: 'widowx_carrot_on_plate',
  instruction: 'put carrot on plate',
  maxSteps: 60,
  scene: flatTable,
  source: carrot,
  target: plate,
  onlyOnTarget: true,
  heightSlack: 0.02,
  letGoHeight: 0.0195,
  carryHover: 0.04,
  placeTolerance: 0.015,
  ...pairsAndYaws(PAIRS, YAWS),
  random(rng, widening = 1) {
    const [source, target] = randomPair(rng, 0.075 * widening, MIN_DISTANCE)
    return {
      source: { x: source[0], y: source[1], yaw: rng.choice(YAWS) },
      target: { x: target[0], y: target[1], yaw: 0 },
    }
  },
}
