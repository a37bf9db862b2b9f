import { copySpans, type Frame } from './fills.js'
import type { Node } from './sceneGraph.js'
import { maxCorners } from './solid.js'
import type { Spans } from './spans.js'
import { createPolygon, type Projected, projectClipped, projectShadow, type View } from './view.js'

/** Height of the largest horizontal upward face of the fixed bodies. */
export function groundHeight(nodes: readonly Node[], projected: readonly Projected[]): number | null {
  let largest = 0
  let ground: number | null = null
  for (let n = 0; n < nodes.length; n++) {
    if (!nodes[n].fixed || !nodes[n].group.visible) continue
    const { starts, corners, normals, faceCount } = nodes[n].solid
    const { rotation: m, world } = projected[n]
    for (let face = 0; face < faceCount; face++) {
      const nz = m[6] * normals[3 * face] + m[7] * normals[3 * face + 1] + m[8] * normals[3 * face + 2]
      if (nz < 0.999) continue
      let area = 0
      for (let i = starts[face]; i < starts[face + 1]; i++) {
        const p = 3 * corners[i]
        const q = 3 * corners[i + 1 < starts[face + 1] ? i + 1 : starts[face]]
        area += (world[p] * world[q + 1] - world[q] * world[p + 1]) / 2
      }
      if (area > largest) {
        largest = area
        ground = world[3 * corners[starts[face]] + 2]
      }
    }
  }
  return ground
}

const polygon = createPolygon()
const points = new Float64Array(3 * maxCorners)

/**
 * Stamps the shadow of a body on the ground plane: the union of its upward faces, projected straight down, takes the
 * colours of `dark`.
 */
export function castOnGround(
  node: Node,
  projected: Projected,
  view: View,
  ground: number,
  dark: Uint32Array,
  frame: Frame,
  spans: Spans,
): void {
  if (projected.bounds[5] <= ground + 1e-6) return
  projectShadow(node, view, ground, frame.width, frame.height, projected)
  const { rotation: m, world, shadowU, shadowV, shadowNear, shadowOnScreen } = projected
  if (!shadowOnScreen) return
  const { starts, corners, normals, faceCount } = node.solid
  const m6 = m[6]
  const m7 = m[7]
  const m8 = m[8]
  for (let face = 0; face < faceCount; face++) {
    const nz = m6 * normals[3 * face] + m7 * normals[3 * face + 1] + m8 * normals[3 * face + 2]
    if (nz <= 1e-6) continue
    const first = starts[face]
    const count = starts[face + 1] - first
    let below = 0
    for (let i = 0; i < count; i++) {
      const corner = corners[first + i]
      if (world[3 * corner + 2] <= ground + 1e-6) below++
      polygon.u[i] = shadowU[corner]
      polygon.v[i] = shadowV[corner]
    }
    if (below === count) continue
    polygon.count = count
    if (shadowNear) {
      for (let i = 0; i < count; i++) {
        points[3 * i] = world[3 * corners[first + i]]
        points[3 * i + 1] = world[3 * corners[first + i] + 1]
        points[3 * i + 2] = ground
      }
      projectClipped(points, count, view, polygon)
      if (polygon.count < 3) continue
    }
    if (spans.trace(polygon.u, polygon.v, polygon.count)) copySpans(frame, spans, dark)
  }
}
