/** Unit quaternion xyzw. */
export type Quaternion = readonly [x: number, y: number, z: number, w: number]

/** One way to write a rotation as numbers, radians. */
interface RotationFormat {
  readonly size: number
  /** @returns numbers, `size` of them */
  write(q: Quaternion): number[]
  /** @returns undefined where the numbers are no rotation (a zero quaternion, dependent columns) */
  read(values: readonly number[]): Quaternion | undefined
}

/**
 * - rotation-vector: axis times angle.
 * - euler: roll, pitch, yaw about the fixed x, y, z axes, R = Rz(yaw) Ry(pitch) Rx(roll) ('sxyz' of transforms3d).
 * - rot6d: the first two columns of the matrix, one after the other (Zhou et al. 2019, section 4.1).
 * - rot6d-interleaved: the same two columns, row by row.
 */
export const rotationFormats = {
  'rotation-vector': { size: 3, write: rotationVector, read: fromRotationVector },
  euler: { size: 3, write: eulerAngles, read: fromEuler },
  rot6d: {
    size: 6,
    write: (q) => {
      const m = matrix(q)
      return [m[0], m[3], m[6], m[1], m[4], m[7]]
    },
    read: ([a, b, c, d, e, f]) => fromColumns([a, b, c], [d, e, f]),
  },
  'rot6d-interleaved': {
    size: 6,
    write: (q) => {
      const m = matrix(q)
      return [m[0], m[1], m[3], m[4], m[6], m[7]]
    },
    read: ([a, d, b, e, c, f]) => fromColumns([a, b, c], [d, e, f]),
  },
  'quaternion-xyzw': { size: 4, write: (q) => [...q], read: ([x, y, z, w]) => unit([x, y, z, w]) },
  'quaternion-wxyz': {
    size: 4,
    write: ([x, y, z, w]) => [w, x, y, z],
    read: ([w, x, y, z]) => unit([x, y, z, w]),
  },
} satisfies Record<string, RotationFormat>

export type RotationName = keyof typeof rotationFormats

export const isRotation = (name: unknown): name is RotationName =>
  typeof name === 'string' && Object.hasOwn(rotationFormats, name)

function unit([x, y, z, w]: Quaternion): Quaternion | undefined {
  const length = Math.hypot(x, y, z, w)
  if (!(length > 1e-6)) return undefined
  return [x / length, y / length, z / length, w / length]
}

/** The shorter way round, at most pi long. */
export function rotationVector([x, y, z, w]: Quaternion): number[] {
  const sign = w < 0 ? -1 : 1
  const sine = Math.hypot(x, y, z)
  const factor = sine < 1e-9 ? 2 * sign : (sign * 2 * Math.atan2(sine, sign * w)) / sine
  return [x * factor, y * factor, z * factor]
}

function fromRotationVector([x, y, z]: readonly number[]): Quaternion {
  const angle = Math.hypot(x, y, z)
  const factor = angle < 1e-9 ? 0.5 : Math.sin(angle / 2) / angle
  return [x * factor, y * factor, z * factor, Math.cos(angle / 2)]
}

/** Row-major 3x3. */
function matrix([x, y, z, w]: Quaternion): number[] {
  return [
    ...[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    ...[2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    ...[2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ]
}

/** At pitch ±pi/2 roll and yaw turn about one axis: roll is then 0. */
function eulerAngles(q: Quaternion): number[] {
  const m = matrix(q)
  const cosine = Math.hypot(m[0], m[3])
  const pitch = Math.atan2(-m[6], cosine)
  if (cosine < 1e-6) return [0, pitch, Math.atan2(-m[1], m[4])]
  return [Math.atan2(m[7], m[8]), pitch, Math.atan2(m[3], m[0])]
}

function fromEuler([roll, pitch, yaw]: readonly number[]): Quaternion {
  const [cr, sr] = [Math.cos(roll / 2), Math.sin(roll / 2)]
  const [cp, sp] = [Math.cos(pitch / 2), Math.sin(pitch / 2)]
  const [cy, sy] = [Math.cos(yaw / 2), Math.sin(yaw / 2)]
  return [
    sr * cp * cy - cr * sp * sy,
    cr * sp * cy + sr * cp * sy,
    cr * cp * sy - sr * sp * cy,
    cr * cp * cy + sr * sp * sy,
  ]
}

/** Columns made orthonormal by Gram and Schmidt, the third is their cross product. */
function fromColumns(a: number[], b: number[]): Quaternion | undefined {
  const x = normalized(a)
  if (!x) return undefined
  const along = x[0] * b[0] + x[1] * b[1] + x[2] * b[2]
  const y = normalized([b[0] - along * x[0], b[1] - along * x[1], b[2] - along * x[2]])
  if (!y) return undefined
  const z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]
  return fromMatrix([x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]])
}

function normalized(v: number[]): number[] | undefined {
  const length = Math.hypot(v[0], v[1], v[2])
  return length > 1e-6 ? v.map((value) => value / length) : undefined
}

/** By the largest of the four components, so that none is lost to cancellation (Shepperd 1978). */
function fromMatrix(m: number[]): Quaternion {
  const [x, y, z, w] = [
    1 + m[0] - m[4] - m[8],
    1 - m[0] + m[4] - m[8],
    1 - m[0] - m[4] + m[8],
    1 + m[0] + m[4] + m[8],
  ]
  const largest = Math.max(x, y, z, w)
  const scale = 1 / (2 * Math.sqrt(largest))
  if (largest === w) return [(m[7] - m[5]) * scale, (m[2] - m[6]) * scale, (m[3] - m[1]) * scale, w * scale]
  if (largest === x) return [x * scale, (m[1] + m[3]) * scale, (m[2] + m[6]) * scale, (m[7] - m[5]) * scale]
  if (largest === y) return [(m[1] + m[3]) * scale, y * scale, (m[5] + m[7]) * scale, (m[2] - m[6]) * scale]
  return [(m[2] + m[6]) * scale, (m[5] + m[7]) * scale, z * scale, (m[3] - m[1]) * scale]
}
