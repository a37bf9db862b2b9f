import {
  createShader,
  type Frame,
  fillFlat,
  fillReceiver,
  fillTextured,
  type Plane,
  type Shader,
} from './fills.js'
import type { HeightMap } from './heightMap.js'
import { createLights, type Lights, pack, shade } from './lighting.js'
import type { Node } from './sceneGraph.js'
import { maxCorners, type Surface } from './solid.js'
import type { Spans } from './spans.js'
import { levelFactor, textureLevels } from './textures.js'
import { createPolygon, type Projected, projectClipped, type View } from './view.js'

/** A picture in which the faces at height `ground` are also kept as they look in shadow. */
export interface DarkPicture {
  readonly dark: Uint32Array
  readonly ground: number | null
}

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

  /** Draws a body after projectNode. With `map`: with the shadows it holds. With `picture`: into a background. */
  draw(
    node: Node,
    projected: Projected,
    view: View,
    frame: Frame,
    map: HeightMap | null,
    picture: DarkPicture | null,
  ): void {
    const { solid } = node
    const { rotation: m, world } = projected
    const { starts, corners, normals, surfaces } = solid
    const plane = this.#plane
    const shader = this.#shader
    const spans = this.#spans
    const { eye, ray } = view
    for (let face = 0; face < solid.faceCount; face++) {
      const a = normals[3 * face]
      const b = normals[3 * face + 1]
      const c = normals[3 * face + 2]
      const nx = m[0] * a + m[1] * b + m[2] * c
      const ny = m[3] * a + m[4] * b + m[5] * c
      const nz = m[6] * a + m[7] * b + m[8] * c
      const first = 3 * corners[starts[face]]
      const dx = world[first] - eye[0]
      const dy = world[first + 1] - eye[1]
      const dz = world[first + 2] - eye[2]
      const k = nx * dx + ny * dy + nz * dz
      if (k > -1e-9) continue
      if (!this.#trace(node, projected, view, face)) continue
      // On the face n.(eye + depth ray) = n.corner, so 1 / depth = (n.ray) / k.
      plane.constant = (nx * ray[0] + ny * ray[3] + nz * ray[6]) / k
      plane.perU = (nx * ray[1] + ny * ray[4] + nz * ray[7]) / k
      plane.perV = (nx * ray[2] + ny * ray[5] + nz * ray[8]) / k
      const surface = surfaces[solid.surface[face]]
      const light = shade(this.#lights, nx, ny, nz, false)
      const receives = map !== null && nz > 0
      if (surface.texture === 0 && !receives && picture === null) {
        fillFlat(frame, spans, plane, pack(surface.r * light, surface.g * light, surface.b * light, solid.id))
        continue
      }
      const ground = picture?.ground ?? null
      const onGround = ground !== null && nz > 0.999 && Math.abs(world[first + 2] - ground) < 1e-6
      const darkened = receives || onGround
      this.#mix(surface, light, darkened ? shade(this.#lights, nx, ny, nz, true) : light, solid.id)
      shader.receives = receives
      // A convex part lies below the planes of its own faces, so half a texel along the slope keeps it off itself.
      if (receives) shader.bias = 5e-4 + (0.5 * (Math.abs(nx) + Math.abs(ny))) / (nz * map.scale)
      if (surface.texture === 0 && picture === null) {
        fillReceiver(frame, spans, plane, shader)
      } else {
        this.#aimTexture(surface, node, m, view, nx, ny, nz)
        fillTextured(frame, spans, plane, shader, picture ? picture.dark : null)
      }
    }
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
  #mix({ r, g, b, texture }: Surface, light: number, shadow: number, id: number): void {
    const { ramp } = this.#shader
    for (let level = texture === 0 ? textureLevels - 1 : 0; level < textureLevels; level++) {
      const lit = light * levelFactor(level)
      const dark = shadow * levelFactor(level)
      ramp[level] = pack(r * lit, g * lit, b * lit, id)
      ramp[level + textureLevels] = pack(r * dark, g * dark, b * dark, id)
    }
  }

  /** Puts eye and pixel rays in the frame of the part; points are taken 0.1 mm inside, off the lattice of a pattern. */
  #aimTexture(
    { texture, toPart: t }: Surface,
    { group }: Node,
    m: Float64Array,
    { eye, ray }: View,
    nx: number,
    ny: number,
    nz: number,
  ): void {
    const shader = this.#shader
    shader.texture = texture
    const dx = eye[0] - group.position.x - 1e-4 * nx
    const dy = eye[1] - group.position.y - 1e-4 * ny
    const dz = eye[2] - group.position.z - 1e-4 * nz
    for (let row = 0; row < 3; row++) {
      const i = 4 * row
      const x = t[i] * m[0] + t[i + 1] * m[1] + t[i + 2] * m[2]
      const y = t[i] * m[3] + t[i + 1] * m[4] + t[i + 2] * m[5]
      const z = t[i] * m[6] + t[i + 1] * m[7] + t[i + 2] * m[8]
      shader.origin[row] = x * dx + y * dy + z * dz + t[i + 3]
      for (let j = 0; j < 3; j++) shader.ray[3 * row + j] = x * ray[j] + y * ray[3 + j] + z * ray[6 + j]
    }
  }
}
