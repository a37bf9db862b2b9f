import { TABLE_TOP } from '../alohaArms.js'
import { BREAD_BASKET_HEIGHT, bread, breadBasket } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { bothOpen, isNear, poseOf } from './judging.js'
import { drawIn, drawPair, drawSide, sideOf, TABLE } from './place.js'
import { putOnMoving } from './putOnMoving.js'

/** The bread is within 5 cm of the basket's middle along both axes, touches it and not the table, grippers open. */
export const placeBreadBasket: AlohaTaskSpec = {
  name: 'place_bread_basket',
  instruction: 'use one arm to grab the bread and put it in the basket',
  group: 'tracking',
  publishedSteps: 700,
  objects: [bread, breadBasket],
  mover: 1,
  bounds: { ...TABLE, y: [-0.15, 0.15] },
  lift: { object: 0, height: 0.03 },
  place: (rng, widening) =>
    drawPair(() => {
      const side = drawSide(rng)
      return [
        {
          x: side * drawIn(rng, [0.15, 0.27], widening),
          y: drawIn(rng, [-0.13, 0.05], widening),
          yaw: rng.uniform(-Math.PI / 4, Math.PI / 4),
        },
        {
          x: drawIn(rng, [-0.2, 0.2], widening),
          y: drawIn(rng, [-0.03, 0.08], widening),
          yaw: rng.uniform(-0.5, 0.5),
        },
      ]
    }, 0.16),
  arm: sideOf(0),
  succeeds(view) {
    const { scene } = view
    const [loaf, around] = [poseOf(view, 0), poseOf(view, 1)]
    return (
      isNear(loaf, around, 0.05) &&
      loaf[2] > TABLE_TOP - 0.01 &&
      bothOpen(view) &&
      !scene.touchesTable(0) &&
      scene.objectsTouch(0, 1)
    )
  },
  script: (view, arm) =>
    putOnMoving(
      view,
      arm,
      { object: 0, at: [0, 0, 0.002], across: Math.PI / 2 },
      BREAD_BASKET_HEIGHT + bread.bottom + 0.004,
      0.06,
    ),
}
