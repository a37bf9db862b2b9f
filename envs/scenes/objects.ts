import type { Part } from '../geometry.js'
import { OBJECT_FRICTION as FRICTION, type ObjectSpec } from './objectSpec.js'

export { basketTarget } from './basketTarget.js'
export { eggplant } from './eggplant.js'
export type { ObjectSpec } from './objectSpec.js'
export { spoon } from './spoon.js'
export { towel } from './towel.js'

function cube(name: string, color: number): ObjectSpec {
  const half = 0.015
  return {
    name,
    body: { name, parts: [{ shape: { kind: 'box', halfExtents: [half, half, half] }, color }] },
    density: 1000,
    friction: FRICTION,
    box: [0.03, 0.03, 0.03],
    bottom: half,
    footprint: 0.0213,
    graspPeriod: Math.PI / 2,
    graspHeight: 0.006,
  }
}

export const greenCube = cube('green_cube', 0x2f9e44)
export const yellowCube = cube('yellow_cube', 0xf2c230)

/** Disc of radius r from z `low` to `high`. */
export function disc(radius: number, low: number, high: number, color: number, collides = true): Part {
  return {
    shape: { kind: 'cylinder', radius, halfHeight: (high - low) / 2 },
    pose: { position: [0, 0, (low + high) / 2], rotation: [0, 0, 0, 1] },
    color,
    collides,
  }
}

/**
 * 41 g, solid and 6 mm high as the original's single hull: a foot of radius 3 cm and a rim of 5.5 cm. Two discs
 * where the original has a frustum: Rapier's polygonal contacts keep only four corners of a face, so what lies
 * on a many-sided hull trembles and sinks.
 */
export const plate: ObjectSpec = {
  name: 'plate',
  body: {
    name: 'plate',
    parts: [
      disc(0.03, 0, 0.00246, 0xe8e4da),
      disc(0.055, 0.00246, 0.006, 0xe8e4da),
      disc(0.04, 0.006, 0.007, 0xb9cdd6, false),
    ],
  },
  density: 1000,
  friction: FRICTION,
  box: [0.11, 0.11, 0.006],
  bottom: 0,
  footprint: 0.055,
  graspPeriod: 2 * Math.PI,
  graspHeight: 0.006,
}

/** Cross-sections of the carrot along x: [x, half width, lowest z, highest z], thin end first. */
const CARROT_SECTIONS = [
  [-0.0641, 0.006, -0.0165, -0.004],
  [-0.05, 0.0095, -0.0178, 0.005],
  [0.005, 0.015, -0.0178, 0.018],
  [0.035, 0.016, -0.0178, 0.0234],
  [0.0542, 0.0105, -0.0165, 0.015],
] as const

/** Sections whose underside is a corner of the flat that the carrot lies on: four corners, see `plate`. */
const FLAT = [1, 3]

/** Octagons with a flat underside, so that the carrot does not roll. */
function carrotHull(): Float32Array {
  const vertices: number[] = []
  for (const [index, [x, half, low, high]] of CARROT_SECTIONS.entries()) {
    const outline = [
      [1, 0.35],
      [1, 0.65],
      [0.45, 1],
    ]
    if (FLAT.includes(index)) outline.push([0.5, 0])
    for (const [width, height] of outline) {
      const z = low + height * (high - low)
      vertices.push(x, width * half, z, x, -width * half, z)
    }
  }
  return Float32Array.from(vertices)
}

const carrotLeaf: Part = {
  shape: { kind: 'box', halfExtents: [0.006, 0.006, 0.005] },
  pose: { position: [0.058, 0, 0.001], rotation: [0, 0, 0, 1] },
  color: 0x3f8f3a,
  collides: false,
}

/** 55 g, thin end at -x. */
export const carrot: ObjectSpec = {
  name: 'carrot',
  body: {
    name: 'carrot',
    parts: [{ shape: { kind: 'hull', vertices: carrotHull() }, color: 0xe8711c }, carrotLeaf],
  },
  density: 700,
  friction: FRICTION,
  box: [0.115, 0.032, 0.038],
  bottom: 0.0178,
  footprint: 0.0655,
  graspPeriod: Math.PI,
  graspHeight: 0.006,
}
