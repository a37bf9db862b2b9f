import type { Part } from '../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from './objectSpec.js'

const STEEL = 0xd3d8dd
const HOLLOW = 0xa9b0b8

/** A rectangular cross-section. */
type Section = readonly [x: number, yLow: number, yHigh: number, zLow: number, zHigh: number]

/** The convex piece between two cross-sections. */
function piece(from: Section, to: Section): Part {
  const corners = ([x, yLow, yHigh, zLow, zHigh]: Section) => [
    ...[x, yLow, zLow, x, yHigh, zLow],
    ...[x, yLow, zHigh, x, yHigh, zHigh],
  ]
  const vertices = Float32Array.from([...corners(from), ...corners(to)])
  return { shape: { kind: 'hull', vertices }, color: STEEL }
}

/** From the neck to the thick end, which it lies on: [x, half width, lowest z, highest z]. */
const HANDLE_SECTIONS = [
  [-0.026, 0.006, -0.0035, 0],
  [-0.003, 0.0108, -0.005, 0.001],
  [0.06, 0.0115, -0.0117, 0.0128],
  [0.0679, 0.007, -0.0115, 0.008],
] as const

/** Flat flanks for the fingers, bevelled edges. */
function handle(): Part {
  const vertices = HANDLE_SECTIONS.flatMap(([x, half, low, high]) =>
    [1, -1].flatMap((side) => [
      ...[x, side * 0.65 * half, low],
      ...[x, side * half, low + 0.25 * (high - low)],
      ...[x, side * half, low + 0.75 * (high - low)],
      ...[x, side * 0.65 * half, high],
    ]),
  )
  return { shape: { kind: 'hull', vertices: Float32Array.from(vertices) }, color: STEEL }
}

/** The bowl's rim: three walls around a hollow whose bottom is only seen. The front wall touches the table. */
const bowl: readonly Part[] = [
  piece([-0.0732, -0.006, 0.006, -0.004, 0.0153], [-0.0655, -0.0165, 0.0165, -0.009, 0.011]),
  piece([-0.064, 0.0136, 0.0178, -0.0085, 0.011], [-0.026, 0.004, 0.011, -0.004, 0.003]),
  piece([-0.064, -0.0178, -0.0136, -0.0085, 0.011], [-0.026, -0.011, -0.004, -0.004, 0.003]),
  {
    ...piece([-0.066, -0.014, 0.014, -0.0085, -0.004], [-0.024, -0.007, 0.007, -0.004, -0.001]),
    color: HOLLOW,
    collides: false,
  },
]

/**
 * A spoon of 42 g, handle towards +x. It lies on the handle's end and the bowl's front; the original's bowl is a
 * ring of seven hulls.
 */
export const spoon: ObjectSpec = {
  name: 'spoon',
  body: { name: 'spoon', parts: [handle(), ...bowl] },
  density: 1200,
  friction: OBJECT_FRICTION,
  box: [0.14, 0.0346, 0.026042],
  bottom: 0.0117,
  footprint: 0.0755,
  graspPeriod: Math.PI,
  graspHeight: 0.006,
}
