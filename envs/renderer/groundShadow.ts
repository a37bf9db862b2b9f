import { darkenGround, type Ground } from './fills.js'
import type { DirtyRows, Frame } from './frame.js'
import type { Node } from './sceneGraph.js'
import { maxCorners, type Solid } from './solid.js'
import type { Spans } from './spans.js'
import { createPolygon, type Projected, projectClipped, projectShadow, type View } from './view.js'

/** A face whose normal has at least this z is horizontal. */
export const horizontal = 0.999

/** A plane's number + 1 is kept in a byte. */
const maxPlanes = 255

/** Horizontal upward faces of the fixed bodies at one height. */
export interface GroundPlane {
  /** m. */
  readonly height: number
  /** Rectangle around the faces: minimum x, y, maximum x, y, m. */
  readonly bounds: Float64Array
}

/** Index of the plane that an upward face at a height belongs to; -1: none. */
export function planeAt(planes: readonly GroundPlane[], height: number): number {
  return planes.findIndex((plane) => Math.abs(plane.height - height) < 1e-6)
}

/** The planes that receive exact shadows. */
export function groundPlanes(nodes: readonly Node[], projected: readonly Projected[]): GroundPlane[] {
  const planes: GroundPlane[] = []
  for (let n = 0; n < nodes.length; n++) {
    if (!nodes[n].fixed || !nodes[n].group.visible) continue
    const { starts, corners, faceCount } = nodes[n].solid
    const { normals, world } = projected[n]
    for (let face = 0; face < faceCount; face++) {
      if (normals[3 * face + 2] < horizontal) continue
      const height = world[3 * corners[starts[face]] + 2]
      const known = planeAt(planes, height)
      if (known < 0)
        planes.push({ height, bounds: Float64Array.of(Infinity, Infinity, -Infinity, -Infinity) })
      const { bounds } = planes[known < 0 ? planes.length - 1 : known]
      for (let i = starts[face]; i < starts[face + 1]; i++) {
        const [x, y] = [world[3 * corners[i]], world[3 * corners[i] + 1]]
        bounds[0] = Math.min(bounds[0], x)
        bounds[1] = Math.min(bounds[1], y)
        bounds[2] = Math.max(bounds[2], x)
        bounds[3] = Math.max(bounds[3], y)
      }
    }
  }
  return planes.slice(0, maxPlanes)
}

const polygon = createPolygon()
const points = new Float64Array(3 * maxCorners)

/** Puts a ground plane in shadow where the upward faces of a body, projected straight down on it, cover it. */
export function castOnGround(
  node: Node,
  projected: Projected,
  view: View,
  { height, bounds }: GroundPlane,
  index: number,
  ground: Ground,
  frame: Frame,
  dirty: DirtyRows,
  spans: Spans,
): void {
  const floor = height + 1e-6
  const b = projected.bounds
  if (b[5] <= floor || b[0] >= bounds[2] || b[1] >= bounds[3] || b[3] <= bounds[0] || b[4] <= bounds[1])
    return
  projectShadow(node, view, height, frame.width, frame.height, projected)
  if (!projected.shadowOnScreen) return
  markCasters(node.solid, projected, floor)
  if (projected.shadowNear) {
    castFaces(node, projected, view, height, index, ground, frame, dirty, spans)
    return
  }
  const { partCount } = node.solid
  for (let part = 0; part < partCount; part++) {
    if (projected.partBounds[6 * part + 5] <= floor) continue
    if (!traceOutline(node, part, projected, spans)) continue
    dirty.add(spans)
    darkenGround(frame, spans, ground, index + 1)
  }
}

/** Marks the faces that look up and are not wholly below the ground. */
function markCasters({ starts, corners, faceCount }: Solid, projected: Projected, floor: number): void {
  const { normals, world, casts } = projected
  for (let face = 0; face < faceCount; face++) {
    casts[face] = 0
    if (normals[3 * face + 2] <= 1e-6) continue
    for (let i = starts[face]; i < starts[face + 1] && casts[face] === 0; i++)
      if (world[3 * corners[i] + 2] > floor) casts[face] = 1
  }
}

/** Outline of a convex part seen from above: the edges between a face that casts and one that does not. */
function traceOutline({ solid }: Node, part: number, projected: Projected, spans: Spans): boolean {
  const { edges, partEdges } = solid
  const { shadowU: u, shadowV: v, casts } = projected
  spans.begin()
  for (let i = 4 * partEdges[part]; i < 4 * partEdges[part + 1]; i += 4) {
    if (casts[edges[i + 2]] === 0 || casts[edges[i + 3]] === 1) continue
    const from = edges[i]
    const to = edges[i + 1]
    spans.edge(u[from], v[from], u[to], v[to])
  }
  return spans.top < spans.bottom
}

/** As castOnGround, face by face, cut at the near plane. */
function castFaces(
  { solid }: Node,
  projected: Projected,
  view: View,
  height: number,
  index: number,
  ground: Ground,
  frame: Frame,
  dirty: DirtyRows,
  spans: Spans,
): void {
  const { starts, corners, faceCount } = solid
  const { world, casts } = projected
  for (let face = 0; face < faceCount; face++) {
    if (casts[face] === 0) continue
    const first = starts[face]
    const count = starts[face + 1] - first
    for (let i = 0; i < count; i++) {
      points[3 * i] = world[3 * corners[first + i]]
      points[3 * i + 1] = world[3 * corners[first + i] + 1]
      points[3 * i + 2] = height
    }
    projectClipped(points, count, view, polygon)
    if (polygon.count < 3 || !spans.trace(polygon.u, polygon.v, polygon.count)) continue
    dirty.add(spans)
    darkenGround(frame, spans, ground, index + 1)
  }
}
