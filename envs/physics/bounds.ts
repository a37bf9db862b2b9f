import type { Body, Part, Vec3 } from '../geometry.js'
import { rotate } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'

export interface BoundingBox {
  /** Centre and half extents, m. */
  readonly center: number[]
  readonly half: number[]
}

/** Box around everything of bodies that collides, in their common frame. */
export function boundingBox(bodies: readonly Body[]): BoundingBox {
  const points = bodies.flatMap(corners)
  const axes = [0, 1, 2].map((k) => points.map((point) => point[k]))
  const low = axes.map((values) => Math.min(...values))
  const high = axes.map((values) => Math.max(...values))
  return {
    center: low.map((value, k) => (value + high[k]) / 2),
    half: low.map((value, k) => (high[k] - value) / 2),
  }
}

/** Corners of the parts' boxes in the body's frame. */
function corners({ parts }: Body): Vec3[] {
  return parts
    .filter((part) => part.collides !== false)
    .flatMap((part) => {
      const { position, rotation } = part.pose ?? { position: [0, 0, 0], rotation: [0, 0, 0, 1] }
      return localCorners(part).map((corner): Vec3 => {
        const [x, y, z] = rotate([0, 0, 0] as number[], rotation, corner)
        return [x + position[0], y + position[1], z + position[2]]
      })
    })
}

function localCorners({ shape }: Part): Numbers[] {
  switch (shape.kind) {
    case 'box':
      return boxCorners(shape.halfExtents)
    case 'cylinder':
      return boxCorners([shape.radius, shape.radius, shape.halfHeight])
    case 'sphere':
      return boxCorners([shape.radius, shape.radius, shape.radius])
    case 'hull':
      return Array.from({ length: shape.vertices.length / 3 }, (_, i) =>
        shape.vertices.subarray(3 * i, 3 * i + 3),
      )
  }
}

function boxCorners([x, y, z]: Vec3): Numbers[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i & 1 ? x : -x, i & 2 ? y : -y, i & 4 ? z : -z])
}
