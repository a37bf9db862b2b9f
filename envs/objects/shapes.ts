import type { Part, Quat, Texture, Vec3 } from '../geometry.js'

/** A cross-section at x, m: half width, lowest and highest z. */
export type Section = readonly [x: number, half: number, low: number, high: number]

/** Outline of a cross-section: share of the half width at a share of the height. */
const OUTLINE = [
  [0.72, 0.13],
  [1, 0.42],
  [1, 0.58],
  [0.72, 0.87],
  [0.28, 1],
] as const
/** Width of the flat that it lies on, as a share. */
const FOOT = 0.45
/** How far other undersides stay above it, as a share of the height. */
const RAISED = 0.03

/**
 * A rounded body along x, flat enough below to lie still: only the undersides of sections in `flat` are corners of the
 * flat, four in all, as Rapier's contacts have.
 */
export function roundHull(sections: readonly Section[], flat: readonly [number, number]): Float32Array {
  const vertices: number[] = []
  for (const [index, [x, half, low, high]] of sections.entries()) {
    const foot = flat.includes(index) ? 0 : RAISED
    for (const [width, height] of [[FOOT, foot], ...OUTLINE]) {
      const z = low + height * (high - low)
      vertices.push(x, width * half, z, x, -width * half, z)
    }
  }
  return Float32Array.from(vertices)
}

/** An egg-like body of a length, width and height, underside at z = 0. `point` 0: blunt ends ... 1: pointed. */
export function eggHull(length: number, width: number, height: number, point = 0): Float32Array {
  const [x, half] = [length / 2, width / 2]
  const end = 0.55 - 0.4 * point
  const shoulder = 0.92 - 0.12 * point
  const sections: Section[] = [
    [-x, end * half, 0.3 * height, 0.7 * height],
    [-0.6 * x, shoulder * half, 0, 0.94 * height],
    [0, half, 0, height],
    [0.6 * x, shoulder * half, 0, 0.94 * height],
    [x, end * half, 0.3 * height, 0.7 * height],
  ]
  return roundHull(sections, [1, 3])
}

const UPRIGHT: Quat = [0, 0, 0, 1]

/** A box by its middle and full extents. */
export function box(
  position: Vec3,
  extents: Vec3,
  color: number,
  more: { readonly texture?: Texture; readonly collides?: boolean; readonly yaw?: number } = {},
): Part {
  const { yaw = 0, ...rest } = more
  const [x, y, z] = extents
  const rotation: Quat = yaw === 0 ? UPRIGHT : [0, 0, Math.sin(yaw / 2), Math.cos(yaw / 2)]
  return {
    shape: { kind: 'box', halfExtents: [x / 2, y / 2, z / 2] },
    pose: { position, rotation },
    color,
    ...rest,
  }
}

/** Half extents of everything that collides, and its middle, for shapes made of the parts above. */
export function boundsOf(parts: readonly Part[]): { low: Vec3; high: Vec3 } {
  const low: [number, number, number] = [Infinity, Infinity, Infinity]
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity]
  const add = (point: Vec3) => {
    for (let k = 0; k < 3; k++) {
      low[k] = Math.min(low[k], point[k])
      high[k] = Math.max(high[k], point[k])
    }
  }
  for (const { shape, pose, collides } of parts) {
    if (collides === false) continue
    const [px, py, pz] = pose?.position ?? [0, 0, 0]
    const [, , z, w] = pose?.rotation ?? UPRIGHT
    const [c, s] = [w * w - z * z, 2 * z * w]
    const around = (x: number, y: number, height: number) =>
      add([px + c * x - s * y, py + s * x + c * y, pz + height])
    if (shape.kind === 'hull') {
      for (let i = 0; i < shape.vertices.length; i += 3)
        around(shape.vertices[i], shape.vertices[i + 1], shape.vertices[i + 2])
      continue
    }
    const [x, y, height] =
      shape.kind === 'box'
        ? shape.halfExtents
        : shape.kind === 'cylinder'
          ? [shape.radius, shape.radius, shape.halfHeight]
          : [shape.radius, shape.radius, shape.radius]
    for (const i of [-1, 1])
      for (const j of [-1, 1]) for (const k of [-1, 1]) around(i * x, j * y, k * height)
  }
  return { low, high }
}
