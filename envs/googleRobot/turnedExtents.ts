import { rotationMatrix } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'

/** Extents along the axes about it of a box, [3], m, that is turned by `rotation`, [4]. */
export function turnedExtents(box: Numbers, rotation: Numbers): [x: number, y: number, z: number] {
  const r: number[] = []
  rotationMatrix(r, rotation[0], rotation[1], rotation[2], rotation[3])
  const along = (row: number) =>
    Math.abs(r[3 * row]) * box[0] + Math.abs(r[3 * row + 1]) * box[1] + Math.abs(r[3 * row + 2]) * box[2]
  return [along(0), along(1), along(2)]
}
