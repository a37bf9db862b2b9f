import { TABLE_TOP } from '../alohaArms.js'
import { cube, HAMMER_GRIP, hammer } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { carry, close, driftOf, type Grip, lift, one, reach } from '../expert/moves.js'
import { isNear, poseOf } from './judging.js'
import { drawIn, drawUntil, sideOf, TABLE } from './place.js'

/** The head is within 4 cm of the block along both axes and touches it, and is above 0.8 m. */
export const beatBlockHammer: AlohaTaskSpec = {
  name: 'beat_block_hammer',
  instruction: 'grab the hammer and beat the block',
  group: 'tracking',
  publishedSteps: 400,
  objects: [hammer, cube],
  mover: 1,
  bounds: { ...TABLE, y: [-0.15, 0.15] },
  lift: { object: 0, height: 0.02 },
  place: (rng, widening) =>
    drawUntil(
      () => [
        { x: 0, y: -0.06, yaw: 0 },
        {
          x: drawIn(rng, [-0.25, 0.25], widening),
          y: drawIn(rng, [-0.03, 0.12], widening),
          yaw: rng.uniform(-0.5, 0.5),
        },
      ],
      ([, block]) => Math.abs(block.x) > 0.09 || block.y > 0.02,
    ),
  arm: sideOf(1),
  succeeds(view) {
    const [head, block] = [poseOf(view, 0), poseOf(view, 1)]
    return isNear(head, block, 0.04) && head[2] > TABLE_TOP + 0.06 && view.scene.objectsTouch(0, 1)
  },
  script(view, arm) {
    const grip: Grip = { object: 0, at: [0, -HAMMER_GRIP, 0], across: 0 }
    const place = () => {
      const [x, y, z] = view.scene.objectPose(1, [0, 0, 0])
      const height = cube.box[2] / 2 + hammer.bottom - 0.003
      return { position: [x, y, z + height] as const, yaw: 0, drift: driftOf(view, 1) }
    }
    return [
      reach(view, one(arm, grip)),
      close(view, one(arm, grip)),
      lift(view, one(arm, grip), 0.12),
      carry(view, arm, grip, place, { tolerance: -1 }),
    ]
  },
}
