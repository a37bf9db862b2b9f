import type { PinholeParameters } from '../cameras/index.js'
import { rotationMatrix } from '../math/quat.js'
import type { Node } from './sceneGraph.js'
import { maxCorners, type Solid } from './solid.js'

/** A camera ready for arithmetic: a world point P has view coordinates R (P - eye), x right, y down, z forward. */
export interface View {
  readonly fx: number
  readonly fy: number
  readonly cx: number
  readonly cy: number
  readonly near: number
  readonly eye: Float64Array
  /** World to view, row-major 3x3. */
  readonly rotation: Float64Array
  /** Ray of pixel (u, v) with unit view depth: component i is ray[3i] + ray[3i + 1] u + ray[3i + 2] v. */
  readonly ray: Float64Array
}

/** View of a camera whose pixels are divided into `scale` x `scale` samples. */
export function createView(camera: PinholeParameters, scale: number): View {
  const toWorld = new Float64Array(9)
  rotationMatrix(toWorld, ...camera.rotation)
  const [fx, fy] = [camera.fx * scale, camera.fy * scale]
  const [cx, cy] = [camera.cx * scale, camera.cy * scale]
  const rotation = new Float64Array(9)
  const ray = new Float64Array(9)
  for (let i = 0; i < 3; i++) {
    const [right, down, forward] = toWorld.subarray(3 * i, 3 * i + 3)
    rotation[i] = right
    rotation[3 + i] = down
    rotation[6 + i] = forward
    ray[3 * i] = forward - (right * cx) / fx - (down * cy) / fy
    ray[3 * i + 1] = right / fx
    ray[3 * i + 2] = down / fy
  }
  return { fx, fy, cx, cy, near: camera.near, eye: Float64Array.from(camera.position), rotation, ray }
}

/** Vertices and faces of one body for one frame; arrays are reused. */
export interface Projected {
  /** Body to world, row-major 3x3. */
  readonly rotation: Float64Array
  /** World normal of each face. */
  readonly normals: Float64Array
  /** Per face n.(corner - eye): negative where it looks at the eye. */
  readonly facing: Float64Array
  /** Per face: another part may throw its shadow on it. Set by HeightMap. */
  readonly receives: Uint8Array
  /** Per face: it throws a shadow on the ground. Set by castOnGround. */
  readonly casts: Uint8Array
  /** World points, xyz. */
  readonly world: Float64Array
  /** Samples, and depth along the optical axis; only meaningful where depth > 0. */
  readonly u: Float64Array
  readonly v: Float64Array
  readonly depth: Float64Array
  /** The same for the shadow of each vertex on the ground plane. */
  readonly shadowU: Float64Array
  readonly shadowV: Float64Array
  /** Part of the shadow may be in the picture; and some of it is behind the near plane. */
  shadowOnScreen: boolean
  shadowNear: boolean
  /** Part of the body may be in the picture. */
  onScreen: boolean
  /** No vertex is behind the near plane. */
  inFront: boolean
  /** Least u, v and depth, then the greatest; u and v only mean something if inFront. */
  readonly screen: Float64Array
  /** Bounds of the world points: minimum x, y, z, maximum x, y, z; and those of each part. */
  readonly bounds: Float64Array
  readonly partBounds: Float64Array
}

export function createProjected({ vertexCount, faceCount, partCount }: Solid): Projected {
  const array = () => new Float64Array(vertexCount)
  return {
    rotation: new Float64Array(9),
    normals: new Float64Array(3 * faceCount),
    facing: new Float64Array(faceCount),
    receives: new Uint8Array(faceCount),
    casts: new Uint8Array(faceCount),
    world: new Float64Array(3 * vertexCount),
    u: array(),
    v: array(),
    depth: array(),
    shadowU: array(),
    shadowV: array(),
    shadowOnScreen: false,
    shadowNear: false,
    onScreen: false,
    inFront: false,
    screen: new Float64Array(6),
    bounds: new Float64Array(6),
    partBounds: new Float64Array(6 * partCount),
  }
}

/** Places and projects the vertices and faces of a body. */
export function projectNode(node: Node, view: View, width: number, height: number, out: Projected): void {
  const { x, y, z, w } = node.group.quaternion
  rotationMatrix(out.rotation, x, y, z, w)
  const { bounds, partBounds, screen } = out
  bounds.fill(Infinity, 0, 3).fill(-Infinity, 3)
  screen.fill(Infinity, 0, 3).fill(-Infinity, 3)
  const { partCount } = node.solid
  for (let part = 0; part < partCount; part++) {
    projectPart(node, part, view, out)
    for (let i = 0; i < 3; i++) {
      bounds[i] = Math.min(bounds[i], partBounds[6 * part + i])
      bounds[3 + i] = Math.max(bounds[3 + i], partBounds[6 * part + 3 + i])
    }
  }
  const [uMin, vMin, nearest, uMax, vMax, farthest] = screen
  out.inFront = nearest >= view.near
  out.onScreen =
    farthest > view.near && (!out.inFront || (uMax > 0 && uMin < width && vMax > 0 && vMin < height))
  turnFaces(node, view, out)
}

/** Places and projects the vertices of a part; widens `screen`. */
function projectPart(node: Node, part: number, view: View, out: Projected): void {
  const { x: tx, y: ty, z: tz } = node.group.position
  const { rotation: m, world, u, v, depth, partBounds, screen } = out
  const m0 = m[0]
  const m1 = m[1]
  const m2 = m[2]
  const m3 = m[3]
  const m4 = m[4]
  const m5 = m[5]
  const m6 = m[6]
  const m7 = m[7]
  const m8 = m[8]
  const r = view.rotation
  const r0 = r[0],
    r1 = r[1],
    r2 = r[2],
    r3 = r[3],
    r4 = r[4],
    r5 = r[5],
    r6 = r[6],
    r7 = r[7],
    r8 = r[8]
  const ex = view.eye[0],
    ey = view.eye[1],
    ez = view.eye[2]
  const { fx, fy, cx, cy } = view
  const { vertices, partVertices } = node.solid
  let uMin = Infinity,
    uMax = -Infinity,
    vMin = Infinity,
    vMax = -Infinity
  let xMin = Infinity,
    xMax = -Infinity,
    yMin = Infinity,
    yMax = -Infinity,
    zMin = Infinity,
    zMax = -Infinity
  let nearest = Infinity
  let farthest = -Infinity
  for (let i = partVertices[part]; i < partVertices[part + 1]; i++) {
    const a = vertices[3 * i]
    const b = vertices[3 * i + 1]
    const c = vertices[3 * i + 2]
    const x = m0 * a + m1 * b + m2 * c + tx
    const y = m3 * a + m4 * b + m5 * c + ty
    const z = m6 * a + m7 * b + m8 * c + tz
    world[3 * i] = x
    world[3 * i + 1] = y
    world[3 * i + 2] = z
    if (x < xMin) xMin = x
    if (x > xMax) xMax = x
    if (y < yMin) yMin = y
    if (y > yMax) yMax = y
    if (z < zMin) zMin = z
    if (z > zMax) zMax = z
    const dx = x - ex
    const dy = y - ey
    const dz = z - ez
    const d = r6 * dx + r7 * dy + r8 * dz
    const inverse = 1 / d
    const px = cx + fx * (r0 * dx + r1 * dy + r2 * dz) * inverse
    const py = cy + fy * (r3 * dx + r4 * dy + r5 * dz) * inverse
    depth[i] = d
    u[i] = px
    v[i] = py
    if (d < nearest) nearest = d
    if (d > farthest) farthest = d
    if (px < uMin) uMin = px
    if (px > uMax) uMax = px
    if (py < vMin) vMin = py
    if (py > vMax) vMax = py
  }
  partBounds[6 * part] = xMin
  partBounds[6 * part + 1] = yMin
  partBounds[6 * part + 2] = zMin
  partBounds[6 * part + 3] = xMax
  partBounds[6 * part + 4] = yMax
  partBounds[6 * part + 5] = zMax
  screen[0] = Math.min(screen[0], uMin)
  screen[1] = Math.min(screen[1], vMin)
  screen[2] = Math.min(screen[2], nearest)
  screen[3] = Math.max(screen[3], uMax)
  screen[4] = Math.max(screen[4], vMax)
  screen[5] = Math.max(screen[5], farthest)
}

/** Turns the normals of the faces, and tells which look at the eye. */
function turnFaces({ solid }: Node, { eye }: View, { rotation: m, world, normals, facing }: Projected): void {
  const { normals: own, starts, corners, faceCount } = solid
  for (let face = 0; face < faceCount; face++) {
    const i = 3 * face
    const nx = m[0] * own[i] + m[1] * own[i + 1] + m[2] * own[i + 2]
    const ny = m[3] * own[i] + m[4] * own[i + 1] + m[5] * own[i + 2]
    const nz = m[6] * own[i] + m[7] * own[i + 1] + m[8] * own[i + 2]
    normals[i] = nx
    normals[i + 1] = ny
    normals[i + 2] = nz
    const corner = 3 * corners[starts[face]]
    facing[face] =
      nx * (world[corner] - eye[0]) + ny * (world[corner + 1] - eye[1]) + nz * (world[corner + 2] - eye[2])
  }
}

/** Projects the vertices straight down on the horizontal plane at height `ground`; needs projectNode first. */
export function projectShadow(
  node: Node,
  view: View,
  ground: number,
  width: number,
  height: number,
  out: Projected,
): void {
  const { world, shadowU, shadowV } = out
  const r = view.rotation
  const r0 = r[0]
  const r1 = r[1]
  const r3 = r[3]
  const r4 = r[4]
  const r6 = r[6]
  const r7 = r[7]
  const ex = view.eye[0]
  const ey = view.eye[1]
  const dz = ground - view.eye[2]
  const x0 = r[2] * dz
  const y0 = r[5] * dz
  const z0 = r[8] * dz
  const { fx, fy, cx, cy, near } = view
  const { vertexCount } = node.solid
  let uMin = Infinity
  let uMax = -Infinity
  let vMin = Infinity
  let vMax = -Infinity
  let nearest = Infinity
  let farthest = -Infinity
  for (let i = 0; i < vertexCount; i++) {
    const dx = world[3 * i] - ex
    const dy = world[3 * i + 1] - ey
    const d = r6 * dx + r7 * dy + z0
    const inverse = 1 / d
    const px = cx + fx * (r0 * dx + r1 * dy + x0) * inverse
    const py = cy + fy * (r3 * dx + r4 * dy + y0) * inverse
    shadowU[i] = px
    shadowV[i] = py
    if (d < nearest) nearest = d
    if (d > farthest) farthest = d
    if (px < uMin) uMin = px
    if (px > uMax) uMax = px
    if (py < vMin) vMin = py
    if (py > vMax) vMax = py
  }
  out.shadowNear = nearest < near
  out.shadowOnScreen =
    farthest > near && (out.shadowNear || (uMax > 0 && uMin < width && vMax > 0 && vMin < height))
}

/** A convex polygon in samples. */
export interface Polygon {
  readonly u: Float64Array
  readonly v: Float64Array
  count: number
}

/** Room for a face, and the corner that a cut adds. */
export function createPolygon(): Polygon {
  return { u: new Float64Array(maxCorners + 1), v: new Float64Array(maxCorners + 1), count: 0 }
}

const cut = new Float64Array(3 * (maxCorners + 1))

/** Projects the world corners (xyz) of a face, cut at the near plane; less than 3 corners: nothing is left. */
export function projectClipped(points: Float64Array, count: number, view: View, out: Polygon): void {
  const { rotation: r, eye, fx, fy, cx, cy, near } = view
  for (let i = 0; i < count; i++) {
    const dx = points[3 * i] - eye[0]
    const dy = points[3 * i + 1] - eye[1]
    const dz = points[3 * i + 2] - eye[2]
    for (let row = 0; row < 3; row++)
      cut[3 * i + row] = r[3 * row] * dx + r[3 * row + 1] * dy + r[3 * row + 2] * dz
  }
  let kept = 0
  for (let i = 0; i < count; i++) {
    const j = i + 1 < count ? i + 1 : 0
    const zi = cut[3 * i + 2]
    const zj = cut[3 * j + 2]
    if (zi >= near) {
      out.u[kept] = cx + (fx * cut[3 * i]) / zi
      out.v[kept++] = cy + (fy * cut[3 * i + 1]) / zi
    }
    if (zi >= near !== zj >= near) {
      const t = (near - zi) / (zj - zi)
      out.u[kept] = cx + (fx * (cut[3 * i] + t * (cut[3 * j] - cut[3 * i]))) / near
      out.v[kept++] = cy + (fy * (cut[3 * i + 1] + t * (cut[3 * j + 1] - cut[3 * i + 1]))) / near
    }
  }
  out.count = kept
}
