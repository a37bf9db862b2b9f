import { TABLE_TOP } from '../alohaArms.js'
import { teaBox, toyCar } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { carry, close, type Grip, lift, one, reach, release, retreat } from '../expert/moves.js'
import { bothOpen, poseOf } from './judging.js'
import { distance, drawIn, drawUntil, sideOf, TABLE } from './place.js'

/** Puts A to the left of B: 8 to 20 cm away, less than 5 cm nearer or further, grippers open. */
export const placeA2bLeft: AlohaTaskSpec = {
  name: 'place_a2b_left',
  instruction: 'use the appropriate arm to place the tea box on the left of the toy car',
  group: 'interception',
  publishedSteps: 400,
  objects: [teaBox, toyCar],
  mover: 0,
  bounds: { ...TABLE, y: [-0.2, 0.1] },
  lift: { object: 0, height: 0.03 },
  place: (rng, widening) =>
    drawUntil(
      () => {
        const x = drawIn(rng, [-0.22, 0.22], widening)
        const range = x > 0 ? ([0.18, 0.23] as const) : ([-0.1, 0.1] as const)
        return [
          { x, y: drawIn(rng, [-0.12, 0.05], widening), yaw: rng.uniform(-0.8, 0.8) },
          {
            x: drawIn(rng, range, widening),
            y: drawIn(rng, [-0.12, 0.05], widening),
            yaw: rng.uniform(-0.8, 0.8),
          },
        ]
      },
      ([a, b]) => Math.abs(a.y - b.y) >= 0.1 && distance(a, b) >= 0.1 && (distance(a, b) > 0.19 || a.x > b.x),
    ),
  arm: sideOf(0),
  succeeds(view) {
    const [a, b] = [poseOf(view, 0), poseOf(view, 1)]
    const apart = Math.hypot(a[0] - b[0], a[1] - b[1])
    return apart < 0.2 && apart > 0.08 && a[0] < b[0] && Math.abs(a[1] - b[1]) < 0.05 && bothOpen(view)
  },
  script(view, arm) {
    const grip: Grip = { object: 0, at: [0, 0, 0.002], across: Math.PI / 2 }
    const leftOfB = () => {
      const [x, y] = view.scene.objectPose(1, [0, 0, 0])
      return { position: [x - 0.13, y, TABLE_TOP + teaBox.bottom + 0.002] as const }
    }
    return [
      reach(view, one(arm, grip)),
      close(view, one(arm, grip)),
      lift(view, one(arm, grip), 0.1),
      carry(view, arm, grip, leftOfB, { tolerance: 0.015 }),
      release(view, arm),
      retreat(view, arm, 0.15, 6),
    ]
  },
}
