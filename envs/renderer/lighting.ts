import { AmbientLight, DirectionalLight, type Scene } from 'three'
import type { Vec3 } from '../geometry.js'

/** Light of a scene, in SAPIEN's units. */
export interface Lighting {
  readonly ambient: number
  /** Straight down, with shadows. */
  readonly sun: number
  /** Two more, without; directions need not be unit vectors. */
  readonly sides: readonly { readonly direction: Vec3; readonly intensity: number }[]
  /** Colour of all of them: factors of linear red, green and blue. */
  readonly tint: Vec3
}

/** Of SimplerEnv's tabletop scenes (ManiSkill2_real2sim put_on_in_scene.py `_setup_lighting`). */
export const tabletopLighting: Lighting = {
  ambient: 0.3,
  sun: 2.2,
  sides: [
    { direction: [-1, -0.5, -1], intensity: 0.7 },
    { direction: [1, 1, -1], intensity: 0.7 },
  ],
  tint: [1, 1, 1],
}

/**
 * Radiance to pixel value: a horizontal face under the three lights of a tabletop scene keeps its own colour
 * (0.3 + 2.2/pi + 0.7/pi (0.667 + 0.577) = 1.277), so that nothing saturates.
 */
export const exposure = 1 / 1.277

const steps = 4095
const encoded = Uint8Array.from({ length: steps + 1 }, (_, i) => {
  const linear = i / steps
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055
  return Math.round(255 * value)
})

/** sRGB byte of a linear value; above 1 is white. */
function encode(linear: number): number {
  return linear >= 1 ? 255 : encoded[(linear * steps + 0.5) | 0]
}

/** Colour and body of a sample in 32 bits: r, g, b from the lowest byte, then the segmentation value. */
export function pack(r: number, g: number, b: number, id: number): number {
  return (encode(r) | (encode(g) << 8) | (encode(b) << 16) | (id << 24)) >>> 0
}

/** Lights of a scene, as shading factors of a Lambert face. */
export interface Lights {
  /** Colour of all of them. */
  readonly tint: Float64Array
  ambient: number
  /** Per light: unit vector to the light, then intensity / pi. */
  readonly directional: Float64Array
  count: number
  /** Index of the light that casts shadows, straight down; -1: none. */
  sun: number
  /** Changes when any light does. */
  version: number
}

export function createLights(): Lights {
  const tint = Float64Array.of(1, 1, 1)
  return { tint, ambient: 0, directional: new Float64Array(4 * 8), count: 0, sun: -1, version: 0 }
}

/** Reads the lights of a scene: directional, at most eight, and ambient, whose colour is that of all. */
export function readLights(scene: Scene, out: Lights): void {
  let ambient = 0
  let count = 0
  let sun = -1
  let changed = false
  for (const child of scene.children) {
    if (!child.visible) continue
    if (child instanceof AmbientLight) {
      ambient += child.intensity / Math.PI
      changed = put(out.tint, 0, child.color.r) || changed
      changed = put(out.tint, 1, child.color.g) || changed
      changed = put(out.tint, 2, child.color.b) || changed
    } else if (child instanceof DirectionalLight && count < 8) {
      const x = child.position.x - child.target.position.x
      const y = child.position.y - child.target.position.y
      const z = child.position.z - child.target.position.z
      const length = Math.sqrt(x * x + y * y + z * z)
      if (child.castShadow && x === 0 && y === 0 && z > 0) sun = count
      changed = put(out.directional, 4 * count, x / length) || changed
      changed = put(out.directional, 4 * count + 1, y / length) || changed
      changed = put(out.directional, 4 * count + 2, z / length) || changed
      changed = put(out.directional, 4 * count + 3, child.intensity / Math.PI) || changed
      count++
    }
  }
  if (changed || ambient !== out.ambient || count !== out.count || sun !== out.sun) out.version++
  out.ambient = ambient
  out.count = count
  out.sun = sun
}

function put(array: Float64Array, index: number, value: number): boolean {
  if (array[index] === value) return false
  array[index] = value
  return true
}

/** Shading factor of a face with this unit normal; `shadowed`: without the light that casts shadows. */
export function shade(lights: Lights, nx: number, ny: number, nz: number, shadowed: boolean): number {
  const { directional, count, sun } = lights
  let sum = lights.ambient
  for (let i = 0; i < count; i++) {
    if (shadowed && i === sun) continue
    const j = 4 * i
    const cosine = nx * directional[j] + ny * directional[j + 1] + nz * directional[j + 2]
    if (cosine > 0) sum += cosine * directional[j + 3]
  }
  return sum * exposure
}
