import { cup, PLATE_HEIGHT, plate } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { bothOpen, poseOf } from './judging.js'
import { allReached, distance, drawIn, drawUntil, sideOf, TABLE } from './place.js'
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
    drawUntil(
      () => {
        const out = rng.uniform() < 0.5 ? -1 : 1
        return [
          { x: out * drawIn(rng, [0.2, 0.28], widening), y: drawIn(rng, [-0.1, 0.05], widening), yaw: 0 },
          { x: out * drawIn(rng, [0.02, 0.08], widening), y: drawIn(rng, [-0.12, -0.04], widening), yaw: 0 },
        ]
      },
      (spots) => distance(spots[0], spots[1]) >= 0.12 && allReached(spots, sideOf(0)(spots)),
    ),
  arm: sideOf(0),
  succeeds(view) {
    const [foot, below] = [poseOf(view, 0), poseOf(view, 1)]
    const [dx, dy, dz] = [0, 1, 2].map((k) => Math.abs(foot[k] - below[k]))
    return dx < 0.05 && dy < 0.05 && dz < 0.03 && bothOpen(view)
  },
  script: (view, arm) => putOnMoving(view, arm, { object: 0, at: [0, 0, 0.032] }, PLATE_HEIGHT + 0.002, 0.05),
}
