import { UserError } from '@vla-gym/gymnasium'
import { type BufferGeometry, type Matrix4, type Mesh, type MeshLambertMaterial, Vector3 } from 'three'
import { darkOf, textureKinds } from './textures.js'

/** Surface of one part: how its faces are coloured. */
export interface Surface {
  /** Linear albedo; of a texture, at its brightest step. */
  readonly r: number
  readonly g: number
  readonly b: number
  /** The same at its darkest step: r, g, b. */
  readonly dark: readonly [number, number, number]
  /** Index into `textureKinds`; 0 is plain. */
  readonly texture: number
  /** Body to part, row-major 3x4, for textures. */
  readonly toPart: Float64Array
}

/**
 * Faces of a body as convex polygons, in the body's frame. Flat arrays: face f has the corners
 * `corners[starts[f] .. starts[f + 1])`, counter-clockwise seen from outside, and the outward unit normal
 * `normals[3f .. 3f + 3)`.
 */
export interface Solid {
  /** Body index + 1, the segmentation value. */
  readonly id: number
  readonly vertexCount: number
  readonly vertices: Float64Array
  readonly faceCount: number
  readonly starts: Int32Array
  readonly corners: Int32Array
  readonly normals: Float64Array
  /** Convex parts: part p has the vertices `partVertices[p] .. partVertices[p + 1])`. */
  readonly partCount: number
  readonly partVertices: Int32Array
  /** Part of each face. */
  readonly facePart: Int32Array
  /** Surface of each part; may be replaced. */
  readonly surfaces: Surface[]
  /**
   * Edges of part p, four numbers each, `edges[4 partEdges[p] .. 4 partEdges[p + 1])`: from, to, the face that has it
   * in this direction, and the face that has it in the other.
   */
  readonly edges: Int32Array
  readonly partEdges: Int32Array
}

/** The segmentation value travels in the alpha byte of a sample. */
const maxBodies = 255

/** Faces with more corners are split. */
export const maxCorners = 62

interface Face {
  readonly normal: Vector3
  readonly offset: number
  /** Directed edges of its triangles, as 'from,to'. */
  readonly edges: Set<string>
}

/** Unique vertices and flat faces of a convex mesh: coplanar triangles are one polygon. */
function convexFaces(geometry: BufferGeometry, transform: Matrix4): { points: Vector3[]; faces: Face[] } {
  const flat = geometry.index ? geometry.toNonIndexed() : geometry
  const position = flat.getAttribute('position')
  const points: Vector3[] = []
  const known = new Map<string, number>()
  const vertex = (i: number): number => {
    const p = new Vector3().fromBufferAttribute(position, i).applyMatrix4(transform)
    const key = `${Math.round(p.x * 1e6)},${Math.round(p.y * 1e6)},${Math.round(p.z * 1e6)}`
    const index = known.get(key) ?? points.push(p) - 1
    known.set(key, index)
    return index
  }
  const faces: Face[] = []
  for (let i = 0; i < position.count; i += 3) {
    const [a, b, c] = [vertex(i), vertex(i + 1), vertex(i + 2)]
    const ab = points[b].clone().sub(points[a])
    const normal = ab.cross(points[c].clone().sub(points[a]))
    if (normal.length() < 1e-12) continue
    normal.normalize()
    const offset = normal.dot(points[a])
    const same = (face: Face) => face.normal.dot(normal) > 1 - 1e-7 && Math.abs(face.offset - offset) < 1e-6
    let face = faces.find(same)
    if (!face) faces.push((face = { normal, offset, edges: new Set() }))
    face.edges.add(`${a},${b}`).add(`${b},${c}`).add(`${c},${a}`)
  }
  return { points, faces }
}

/** Corners of a face, counter-clockwise around its normal: the edges that no second triangle of it shares. */
function boundary({ edges }: Face): number[] {
  const next = new Map<number, number>()
  for (const edge of edges) {
    const [from, to] = edge.split(',').map(Number)
    if (!edges.has(`${to},${from}`)) next.set(from, to)
  }
  const first = next.keys().next().value!
  const corners = [first]
  for (let i = next.get(first)!; i !== first && corners.length < next.size; i = next.get(i)!) corners.push(i)
  return corners
}

/** Edges of the faces from `firstFace` on, of one closed part; see Solid.edges. */
function edgesOf(starts: readonly number[], corners: readonly number[], firstFace: number): number[] {
  const faceOf = new Map<string, number>()
  const loops: [from: number, to: number, face: number][] = []
  for (let face = firstFace; face + 1 < starts.length; face++) {
    const loop = corners.slice(starts[face], starts[face + 1])
    loop.forEach((from, i) => {
      const to = loop[(i + 1) % loop.length]
      faceOf.set(`${from},${to}`, face)
      loops.push([from, to, face])
    })
  }
  return loops.flatMap(([from, to, face]) => [from, to, face, faceOf.get(`${to},${from}`) ?? -1])
}

/** Meshes (each convex, placed in the body's frame) as one Solid. */
export function compileSolid(
  meshes: readonly Mesh<BufferGeometry, MeshLambertMaterial>[],
  id: number,
): Solid {
  if (id > maxBodies) throw new UserError(`scene has more than ${maxBodies} bodies; merge some into one`)
  const vertices: number[] = []
  const starts = [0]
  const corners: number[] = []
  const normals: number[] = []
  const facePart: number[] = []
  const partVertices = [0]
  const edges: number[] = []
  const partEdges = [0]
  const surfaces = meshes.map((mesh, index): Surface => {
    mesh.updateMatrix()
    const { points, faces } = convexFaces(mesh.geometry, mesh.matrix)
    const first = vertices.length / 3
    const firstFace = facePart.length
    for (const p of points) vertices.push(p.x, p.y, p.z)
    for (const face of faces) {
      const loop = boundary(face)
      for (let i = 1; i + 1 < loop.length; i += maxCorners - 2) {
        corners.push(first + loop[0], ...loop.slice(i, i + maxCorners - 1).map((corner) => first + corner))
        starts.push(corners.length)
        normals.push(face.normal.x, face.normal.y, face.normal.z)
        facePart.push(index)
      }
    }
    partVertices.push(vertices.length / 3)
    edges.push(...edgesOf(starts, corners, firstFace))
    partEdges.push(edges.length / 4)
    const { r, g, b } = mesh.material.color
    const toPart = mesh.matrix.clone().invert().transpose().elements.slice(0, 12)
    const texture = Math.max(textureKinds.indexOf(mesh.userData.texture), 0)
    return { r, g, b, dark: darkOf(r, g, b), texture, toPart: Float64Array.from(toPart) }
  })
  return {
    id,
    vertexCount: vertices.length / 3,
    vertices: Float64Array.from(vertices),
    faceCount: facePart.length,
    starts: Int32Array.from(starts),
    corners: Int32Array.from(corners),
    normals: Float64Array.from(normals),
    partCount: meshes.length,
    partVertices: Int32Array.from(partVertices),
    facePart: Int32Array.from(facePart),
    surfaces,
    edges: Int32Array.from(edges),
    partEdges: Int32Array.from(partEdges),
  }
}
