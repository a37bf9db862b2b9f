import type { Part, Vec3 } from '../geometry.js'
import { OBJECT_FRICTION, type ObjectSpec } from '../scenes/objectSpec.js'

interface Thing {
  readonly name: string
  readonly parts: readonly Part[]
  /** Extents, m. */
  readonly box: Vec3
  /** kg/m³. */
  readonly density: number
}

/**
 * An object of SimplerEnv's Google Robot tasks, without brands: extents and densities follow
 * ManiSkill2_real2sim data/custom/info_pick_custom_v0.json, shapes and colours are our own. All stand upright at the
 * identity rotation, with the origin in the middle of their extents.
 * @param graspPeriod angle after which it looks the same, rad; by default it is round
 */
function thing({ name, parts, box, density }: Thing, graspPeriod = 2 * Math.PI): ObjectSpec {
  return {
    name,
    body: { name, parts },
    density,
    friction: OBJECT_FRICTION,
    box,
    bottom: box[2] / 2,
    footprint: Math.hypot(box[0], box[1]) / 2,
    graspPeriod,
    graspHeight: 0,
  }
}

/** Cylinder about the vertical between two heights, m, only seen. */
function ring(radius: number, low: number, high: number, color: number): Part {
  return {
    shape: { kind: 'cylinder', radius, halfHeight: (high - low) / 2 },
    pose: { position: [0, 0, (low + high) / 2], rotation: [0, 0, 0, 1] },
    color,
    collides: false,
  }
}

const METAL = 0xc6ccd1

const SIDES = 16

/**
 * Prism that a round thing touches others with: on one of its faces it lies still, as the convex hulls of the original
 * do. Rapier's cylinders begin to roll by themselves.
 */
function prism(radius: number, low: number, high: number): Part {
  const vertices: number[] = []
  for (let i = 0; i < SIDES; i++) {
    const angle = (2 * Math.PI * (i + 0.5)) / SIDES
    const [x, y] = [radius * Math.cos(angle), radius * Math.sin(angle)]
    vertices.push(x, y, low, x, y, high)
  }
  return { shape: { kind: 'hull', vertices: Float32Array.from(vertices) }, color: METAL, visible: false }
}

/** A drinks can with a band of another colour around it; open, so that it is light. */
function can(name: string, color: number, band: number, radius = 0.033, height = 0.123): ObjectSpec {
  const half = height / 2
  return thing({
    name,
    parts: [
      prism(radius, -half, half),
      ring(radius, -half, half, color),
      ring(radius + 3e-4, -0.012, 0.012, band),
      ring(radius - 0.004, half - 1e-3, half + 2e-4, METAL),
      ring(radius - 0.004, -half - 2e-4, 1e-3 - half, METAL),
    ],
    box: [2 * radius, 2 * radius, height],
    density: 50,
  })
}

export const redCan = can('red_can', 0xb3202a, 0xf2efe9)
export const blueCan = can('blue_can', 0x1d4fa3, 0xe8eaee)
export const greenCan = can('green_can', 0x2f8f3e, 0xf0d43a)
/** Slimmer and taller. */
export const silverCan = can('silver_can', 0xa9b3c4, 0x27408f, 0.02925, 0.172)

/** A bottle of body, shoulder and cap. */
export const blueBottle = thing({
  name: 'blue_plastic_bottle',
  parts: [
    prism(0.03, -0.1015, 0.045),
    prism(0.02, 0.045, 0.1015),
    ring(0.03, -0.1015, 0.045, 0x2f7fc4),
    ring(0.021, 0.045, 0.075, 0x3f8fd0),
    ring(0.014, 0.075, 0.1015, 0xeef2f5),
  ],
  box: [0.0601, 0.0605, 0.203],
  density: 50,
})

/** Hull with flats inside a sphere, so that it does not roll for ever; it stands on one. */
function flattened(radius: number): Part {
  const vertices: number[] = []
  for (const latitude of [-70, -42, -14, 14, 42, 70]) {
    const up = (latitude * Math.PI) / 180
    for (let i = 0; i < 10; i++) {
      const around = (2 * Math.PI * i) / 10
      const [x, y] = [Math.cos(up) * Math.cos(around), Math.cos(up) * Math.sin(around)]
      vertices.push(radius * x, radius * y, radius * Math.sin(up))
    }
  }
  return { shape: { kind: 'hull', vertices: Float32Array.from(vertices) }, color: 0, visible: false }
}

function ball(name: string, radius: number, color: number, top: readonly Part[]): ObjectSpec {
  return thing({
    name,
    parts: [
      flattened(radius),
      { shape: { kind: 'sphere', radius }, color, texture: 'speckle', collides: false },
      ...top,
    ],
    box: [2 * radius, 2 * radius, 2 * radius],
    density: 200,
  })
}

export const orange = ball('orange', 0.035, 0xe88a1f, [ring(0.006, 0.033, 0.0352, 0x6f7f2f)])
export const apple = ball('apple', 0.04, 0xc23b2a, [ring(0.0025, 0.036, 0.05, 0x5a4026)])

export const sponge = thing(
  {
    name: 'sponge',
    parts: [
      { shape: { kind: 'box', halfExtents: [0.035, 0.05, 0.018] }, color: 0xe6cf3f, texture: 'speckle' },
      {
        shape: { kind: 'box', halfExtents: [0.035, 0.05, 0.004] },
        pose: { position: [0, 0, 0.0142], rotation: [0, 0, 0, 1] },
        color: 0x3d8f55,
        collides: false,
      },
    ],
    box: [0.07, 0.1, 0.036],
    density: 150,
  },
  Math.PI,
)
