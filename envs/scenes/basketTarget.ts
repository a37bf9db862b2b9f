import { OBJECT_FRICTION, type ObjectSpec } from './objectSpec.js'

/**
 * SimplerEnv's dummy_sink_target_plane, which nobody sees: where "in the basket" is. There it is a body of 2 kg that
 * falls into the basket and stays; here it is fixed to the basket's floor.
 */
export const basketTarget: ObjectSpec = {
  name: 'basket_target',
  body: {
    name: 'basket_target',
    parts: [{ shape: { kind: 'box', halfExtents: [0.065, 0.04, 0.001] }, color: 0xf2c230, visible: false }],
  },
  density: 100000,
  friction: OBJECT_FRICTION,
  box: [0.13, 0.08, 0.002],
  bottom: 0.001,
  footprint: 0.0764,
  graspPeriod: 2 * Math.PI,
  graspHeight: 0,
  fixed: true,
}
