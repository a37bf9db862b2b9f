import { isClosed, TABLE_TOP } from '../alohaArms.js'
import { ROLLER_GRIP, roller } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { close, type Grip, lift, reach } from '../expert/moves.js'
import { poseOf } from './judging.js'
import { drawIn, TABLE } from './place.js'

/** Both arms lift a roller by its ends: both grippers closed and touching, height above 0.8 m and risen by 5 cm. */
export const grabRoller: AlohaTaskSpec = {
  name: 'grab_roller',
  instruction: 'use both arms to grab the roller on the table',
  group: 'interception',
  publishedSteps: 400,
  objects: [roller],
  mover: 0,
  bounds: { ...TABLE, y: [-0.2, 0.1] },
  place: (rng, widening) => [
    {
      x: drawIn(rng, [-0.08, 0.08], widening),
      y: drawIn(rng, [-0.1, 0.02], widening),
      yaw: rng.uniform(-0.4, 0.4),
    },
  ],
  arm: () => 0,
  succeeds(view) {
    const { scene, grippers, startHeights } = view
    const [, , z] = poseOf(view, 0)
    return (
      isClosed(grippers[0]) &&
      isClosed(grippers[1]) &&
      z > TABLE_TOP + 0.06 &&
      z - startHeights[0] > 0.05 &&
      scene.gripperTouches(0, 0) &&
      scene.gripperTouches(1, 0)
    )
  },
  script(view) {
    const grips: Grip[] = [-1, 1].map((end) => ({
      object: 0,
      at: [end * ROLLER_GRIP, 0, 0],
      across: Math.PI / 2,
    }))
    return [reach(view, grips), close(view, grips), lift(view, grips, 0.15)]
  },
}
