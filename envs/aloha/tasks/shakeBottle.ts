import type { Spot } from '../../tasks/task.js'
import { TABLE_TOP } from '../alohaArms.js'
import { bottle } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { close, type Grip, lift, one, reach } from '../expert/moves.js'
import { poseOf } from './judging.js'
import { allReached, drawIn, drawUntil, sideOf, TABLE } from './place.js'

/** The bottle's frame, 4.5 cm above its foot, is above 0.8 m. */
export const shakeBottle: AlohaTaskSpec = {
  name: 'shake_bottle',
  instruction: 'shake the bottle with the proper arm',
  group: 'interception',
  publishedSteps: 700,
  objects: [bottle],
  mover: 0,
  bounds: { ...TABLE, y: [-0.2, 0.13] },
  place: (rng, widening) =>
    drawUntil(
      (): Spot[] => [
        { x: drawIn(rng, [-0.25, 0.25], widening), y: drawIn(rng, [-0.14, -0.02], widening), yaw: 0 },
      ],
      allReached,
    ),
  arm: sideOf(0),
  succeeds: (view) => poseOf(view, 0)[2] > TABLE_TOP + 0.06,
  script(view, arm) {
    const grips = one<Grip>(arm, { object: 0, at: [0, 0, 0.006] })
    return [reach(view, grips, 0.09), close(view, grips), lift(view, grips, 0.2)]
  },
}
