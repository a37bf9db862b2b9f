import type { Frame } from './frame.js'
import type { Spans } from './spans.js'
import { textureLevel, textureLevels } from './textures.js'

/** Texels along a side of the height map, which holds the shadows that bodies throw on each other. */
export const mapSize = 192

/** A value that is affine over the picture: constant + perU u + perV v. */
export interface Plane {
  constant: number
  perU: number
  perV: number
}

/** Fills the spans with one colour where nearer than what is there. `plane` gives 1 / depth. */
export function fillFlat(frame: Frame, spans: Spans, plane: Plane, color: number): void {
  const { width, color: colors, inverseDepth } = frame
  const { left, right, top, bottom } = spans
  const { constant, perU, perV } = plane
  for (let row = top; row < bottom; row++) {
    let i = row * width + left[row]
    const end = row * width + right[row]
    let w = constant + perU * (left[row] + 0.5) + perV * (row + 0.5)
    for (; i < end; i++) {
      if (w > inverseDepth[i]) {
        inverseDepth[i] = w
        colors[i] = color
      }
      w += perU
    }
  }
}

/** What fillReceiver and fillTextured need to colour a sample of a face. */
export interface Shader {
  /** Index into textureKinds, and visibleDetail. */
  texture: number
  detail: number
  /** Eye and pixel ray (as View.ray) in the texture's frame, the point moved 0.1 mm below the face. */
  readonly origin: Float64Array
  readonly ray: Float64Array
  /** Colours by texture level, lit; then the same in shadow. */
  readonly ramp: Uint32Array
  /** Face receives shadows by the height map. */
  receives: boolean
  /** Eye and pixel ray in the height map's frame: column, row, height. */
  readonly mapOrigin: Float64Array
  readonly mapRay: Float64Array
  heights: Float32Array
  /** A caster must be this much above a point to shade it, m. */
  bias: number
}

export function createShader(): Shader {
  return {
    texture: 0,
    detail: 1,
    origin: new Float64Array(3),
    ray: new Float64Array(9),
    ramp: new Uint32Array(2 * textureLevels),
    receives: false,
    mapOrigin: new Float64Array(3),
    mapRay: new Float64Array(9),
    heights: new Float32Array(0),
    bias: 0,
  }
}

/** As fillFlat, with shadow looked up per sample. */
export function fillReceiver(frame: Frame, spans: Spans, plane: Plane, shader: Shader): void {
  const { width, color, inverseDepth } = frame
  const { left, right, top, bottom } = spans
  const { constant, perU, perV } = plane
  const { ramp, mapOrigin: o, mapRay: r, heights, bias } = shader
  const lit = ramp[textureLevels - 1]
  const dark = ramp[2 * textureLevels - 1]
  const ox = o[0]
  const oy = o[1]
  const oz = o[2] + bias
  const rx = r[1]
  const ry = r[4]
  const rz = r[7]
  for (let row = top; row < bottom; row++) {
    const u = left[row] + 0.5
    const v = row + 0.5
    let i = row * width + left[row]
    const end = row * width + right[row]
    let w = constant + perU * u + perV * v
    let mx = r[0] + rx * u + r[2] * v
    let my = r[3] + ry * u + r[5] * v
    let mz = r[6] + rz * u + r[8] * v
    for (; i < end; i++) {
      if (w > inverseDepth[i]) {
        inverseDepth[i] = w
        const z = 1 / w
        const column = ox + z * mx
        const line = oy + z * my
        let value = lit
        if (column >= 0 && column < mapSize && line >= 0 && line < mapSize)
          if (heights[(line | 0) * mapSize + (column | 0)] > oz + z * mz) value = dark
        color[i] = value
      }
      w += perU
      mx += rx
      my += ry
      mz += rz
    }
  }
}

/** As fillReceiver, textured. */
export function fillTextured(frame: Frame, spans: Spans, plane: Plane, shader: Shader): void {
  const { width, color, inverseDepth } = frame
  const { left, right, top, bottom } = spans
  const { constant, perU, perV } = plane
  const {
    texture,
    detail,
    origin: o,
    ray: r,
    ramp,
    receives,
    mapOrigin: mo,
    mapRay: mr,
    heights,
    bias,
  } = shader
  for (let row = top; row < bottom; row++) {
    const u = left[row] + 0.5
    const v = row + 0.5
    let i = row * width + left[row]
    const end = row * width + right[row]
    let w = constant + perU * u + perV * v
    let tx = r[0] + r[1] * u + r[2] * v
    let ty = r[3] + r[4] * u + r[5] * v
    let tz = r[6] + r[7] * u + r[8] * v
    let mx = mr[0] + mr[1] * u + mr[2] * v
    let my = mr[3] + mr[4] * u + mr[5] * v
    let mz = mr[6] + mr[7] * u + mr[8] * v
    for (; i < end; i++) {
      if (w > inverseDepth[i]) {
        inverseDepth[i] = w
        const z = 1 / w
        let level = textureLevel(texture, o[0] + z * tx, o[1] + z * ty, o[2] + z * tz, detail)
        if (receives) {
          const column = mo[0] + z * mx
          const line = mo[1] + z * my
          if (column >= 0 && column < mapSize && line >= 0 && line < mapSize)
            if (heights[(line | 0) * mapSize + (column | 0)] > mo[2] + z * mz + bias) level += textureLevels
        }
        color[i] = ramp[level]
      }
      w += perU
      tx += r[1]
      ty += r[4]
      tz += r[7]
      mx += mr[1]
      my += mr[4]
      mz += mr[7]
    }
  }
}

/** A background as it looks with every ground plane in shadow, and where those planes are seen. */
export interface Ground {
  readonly dark: Uint32Array
  /** Per sample: index of the ground plane + 1; 0: none. */
  readonly seen: Uint8Array
}

/** As fillTextured, without shadows but into a ground as well; `seen` is what the ground keeps of the face. */
export function fillBackground(
  frame: Frame,
  spans: Spans,
  plane: Plane,
  shader: Shader,
  ground: Ground,
  seen: number,
): void {
  const { width, color, inverseDepth } = frame
  const { left, right, top, bottom } = spans
  const { constant, perU, perV } = plane
  const { texture, detail, origin: o, ray: r, ramp } = shader
  for (let row = top; row < bottom; row++) {
    const u = left[row] + 0.5
    const v = row + 0.5
    let i = row * width + left[row]
    const end = row * width + right[row]
    let w = constant + perU * u + perV * v
    let tx = r[0] + r[1] * u + r[2] * v
    let ty = r[3] + r[4] * u + r[5] * v
    let tz = r[6] + r[7] * u + r[8] * v
    for (; i < end; i++) {
      if (w > inverseDepth[i]) {
        inverseDepth[i] = w
        const z = 1 / w
        const level = textureLevel(texture, o[0] + z * tx, o[1] + z * ty, o[2] + z * tz, detail)
        color[i] = ramp[level]
        ground.dark[i] = ramp[level + textureLevels]
        ground.seen[i] = seen
      }
      w += perU
      tx += r[1]
      ty += r[4]
      tz += r[7]
    }
  }
}

/** Puts the spans of a ground plane, where it is seen, in shadow. */
export function darkenGround(frame: Frame, spans: Spans, { dark, seen }: Ground, plane: number): void {
  const { width, color } = frame
  const { left, right, top, bottom } = spans
  for (let row = top; row < bottom; row++) {
    const end = row * width + right[row]
    for (let i = row * width + left[row]; i < end; i++) if (seen[i] === plane) color[i] = dark[i]
  }
}

/** Raises a height map to a face over its spans; `plane` gives the height, m. */
export function raiseHeights(heights: Float32Array, spans: Spans, plane: Plane): void {
  const { width, left, right, top, bottom } = spans
  const { constant, perU, perV } = plane
  for (let row = top; row < bottom; row++) {
    let i = row * width + left[row]
    const end = row * width + right[row]
    let height = constant + perU * (left[row] + 0.5) + perV * (row + 0.5)
    for (; i < end; i++) {
      if (height > heights[i]) heights[i] = height
      height += perU
    }
  }
}
