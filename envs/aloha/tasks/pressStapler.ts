import { rotate } from '../../math/quat.js'
import { fingertips } from '../../motion/fingertips.js'
import { sides } from '../alohaArms.js'
import { STAPLER_PRESS, stapler } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { type Grip, one, reach } from '../expert/moves.js'
import { poseOf } from './judging.js'
import { allReached, drawIn, drawUntil, sideOf, TABLE } from './place.js'

/** Tool centre point above the fingertips, m. */
const TIPS = 0.0137

/** A finger touches the stapler, the fingertips' middle within 3 cm of where it is pressed along all axes. */
export const pressStapler: AlohaTaskSpec = {
  name: 'press_stapler',
  instruction: 'use one arm to press the stapler',
  group: 'tracking',
  publishedSteps: 400,
  objects: [stapler],
  mover: 0,
  bounds: TABLE,
  place: (rng, widening) =>
    drawUntil(
      () => [
        {
          x: drawIn(rng, [-0.2, 0.2], widening),
          y: drawIn(rng, [-0.1, 0.05], widening),
          yaw: rng.uniform(-Math.PI, Math.PI),
        },
      ],
      allReached,
    ),
  arm: sideOf(0),
  succeeds(view) {
    const { scene } = view
    const [x, y, z] = pressPoint(poseOf(view, 0))
    return sides.some((side) => {
      const [tipX, tipY, lowest] = fingertips(scene.robots[side])
      const near = Math.abs(tipX - x) < 0.03 && Math.abs(tipY - y) < 0.03 && Math.abs(lowest - z) < 0.03
      return near && scene.gripperTouches(side, 0)
    })
  },
  script(view, arm) {
    const [x, y, z] = STAPLER_PRESS
    const grips = one<Grip>(arm, { object: 0, at: [x, y, z + TIPS - 0.006] })
    const press = reach(view, grips, 0.06, 0)
    return [{ ...press, done: () => false }]
  },
}

function pressPoint(pose: number[]): number[] {
  const point = rotate([0, 0, 0], pose.slice(3), STAPLER_PRESS)
  return point.map((value, k) => value + pose[k])
}
