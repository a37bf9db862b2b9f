import {
  createShader,
  fillBackground,
  fillFlat,
  fillReceiver,
  fillTextured,
  type Ground,
  type Plane,
  type Shader,
} from './fills.js'
import type { DirtyRows, Frame } from './frame.js'
import { type GroundPlane, horizontal, planeAt } from './groundShadow.js'
import { type HeightMap, shadowBias } from './heightMap.js'
import { createLights, type Lights, pack, shade } from './lighting.js'
import type { Node } from './sceneGraph.js'
import { maxCorners, type Solid, type Surface } from './solid.js'
import type { Spans } from './spans.js'
import { firstPlanar, textureLevels, visibleDetail } from './textures.js'
import { createPolygon, type Projected, projectClipped, type View } from './view.js'

/** Draws the faces of bodies that look at the eye into a frame. */
export class FacePainter {
  readonly #spans: Spans
  #lights: Lights = createLights()
  readonly #shader: Shader = createShader()
  readonly #plane: Plane = { constant: 0, perU: 0, perV: 0 }
  readonly #polygon = createPolygon()
  readonly #corners = new Float64Array(3 * maxCorners)

  constructor(spans: Spans) {
    this.#spans = spans
  }

  /** Lights of the bodies drawn from now on. */
  set lights(lights: Lights) {
    this.#lights = lights
  }

  /** Uses this height map from now on; call after each drawing of the map. */
  aim(map: HeightMap, view: View): void {
    this.#shader.heights = map.heights
    map.aim(view, this.#shader)
  }

  /** Draws a body after projectNode, over a background; with `map`, with the shadows it holds. */
  draw(
    node: Node,
    projected: Projected,
    view: View,
    frame: Frame,
    dirty: DirtyRows,
    map: HeightMap | null,
  ): void {
    const { solid } = node
    const { normals, facing } = projected
    const shader = this.#shader
    const spans = this.#spans
    const plane = this.#plane
    for (let face = 0; face < solid.faceCount; face++) {
      if (facing[face] > -1e-9 || !this.#trace(node, projected, view, face)) continue
      dirty.add(spans)
      this.#lay(projected, view, face)
      const nx = normals[3 * face]
      const ny = normals[3 * face + 1]
      const nz = normals[3 * face + 2]
      const surface = solid.surfaces[solid.facePart[face]]
      const light = shade(this.#lights, nx, ny, nz, false)
      const receives = map !== null && projected.receives[face] === 1
      if (surface.texture === 0 && !receives) {
        const [red, green, blue] = this.#lights.tint
        const { r, g, b } = surface
        fillFlat(frame, spans, plane, pack(r * light * red, g * light * green, b * light * blue, solid.id))
        continue
      }
      this.#mix(surface, light, receives ? shade(this.#lights, nx, ny, nz, true) : light, solid.id)
      shader.receives = receives
      // A convex part lies below the planes of its own faces, so half a texel along the slope keeps it off itself.
      if (receives) shader.bias = shadowBias + (0.5 * (Math.abs(nx) + Math.abs(ny))) / (nz * map.scale)
      if (surface.texture === 0) {
        fillReceiver(frame, spans, plane, shader)
      } else {
        this.#aimTexture(node, projected, view, face)
        fillTextured(frame, spans, plane, shader)
      }
    }
  }

  /** Draws a body after projectNode into a background. */
  drawBackground(
    node: Node,
    projected: Projected,
    view: View,
    frame: Frame,
    ground: Ground,
    planes: readonly GroundPlane[],
  ): void {
    const { solid } = node
    const { normals, facing, world } = projected
    for (let face = 0; face < solid.faceCount; face++) {
      if (facing[face] > -1e-9 || !this.#trace(node, projected, view, face)) continue
      this.#lay(projected, view, face)
      const nx = normals[3 * face]
      const ny = normals[3 * face + 1]
      const nz = normals[3 * face + 2]
      const seen = nz < horizontal ? 0 : planeAt(planes, world[3 * solid.corners[solid.starts[face]] + 2]) + 1
      const light = shade(this.#lights, nx, ny, nz, false)
      const shadow = seen > 0 ? shade(this.#lights, nx, ny, nz, true) : light
      this.#mix(solid.surfaces[solid.facePart[face]], light, shadow, solid.id)
      this.#aimTexture(node, projected, view, face)
      fillBackground(frame, this.#spans, this.#plane, this.#shader, ground, seen)
    }
  }

  /** 1 / depth of a face over the picture: on it n.(eye + depth ray) = n.corner, so 1 / depth = (n.ray) / facing. */
  #lay({ normals, facing }: Projected, { ray }: View, face: number): void {
    const plane = this.#plane
    const nx = normals[3 * face]
    const ny = normals[3 * face + 1]
    const nz = normals[3 * face + 2]
    const k = facing[face]
    plane.constant = (nx * ray[0] + ny * ray[3] + nz * ray[6]) / k
    plane.perU = (nx * ray[1] + ny * ray[4] + nz * ray[7]) / k
    plane.perV = (nx * ray[2] + ny * ray[5] + nz * ray[8]) / k
  }

  /** Finds the samples of a face; false: none. */
  #trace({ solid }: Node, { u, v, world, inFront }: Projected, view: View, face: number): boolean {
    const { starts, corners } = solid
    const polygon = this.#polygon
    const first = starts[face]
    const count = starts[face + 1] - first
    if (inFront) {
      for (let i = 0; i < count; i++) {
        polygon.u[i] = u[corners[first + i]]
        polygon.v[i] = v[corners[first + i]]
      }
      return this.#spans.trace(polygon.u, polygon.v, count)
    }
    for (let i = 0; i < 3 * count; i++) this.#corners[i] = world[3 * corners[first + ((i / 3) | 0)] + (i % 3)]
    projectClipped(this.#corners, count, view, polygon)
    return polygon.count >= 3 && this.#spans.trace(polygon.u, polygon.v, polygon.count)
  }

  /** Colours of a surface by texture level, lit and in shadow. */
  #mix({ r, g, b, dark, texture }: Surface, light: number, shadow: number, id: number): void {
    const { ramp } = this.#shader
    const { tint } = this.#lights
    for (let level = texture === 0 ? textureLevels - 1 : 0; level < textureLevels; level++) {
      const bright = level / (textureLevels - 1)
      const red = tint[0] * (dark[0] + (r - dark[0]) * bright)
      const green = tint[1] * (dark[1] + (g - dark[1]) * bright)
      const blue = tint[2] * (dark[2] + (b - dark[2]) * bright)
      ramp[level] = pack(red * light, green * light, blue * light, id)
      ramp[level + textureLevels] = pack(red * shadow, green * shadow, blue * shadow, id)
    }
  }

  /** Puts eye and pixel rays in the texture's frame; points are taken 0.1 mm inside, off the lattice of a pattern. */
  #aimTexture(
    { solid, group }: Node,
    { rotation: m, normals, depth }: Projected,
    { eye, ray, fx }: View,
    face: number,
  ): void {
    const shader = this.#shader
    const { texture, toPart: t } = solid.surfaces[solid.facePart[face]]
    shader.texture = texture
    shader.detail = visibleDetail(Math.max(depth[solid.corners[solid.starts[face]]], 0) / fx)
    const nx = normals[3 * face]
    const ny = normals[3 * face + 1]
    const nz = normals[3 * face + 2]
    const dx = eye[0] - group.position.x - 1e-4 * nx
    const dy = eye[1] - group.position.y - 1e-4 * ny
    const dz = eye[2] - group.position.z - 1e-4 * nz
    let into = 0
    const skipped = texture < firstPlanar ? 2 : steepestAxis(solid, face)
    for (let row = 0; row < 3; row++) {
      const i = 4 * row
      const x = t[i] * m[0] + t[i + 1] * m[1] + t[i + 2] * m[2]
      const y = t[i] * m[3] + t[i + 1] * m[4] + t[i + 2] * m[5]
      const z = t[i] * m[6] + t[i + 1] * m[7] + t[i + 2] * m[8]
      const axis = row === skipped ? 2 : into++
      shader.origin[axis] = x * dx + y * dy + z * dz + t[i + 3]
      for (let j = 0; j < 3; j++) shader.ray[3 * axis + j] = x * ray[j] + y * ray[3 + j] + z * ray[6 + j]
    }
  }
}

/** Axis of its part that the normal of a face is nearest to: 0, 1 or 2. */
function steepestAxis({ normals, surfaces, facePart }: Solid, face: number): number {
  const { toPart: t } = surfaces[facePart[face]]
  let steepest = 0
  let largest = -1
  for (let row = 0; row < 3; row++) {
    const i = 4 * row
    const n = t[i] * normals[3 * face] + t[i + 1] * normals[3 * face + 1] + t[i + 2] * normals[3 * face + 2]
    // Equal ones must not be decided by rounding: the later axis has to be clearly steeper.
    if (Math.abs(n) > largest + 1e-6) {
      largest = Math.abs(n)
      steepest = row
    }
  }
  return steepest
}
