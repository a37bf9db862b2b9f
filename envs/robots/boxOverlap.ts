import type { Numbers } from '../math/vec3.js'
import type { ToolBoxes } from './toolBoxes.js'

/** Edges closer to parallel than this have no axis of their own: sine of the angle, squared. */
const PARALLEL = 1e-4
/** By how much an axis of two edges must be the better one, m: faces touch more steadily. */
const EDGE_BIAS = 1e-5

/** How deep a box of the tool is in a wall, by the separating axis theorem: the least way out. */
export class BoxOverlap {
  /** m; 0 if they are apart, or not deeper than asked for. */
  depth = 0
  /** Direction of the way out for the tool. */
  readonly normal = new Float64Array(3)
  /** About where they overlap. */
  readonly point = new Float64Array(3)
  private readonly tool: ToolBoxes
  /** Centre and half extents, [walls, 6], in the frame that the tool is placed in. */
  private readonly walls: Numbers

  constructor(tool: ToolBoxes, walls: Numbers) {
    this.tool = tool
    this.walls = walls
  }

  /** Sets depth and normal; an overlap of at most `least` counts as none. Indices of a tool's box and a wall. */
  measure(box: number, wall: number, least: number): number {
    const { normal, walls } = this
    const { centers, extents, rotation: r } = this.tool
    const [b, w] = [3 * box, 6 * wall]
    this.depth = Number.POSITIVE_INFINITY
    for (let k = 0; k < 3; k++) {
      const d = centers[b + k] - walls[w + k]
      const depth = walls[w + 3 + k] + extents[b + k] - Math.abs(d)
      if (depth <= least) return this.none()
      if (depth < this.depth) {
        this.depth = depth
        normal[0] = normal[1] = normal[2] = 0
        normal[k] = d < 0 ? -1 : 1
      }
    }
    for (let j = 0; j < 3; j++) {
      if (this.along(b, w, r[j], r[3 + j], r[6 + j], 0) <= least) return this.none()
    }
    for (let j = 0; j < 3; j++) {
      const [x, y, z] = [r[j], r[3 + j], r[6 + j]]
      if (this.along(b, w, 0, -z, y, EDGE_BIAS) <= least) return this.none()
      if (this.along(b, w, z, 0, -x, EDGE_BIAS) <= least) return this.none()
      if (this.along(b, w, -y, x, 0, EDGE_BIAS) <= least) return this.none()
    }
    return this.depth
  }

  /** Sets the point, in the tool's box and within a centimetre of the wall, by projections on one and the other in turn. */
  locate(box: number, wall: number): void {
    const { point: p, walls } = this
    const { centers: c, halves, rotation: r } = this.tool
    const [b, w] = [3 * box, 6 * wall]
    for (let k = 0; k < 3; k++) p[k] = c[b + k]
    for (let round = 0; round < 8; round++) {
      for (let k = 0; k < 3; k++) p[k] = walls[w + k] + clamp(p[k] - walls[w + k], walls[w + 3 + k])
      const [dx, dy, dz] = [p[0] - c[b], p[1] - c[b + 1], p[2] - c[b + 2]]
      for (let k = 0; k < 3; k++) p[k] = c[b + k]
      for (let j = 0; j < 3; j++) {
        const along = clamp(r[j] * dx + r[3 + j] * dy + r[6 + j] * dz, halves[b + j])
        for (let k = 0; k < 3; k++) p[k] += r[3 * k + j] * along
      }
    }
  }

  /** Overlap along an axis of any length; keeps it if it is less than what is known by more than `bias`. */
  private along(b: number, w: number, ax: number, ay: number, az: number, bias: number): number {
    const square = ax * ax + ay * ay + az * az
    if (square < PARALLEL) return Number.POSITIVE_INFINITY
    const scale = 1 / Math.sqrt(square)
    const [x, y, z] = [ax * scale, ay * scale, az * scale]
    const { walls, normal } = this
    const { centers, halves, rotation: r } = this.tool
    const d =
      (centers[b] - walls[w]) * x + (centers[b + 1] - walls[w + 1]) * y + (centers[b + 2] - walls[w + 2]) * z
    let depth =
      walls[w + 3] * Math.abs(x) + walls[w + 4] * Math.abs(y) + walls[w + 5] * Math.abs(z) - Math.abs(d)
    for (let j = 0; j < 3; j++) depth += halves[b + j] * Math.abs(r[j] * x + r[3 + j] * y + r[6 + j] * z)
    if (depth < this.depth - bias) {
      const sign = d < 0 ? -1 : 1
      this.depth = depth
      normal[0] = sign * x
      normal[1] = sign * y
      normal[2] = sign * z
    }
    return depth
  }

  private none(): number {
    this.depth = 0
    return 0
  }
}

function clamp(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value))
}
