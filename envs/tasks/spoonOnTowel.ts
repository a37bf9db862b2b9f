import { flatTable } from '../scenes/flatTable.js'
import { spoon, towel } from '../scenes/objects.js'
import { cornerPairs, pairsAndYaws, randomPair } from './placement.js'
import type { PutOnTask } from './task.js'

const PAIRS = cornerPairs(0.075)
const YAWS = [0, Math.PI / 2] as const
/** Room beside the towel for the spoon's length, or for its width and an open finger. */
const ALONG = 0.128
const ACROSS = 0.105

/** SimplerEnv's PutSpoonOnTableClothInScene-v0 (put_on_in_scene.py). */
export const spoonOnTowel: PutOnTask = {
  id: 'widowx_spoon_on_towel',
  instruction: 'put the spoon on the towel',
  maxSteps: 60,
  scene: flatTable,
  source: spoon,
  target: towel,
  onlyOnTarget: false,
  heightSlack: 0.02,
  letGoHeight: 0.016,
  carryHover: 0.04,
  placeTolerance: 0.02,
  ...pairsAndYaws(PAIRS, YAWS),
  random(rng, widening = 1) {
    const yaw = rng.choice(YAWS)
    for (;;) {
      const [source, target] = randomPair(rng, 0.075 * widening, ACROSS)
      const [dx, dy] = [Math.abs(source[0] - target[0]), Math.abs(source[1] - target[1])]
      const [along, across] = yaw === 0 ? [dx, dy] : [dy, dx]
      if (along < ALONG && across < ACROSS) continue
      return {
        source: { x: source[0], y: source[1], yaw },
        target: { x: target[0], y: target[1], yaw: 0 },
      }
    }
  },
}
