import type { ObjectSpec } from '../scenes/objectSpec.js'
import type { Spot } from './task.js'

/** A thing seen from above: a box around its origin, m. */
export interface Footing {
  readonly spot: Spot
  readonly x: number
  readonly y: number
}

/** The box of an object, with room around it. */
export function footing({ box }: ObjectSpec, spot: Spot, room = 0): Footing {
  return { spot, x: box[0] + 2 * room, y: box[1] + 2 * room }
}

/** Half extents of the turned box along the axes of a frame at `yaw`. */
export function halfExtents({ spot, x, y }: Footing, yaw = 0): [number, number] {
  const [c, s] = [Math.abs(Math.cos(spot.yaw - yaw)), Math.abs(Math.sin(spot.yaw - yaw))]
  return [(c * x + s * y) / 2, (s * x + c * y) / 2]
}

/** Whether boxes overlap: no side of either separates them. */
export function overlaps(a: Footing, b: Footing): boolean {
  const [dx, dy] = [b.spot.x - a.spot.x, b.spot.y - a.spot.y]
  for (const yaw of [a.spot.yaw, a.spot.yaw + Math.PI / 2, b.spot.yaw, b.spot.yaw + Math.PI / 2]) {
    const between = Math.abs(Math.cos(yaw) * dx + Math.sin(yaw) * dy)
    if (between >= halfExtents(a, yaw)[0] + halfExtents(b, yaw)[0]) return false
  }
  return true
}
