import type { Part } from '../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from './objectSpec.js'

/** Cross-sections along x, thin end first: [x, half width, lowest z, highest z]. */
const SECTIONS = [
  [-0.0449, 0.0045, -0.0055, 0.0015],
  [-0.034, 0.0105, -0.0135, 0.008],
  [-0.013, 0.0165, -0.0203, 0.0152],
  [0.01, 0.0187, -0.0203, 0.0177],
  [0.025, 0.014, -0.0145, 0.012],
  [0.0338, 0.006, -0.0075, 0.0045],
] as const

/** Sections whose underside is a corner of the flat that it lies on: four corners, as Rapier's contacts have. */
const FLAT = [2, 3]

/** Outline of a cross-section: share of the half width at a share of the height. */
const OUTLINE = [
  [0.72, 0.13],
  [1, 0.42],
  [1, 0.58],
  [0.72, 0.87],
  [0.28, 1],
] as const

function hull(): Float32Array {
  const vertices: number[] = []
  for (const [index, [x, half, low, high]] of SECTIONS.entries()) {
    const foot = FLAT.includes(index) ? 0 : 0.03
    for (const [width, height] of [[0.35, foot], ...OUTLINE]) {
      const z = low + height * (high - low)
      vertices.push(x, width * half, z, x, -width * half, z)
    }
  }
  return Float32Array.from(vertices)
}

const cap: Part = {
  shape: { kind: 'box', halfExtents: [0.005, 0.0075, 0.0065] },
  pose: { position: [-0.0435, 0, -0.003], rotation: [0, 0, 0, 1] },
  color: 0x4f8a3c,
  collides: false,
}

/**
 * 21.5 g, stem towards -x; about an ellipsoid, as the original's one hull, with a flat underside 12 mm wide, on
 * which it lies still.
 */
export const eggplant: ObjectSpec = {
  name: 'eggplant',
  body: {
    name: 'eggplant',
    parts: [{ shape: { kind: 'hull', vertices: hull() }, color: 0x6b3a8c, texture: 'speckle' }, cap],
  },
  density: 400,
  friction: OBJECT_FRICTION,
  box: [0.0783, 0.0374, 0.038],
  bottom: 0.0203,
  footprint: 0.046,
  graspPeriod: Math.PI,
  graspHeight: 0.004,
}
