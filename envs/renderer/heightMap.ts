import { mapSize, type Plane, raiseHeights, type Shader } from './fills.js'
import type { Node } from './sceneGraph.js'
import { Spans } from './spans.js'
import { createPolygon, type Projected, type View } from './view.js'

/** Whether body b may throw a shadow on body a: it is partly above, in bounds. */
function above(a: Float64Array, b: Float64Array): boolean {
  return b[5] > a[2] && b[0] < a[3] && b[3] > a[0] && b[1] < a[4] && b[4] > a[1]
}

/**
 * Highest point of the moving bodies over a square of the world, seen from above: shadows of a light straight down.
 * Texel (column, row) covers x from left + column / scale, y from top - row / scale downwards.
 */
export class HeightMap {
  readonly heights = new Float32Array(mapSize * mapSize)
  /** Texels per metre. */
  scale = 1
  #left = 0
  #top = 0
  readonly #spans = new Spans(mapSize, mapSize)
  readonly #polygon = createPolygon()
  readonly #plane: Plane = { constant: 0, perU: 0, perV: 0 }
  /** Per body: may have shadow on it. */
  shaded = new Uint8Array(0)

  /** Finds the bodies in the picture that another may shade, and maps what is above them. */
  draw(nodes: readonly Node[], projected: readonly Projected[], moves: (node: Node) => boolean): void {
    if (this.shaded.length < nodes.length) this.shaded = new Uint8Array(nodes.length)
    let xMin = Infinity
    let yMin = Infinity
    let xMax = -Infinity
    let yMax = -Infinity
    for (let i = 0; i < nodes.length; i++) {
      this.shaded[i] = 0
      if (!moves(nodes[i]) || !projected[i].onScreen) continue
      const { bounds } = projected[i]
      let shaded = !nodes[i].solid.convex
      for (let j = 0; j < nodes.length && !shaded; j++)
        shaded = j !== i && moves(nodes[j]) && above(bounds, projected[j].bounds)
      if (!shaded) continue
      this.shaded[i] = 1
      xMin = Math.min(xMin, bounds[0])
      yMin = Math.min(yMin, bounds[1])
      xMax = Math.max(xMax, bounds[3])
      yMax = Math.max(yMax, bounds[4])
    }
    if (!(xMax > xMin && yMax > yMin)) return
    this.scale = mapSize / Math.max(xMax - xMin, yMax - yMin)
    this.#left = xMin
    this.#top = yMax
    this.heights.fill(-Infinity)
    for (let i = 0; i < nodes.length; i++) {
      if (!moves(nodes[i])) continue
      const { bounds } = projected[i]
      if (bounds[3] > xMin && bounds[0] < xMax && bounds[4] > yMin && bounds[1] < yMax)
        this.#raise(nodes[i], projected[i])
    }
  }

  /** Puts eye and pixel rays in the frame of the map. */
  aim({ eye, ray }: View, { mapOrigin, mapRay }: Shader): void {
    const { scale } = this
    mapOrigin[0] = (eye[0] - this.#left) * scale
    mapOrigin[1] = (this.#top - eye[1]) * scale
    mapOrigin[2] = eye[2]
    for (let i = 0; i < 3; i++) {
      mapRay[i] = ray[i] * scale
      mapRay[3 + i] = -ray[3 + i] * scale
      mapRay[6 + i] = ray[6 + i]
    }
  }

  #raise({ solid }: Node, { rotation: m, world }: Projected): void {
    const { starts, corners, normals, faceCount } = solid
    const { scale } = this
    const { u, v } = this.#polygon
    const plane = this.#plane
    for (let face = 0; face < faceCount; face++) {
      const a = normals[3 * face]
      const b = normals[3 * face + 1]
      const c = normals[3 * face + 2]
      const nz = m[6] * a + m[7] * b + m[8] * c
      if (nz <= 1e-6) continue
      const nx = m[0] * a + m[1] * b + m[2] * c
      const ny = m[3] * a + m[4] * b + m[5] * c
      const first = starts[face]
      const count = starts[face + 1] - first
      for (let i = 0; i < count; i++) {
        const corner = 3 * corners[first + i]
        u[i] = (world[corner] - this.#left) * scale
        v[i] = (this.#top - world[corner + 1]) * scale
      }
      if (!this.#spans.trace(u, v, count)) continue
      plane.perU = -nx / (nz * scale)
      plane.perV = ny / (nz * scale)
      plane.constant = world[3 * corners[first] + 2] - plane.perU * u[0] - plane.perV * v[0]
      raiseHeights(this.heights, this.#spans, plane)
    }
  }
}
