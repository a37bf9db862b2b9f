import { TABLE_TOP } from '../alohaArms.js'
import { bluePad, pillBottle } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { bothOpen, isNear, poseOf } from './judging.js'
import { drawIn, drawPair, drawSide, sideOf, TABLE } from './place.js'
import { putOnMoving } from './putOnMoving.js'

/** The bottle's foot is within 5 cm of the pad's middle along both axes and 1.5 cm of 1 mm above the table, on the pad, grippers open. */
export const movePillbottlePad: AlohaTaskSpec = {
  name: 'move_pillbottle_pad',
  instruction: 'use one arm to pick the pill bottle and place it onto the pad',
  group: 'tracking',
  publishedSteps: 400,
  objects: [pillBottle, bluePad],
  mover: 1,
  bounds: TABLE,
  lift: { object: 0, height: 0.03 },
  place: (rng, widening) =>
    drawPair(() => {
      const side = drawSide(rng)
      return [
        { x: side * drawIn(rng, [0.06, 0.25], widening), y: drawIn(rng, [-0.1, 0.1], widening), yaw: 0 },
        { x: side * drawIn(rng, [0.06, 0.25], widening), y: drawIn(rng, [-0.13, 0.1], widening), yaw: 0 },
      ]
    }, 0.1),
  arm: sideOf(0),
  succeeds(view) {
    const [foot, pad] = [poseOf(view, 0), poseOf(view, 1)]
    const low = Math.abs(foot[2] - (TABLE_TOP + 0.001)) < 0.015
    return isNear(foot, pad, 0.05) && low && bothOpen(view) && view.scene.objectsTouch(0, 1)
  },
  script: (view, arm) =>
    putOnMoving(view, arm, { object: 0, at: [0, 0, 0.04] }, bluePad.box[2] + 0.002, 0.05),
}
