import type { Side } from '../alohaArms.js'
import { carry, close, driftOf, type Grip, lift, one, reach, release, retreat } from '../expert/moves.js'
import type { ExpertView, Stage } from '../expert/script.js'

/** Picks the source and puts it on what moves, `height` above its frame. */
export function putOnMoving(view: ExpertView, arm: Side, grip: Grip, height: number, hover: number): Stage[] {
  const place = () => {
    const [x, y, z] = view.scene.objectPose(1, [0, 0, 0])
    return { position: [x, y, z + height] as const, drift: driftOf(view, 1) }
  }
  return [
    reach(view, one(arm, grip)),
    close(view, one(arm, grip)),
    lift(view, one(arm, grip), 0.13),
    carry(view, arm, grip, place, { hover, tolerance: 0.012 }),
    release(view, arm, () => driftOf(view, 1)),
    retreat(view, arm, 0.18, 6),
  ]
}
