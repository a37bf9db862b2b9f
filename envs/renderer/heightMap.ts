import { mapSize, type Plane, raiseHeights, type Shader } from './fills.js'
import type { Node } from './sceneGraph.js'
import { Spans } from './spans.js'
import { createPolygon, type Projected, type View } from './view.js'

/** How far a caster must be above a face to shade it, m. */
export const shadowBias = 5e-4

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
  readonly #faceBounds = new Float64Array(6)
  /** Per body: in the picture, and another may shade it. */
  #shaded = new Uint8Array(0)
  /** Per body and part: it may shade a face in the picture. */
  #casts: Uint8Array[] = []

  /** Finds the faces in the picture that may be in shadow (Projected.receives), and maps what is above them. */
  draw(nodes: readonly Node[], projected: readonly Projected[], moves: (node: Node) => boolean): void {
    if (this.#shaded.length !== nodes.length) {
      this.#shaded = new Uint8Array(nodes.length)
      this.#casts = nodes.map(() => new Uint8Array(0))
    }
    if (!this.#frame(nodes, projected, moves)) return
    for (let i = 0; i < nodes.length; i++) {
      const { partCount } = nodes[i].solid
      if (this.#casts[i].length < partCount) this.#casts[i] = new Uint8Array(partCount)
      this.#casts[i].fill(0)
    }
    let any = false
    for (let i = 0; i < nodes.length; i++)
      if (this.#shaded[i] === 1 && this.#findCasters(i, nodes, projected, moves)) any = true
    if (!any) return
    this.heights.fill(-Infinity)
    for (let i = 0; i < nodes.length; i++)
      if (this.#casts[i].includes(1)) this.#raise(nodes[i], projected[i], this.#casts[i])
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

  /** Lays the map over the bodies in the picture that others may shade; false: there are none. */
  #frame(nodes: readonly Node[], projected: readonly Projected[], moves: (node: Node) => boolean): boolean {
    let xMin = Infinity
    let yMin = Infinity
    let xMax = -Infinity
    let yMax = -Infinity
    for (let i = 0; i < nodes.length; i++) {
      this.#shaded[i] = 0
      projected[i].receives.fill(0)
      if (!moves(nodes[i]) || !projected[i].onScreen) continue
      const { bounds } = projected[i]
      let shaded = nodes[i].solid.partCount > 1
      for (let j = 0; j < nodes.length && !shaded; j++)
        shaded = j !== i && moves(nodes[j]) && above(bounds, projected[j].bounds)
      if (!shaded) continue
      this.#shaded[i] = 1
      xMin = Math.min(xMin, bounds[0])
      yMin = Math.min(yMin, bounds[1])
      xMax = Math.max(xMax, bounds[3])
      yMax = Math.max(yMax, bounds[4])
    }
    if (!(xMax > xMin && yMax > yMin)) return false
    this.scale = mapSize / Math.max(xMax - xMin, yMax - yMin)
    this.#left = xMin
    this.#top = yMax
    return true
  }

  /** Marks the faces of a body that look up and at the eye and have a part above them, and those parts. */
  #findCasters(
    index: number,
    nodes: readonly Node[],
    projected: readonly Projected[],
    moves: (node: Node) => boolean,
  ): boolean {
    const { solid } = nodes[index]
    const { normals, facing, receives } = projected[index]
    let any = false
    for (let face = 0; face < solid.faceCount; face++) {
      if (normals[3 * face + 2] <= 0 || facing[face] >= 0) continue
      const bounds = this.#boundsOf(nodes[index], projected[index], face)
      for (let j = 0; j < nodes.length; j++) {
        if (!moves(nodes[j]) || !above(bounds, projected[j].bounds)) continue
        const { partCount } = nodes[j].solid
        for (let part = 0; part < partCount; part++) {
          if (j === index && part === solid.facePart[face]) continue
          if (!aboveFace(bounds, nodes[index], projected[index], face, nodes[j], projected[j], part)) continue
          receives[face] = 1
          this.#casts[j][part] = 1
          any = true
        }
      }
    }
    return any
  }

  /** World bounds of a face, a texel wider sideways: a caster's shadow ends at a texel's border. */
  #boundsOf({ solid }: Node, { world }: Projected, face: number): Float64Array {
    const bounds = this.#faceBounds
    bounds.fill(Infinity, 0, 3).fill(-Infinity, 3)
    for (let i = solid.starts[face]; i < solid.starts[face + 1]; i++) {
      const corner = 3 * solid.corners[i]
      for (let k = 0; k < 3; k++) {
        const x = world[corner + k]
        if (x < bounds[k]) bounds[k] = x
        if (x > bounds[3 + k]) bounds[3 + k] = x
      }
    }
    const texel = 1 / this.scale
    for (let k = 0; k < 2; k++) {
      bounds[k] -= texel
      bounds[3 + k] += texel
    }
    return bounds
  }

  /** Raises the map to the upward faces of the parts of a body that cast. */
  #raise({ solid }: Node, { normals, world }: Projected, casts: Uint8Array): void {
    const { starts, corners, facePart, faceCount } = solid
    const { scale } = this
    const { u, v } = this.#polygon
    const plane = this.#plane
    for (let face = 0; face < faceCount; face++) {
      const nz = normals[3 * face + 2]
      if (nz <= 1e-6 || casts[facePart[face]] === 0) continue
      const first = starts[face]
      const count = starts[face + 1] - first
      for (let i = 0; i < count; i++) {
        const corner = 3 * corners[first + i]
        u[i] = (world[corner] - this.#left) * scale
        v[i] = (this.#top - world[corner + 1]) * scale
      }
      if (!this.#spans.trace(u, v, count)) continue
      plane.perU = -normals[3 * face] / (nz * scale)
      plane.perV = normals[3 * face + 1] / (nz * scale)
      plane.constant = world[3 * corners[first] + 2] - plane.perU * u[0] - plane.perV * v[0]
      raiseHeights(this.heights, this.#spans, plane)
    }
  }
}

/** Whether a part has a point above the plane of a face, over the bounds of that face. */
function aboveFace(
  bounds: Float64Array,
  { solid }: Node,
  { normals, world }: Projected,
  face: number,
  { solid: other }: Node,
  { world: points, partBounds }: Projected,
  part: number,
): boolean {
  const i = 6 * part
  if (
    partBounds[i + 5] <= bounds[2] ||
    partBounds[i] >= bounds[3] ||
    partBounds[i + 3] <= bounds[0] ||
    partBounds[i + 1] >= bounds[4] ||
    partBounds[i + 4] <= bounds[1]
  )
    return false
  const nx = normals[3 * face]
  const ny = normals[3 * face + 1]
  const nz = normals[3 * face + 2]
  const corner = 3 * solid.corners[solid.starts[face]]
  const offset = nx * world[corner] + ny * world[corner + 1] + nz * (world[corner + 2] + shadowBias)
  for (let j = 3 * other.partVertices[part]; j < 3 * other.partVertices[part + 1]; j += 3)
    if (nx * points[j] + ny * points[j + 1] + nz * points[j + 2] > offset) return true
  return false
}
