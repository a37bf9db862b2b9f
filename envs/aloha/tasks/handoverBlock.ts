import { isOpen, TABLE_TOP } from '../alohaArms.js'
import { handoverPad, LONG_BLOCK_GRIP, longBlock } from '../alohaObjects.js'
import type { AlohaTaskSpec } from '../alohaTask.js'
import { carry, close, type Grip, lift, reach, release, retreat } from '../expert/moves.js'
import { isNear, poseOf } from './judging.js'
import { drawIn, TABLE } from './place.js'

/** Where the left arm holds the block for the right one: its middle, m. */
const HANDOVER = [0, -0.02, TABLE_TOP + 0.16] as const

/**
 * The left arm grasps a block and hands it to the right one, which puts it on a pad: its middle within 3 cm of the pad's
 * along both axes, its underside within 1 cm of the pad's top, the right gripper open.
 */
export const handoverBlock: AlohaTaskSpec = {
  name: 'handover_block',
  instruction:
    'use the left arm to grasp the red block on the table, hand it over to the right arm and place it on the blue pad',
  group: 'interception',
  publishedSteps: 800,
  objects: [longBlock, handoverPad],
  mover: 0,
  bounds: TABLE,
  lift: { object: 0, height: 0.03 },
  place: (rng, widening) => [
    {
      x: drawIn(rng, [-0.25, -0.1], widening),
      y: drawIn(rng, [-0.08, 0.08], widening),
      yaw: rng.uniform(-0.3, 0.3),
    },
    { x: drawIn(rng, [0.15, 0.25], widening), y: drawIn(rng, [0.04, 0.11], widening), yaw: 0 },
  ],
  arm: () => 0,
  succeeds(view) {
    const [block, pad] = [poseOf(view, 0), poseOf(view, 1)]
    const gap = block[2] - longBlock.bottom - (pad[2] + handoverPad.box[2])
    return isNear(block, pad, 0.03) && Math.abs(gap) < 0.01 && isOpen(view.grippers[1])
  },
  script(view) {
    const left: Grip = { object: 0, at: [-LONG_BLOCK_GRIP, 0, 0.002], across: Math.PI / 2 }
    const right: Grip = { object: 0, at: [LONG_BLOCK_GRIP, 0, 0.002], across: Math.PI / 2 }
    const giver = [left, undefined]
    const taker = [undefined, right]
    const middle = { position: HANDOVER, yaw: 0 }
    const onPad = () => {
      const [x, y, z] = view.scene.objectPose(1, [0, 0, 0])
      return { position: [x, y, z + handoverPad.box[2] + longBlock.bottom + 0.002] as const, yaw: 0 }
    }
    return [
      reach(view, giver),
      close(view, giver),
      lift(view, giver, 0.12),
      carry(view, 0, left, () => middle, { tolerance: 0.012, height: 0.012 }),
      reach(view, taker),
      close(view, taker),
      release(view, 0),
      retreat(view, 0, 0.28, 6, 0.12),
      carry(view, 1, right, onPad, { tolerance: 0.012 }),
      release(view, 1),
      retreat(view, 1, 0.15, 6),
    ]
  },
}
