import { cup, PLATE_HEIGHT, plate } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { bothOpen, isNear, poseOf } from './judging.js'
import { drawIn, drawPair, drawSide, sideOf, TABLE } from './place.js'
import { putOnMoving } from './putOnMoving.js'

/** The container's foot is within 5, 5 and 3 cm of the plate's frame, grippers open. */
export const placeContainerPlate: AlohaTaskSpec = {
  name: 'place_container_plate',
  instruction: 'place the container onto the plate',
  group: 'tracking',
  publishedSteps: 400,
  objects: [cup, plate],
  mover: 1,
  bounds: TABLE,
  lift: { object: 0, height: 0.03 },
  place: (rng, widening) =>
    drawPair(() => {
      const side = drawSide(rng)
      return [
        { x: side * drawIn(rng, [0.2, 0.28], widening), y: drawIn(rng, [-0.1, 0.05], widening), yaw: 0 },
        { x: side * drawIn(rng, [0.02, 0.08], widening), y: drawIn(rng, [-0.12, -0.04], widening), yaw: 0 },
      ]
    }, 0.12),
  arm: sideOf(0),
  succeeds(view) {
    const [foot, below] = [poseOf(view, 0), poseOf(view, 1)]
    return isNear(foot, below, 0.05) && Math.abs(foot[2] - below[2]) < 0.03 && bothOpen(view)
  },
  script: (view, arm) => putOnMoving(view, arm, { object: 0, at: [0, 0, 0.032] }, PLATE_HEIGHT + 0.002, 0.05),
}
