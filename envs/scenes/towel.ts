import type { Part } from '../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from './objectSpec.js'

const HALF = 0.0505
const LOW = -0.005
const HIGH = 0.0033

/** A woven band across the towel, as thin as paint. */
function band(x: number, halfWidth: number): Part {
  return {
    shape: { kind: 'box', halfExtents: [halfWidth, HALF - 0.001, 0.0003] },
    pose: { position: [x, 0, HIGH], rotation: [0, 0, 0, 1] },
    color: 0xf1efe6,
    texture: 'weave',
    collides: false,
  }
}

/**
 * A folded towel, 28 g and stiff: one box of the width and volume of the original's three hulls, whose top is up
 * to 3 mm higher in places.
 */
export const towel: ObjectSpec = {
  name: 'towel',
  body: {
    name: 'towel',
    parts: [
      {
        shape: { kind: 'box', halfExtents: [HALF, HALF, (HIGH - LOW) / 2] },
        pose: { position: [0, 0, (HIGH + LOW) / 2], rotation: [0, 0, 0, 1] },
        color: 0x5b7fb4,
        texture: 'weave',
      },
      band(-0.038, 0.004),
      band(0.038, 0.004),
    ],
  },
  density: 330,
  friction: OBJECT_FRICTION,
  box: [0.1, 0.1, 0.01],
  bottom: -LOW,
  footprint: 0.0715,
  graspPeriod: Math.PI / 2,
  graspHeight: 0.004,
}
