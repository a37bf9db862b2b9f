import { Quaternion, Vector3 } from 'three'
import { type PinholeParameters, projectPoint } from '../../../envs/cameras/index.js'
import type { Quat, Vec3 } from '../../../envs/geometry.js'

/** Eye and ray direction (unit optical depth) through the centre of a pixel. */
export function pixelRay(
  camera: PinholeParameters,
  column: number,
  row: number,
): { eye: Vector3; ray: Vector3 } {
  const x = (column + 0.5 - camera.cx) / camera.fx
  const y = (row + 0.5 - camera.cy) / camera.fy
  const ray = new Vector3(x, y, 1).applyQuaternion(new Quaternion(...camera.rotation))
  return { eye: new Vector3(...camera.position), ray }
}

/**
 * Where a ray enters a box, in multiples of `ray`, by the slab method; Infinity: it misses. `margin` is by how much
 * (m) the ray clears or cuts the box's edge at least: a small one means that a rounding could decide.
 */
export function enterBox(
  eye: Vector3,
  ray: Vector3,
  halfExtents: Vec3,
  position: Vec3,
  rotation: Quat,
): { depth: number; margin: number } {
  const inverse = new Quaternion(...rotation).conjugate()
  const o = eye
    .clone()
    .sub(new Vector3(...position))
    .applyQuaternion(inverse)
    .toArray()
  const d = ray.clone().applyQuaternion(inverse).toArray()
  let enter = -Infinity
  let leave = Infinity
  for (let i = 0; i < 3; i++) {
    const a = (-halfExtents[i] - o[i]) / d[i]
    const b = (halfExtents[i] - o[i]) / d[i]
    enter = Math.max(enter, Math.min(a, b))
    leave = Math.min(leave, Math.max(a, b))
  }
  return { depth: enter < leave && leave > 0 ? enter : Infinity, margin: Math.abs(leave - enter) }
}

/**
 * How far inside (positive, pixels) the outline of a convex set of world points the centre of a pixel lies; all
 * points must be in front of the camera.
 */
export function outline(
  camera: PinholeParameters,
  points: readonly Vec3[],
): (column: number, row: number) => number {
  const projected = points
    .map((p) => projectPoint(camera, p))
    .map(({ u, v }) => [u, v] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const chain = (sorted: typeof projected) => {
    const kept: (readonly [number, number])[] = []
    for (const p of sorted) {
      while (kept.length > 1 && side(kept[kept.length - 2], kept[kept.length - 1], p[0], p[1]) <= 0)
        kept.pop()
      kept.push(p)
    }
    return kept.slice(0, -1)
  }
  const hull = [...chain(projected), ...chain([...projected].reverse())]
  return (column, row) =>
    Math.min(
      ...hull.map((a, i) => {
        const b = hull[(i + 1) % hull.length]
        return side(a, b, column + 0.5, row + 0.5) / Math.hypot(b[0] - a[0], b[1] - a[1])
      }),
    )
}

function side(a: readonly [number, number], b: readonly [number, number], x: number, y: number): number {
  return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
}
