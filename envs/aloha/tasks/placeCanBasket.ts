import type { Side } from '../alohaArms.js'
import { BASKET, basket, can } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { carry, close, type Grip, lift, one, reach, release, retreat } from '../expert/moves.js'
import { poseOf } from './judging.js'
import { drawIn, drawSide, sideOf, TABLE } from './place.js'

/**
 * One arm puts a can into a basket, the other lifts the basket: both 2 cm above where they were, the basket within 60 degrees of
 * upright, the can on it and not on the table, their frames within 10 cm seen from above and 15 cm along all axes summed.
 */
export const placeCanBasket: AlohaTaskSpec = {
  name: 'place_can_basket',
  instruction:
    'use one arm to pick up the can, put it into the basket, and use the other arm to lift the basket',
  group: 'interception',
  publishedSteps: 700,
  objects: [can, basket],
  mover: 0,
  bounds: TABLE,
  lift: { object: 0, height: 0.03 },
  place(rng, widening) {
    const side = drawSide(rng)
    return [
      { x: side * drawIn(rng, [0.2, 0.25], widening), y: drawIn(rng, [0, 0.1], widening), yaw: 0 },
      { x: -side * 0.02, y: drawIn(rng, [-0.08, -0.05], widening), yaw: 0 },
    ]
  },
  arm: sideOf(0),
  succeeds(view) {
    const { scene, startHeights } = view
    const [inside, around] = [poseOf(view, 0), poseOf(view, 1)]
    const [dx, dy, dz] = [0, 1, 2].map((k) => Math.abs(inside[k] - around[k]))
    const upright = 1 - 2 * (around[3] ** 2 + around[4] ** 2)
    return (
      around[2] - startHeights[1] > 0.02 &&
      inside[2] - startHeights[0] > 0.02 &&
      upright > 0.5 &&
      dx + dy + dz < 0.15 &&
      Math.hypot(dx, dy) < 0.1 &&
      !scene.touchesTable(0) &&
      scene.objectsTouch(0, 1)
    )
  },
  script(view, arm) {
    const other = (1 - arm) as Side
    const outwards = arm === 0 ? -1 : 1
    const grip: Grip = { object: 0, at: [0, 0, 0.05], across: Math.PI / 2 }
    const wall: Grip = {
      object: 1,
      at: [-outwards * (BASKET.x + BASKET.wall / 2), 0, BASKET.height - 0.018],
      across: 0,
    }
    const inBasket = () => {
      const [x, y, z] = view.scene.objectPose(1, [0, 0, 0])
      return { position: [x + 0.035 * outwards, y, z + BASKET.floor + 0.004] as const }
    }
    return [
      reach(view, one(arm, grip), 0.08),
      close(view, one(arm, grip)),
      lift(view, one(arm, grip), 0.16),
      carry(view, arm, grip, inBasket, { hover: 0.09 }),
      release(view, arm),
      retreat(view, arm, 0.24, 8, 0.12),
      reach(view, one(other, wall)),
      close(view, one(other, wall)),
      lift(view, one(other, wall), 0.16),
    ]
  },
}
