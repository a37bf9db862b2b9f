import type { Quat, Vec3 } from '../geometry.js'
import { rotate } from '../math/quat.js'

/** Mass, centre of mass and inertia of a rigid body. */
export interface MassProperties {
  /** kg. */
  readonly mass: number
  /** Centre of mass in the body's frame, m. */
  readonly com: Vec3
  /** About the centre of mass in the body's axes: xx, yy, zz, xy, xz, yz, kg·m². */
  readonly inertia: readonly number[]
}

/** Principal moments, ascending, kg·m², and the rotation from principal axes to the body's. */
export interface PrincipalInertia {
  readonly moments: Vec3
  readonly rotation: Quat
}

type Matrix = [Vec3Out, Vec3Out, Vec3Out]
type Vec3Out = [number, number, number]

/** How far published, rounded moments may miss the triangle inequality, as a share of the largest. */
const ROUNDING = 1e-4

/** Why six numbers (xx, yy, zz, xy, xz, yz) cannot be a rigid body's inertia; undefined if they can. */
export function inertiaFault(inertia: readonly number[]): string | undefined {
  const [a, b, c] = principalInertia(inertia).moments
  if (!(a > 0)) return 'is not positive-definite'
  if (a + b < c * (1 - ROUNDING)) return 'violates the triangle inequality of its principal moments'
  return undefined
}

/** Inertia given in axes that `rotation` turns into the body's, in the body's axes. */
export function rotateInertia(inertia: readonly number[], rotation: Quat): number[] {
  const columns = AXES.map((axis) => rotate([0, 0, 0] as Vec3Out, rotation, axis))
  const given = toMatrix(inertia)
  const entry = (i: number, j: number) => {
    let sum = 0
    for (let k = 0; k < 3; k++) for (let l = 0; l < 3; l++) sum += columns[k][i] * given[k][l] * columns[l][j]
    return sum
  }
  return [entry(0, 0), entry(1, 1), entry(2, 2), entry(0, 1), entry(0, 2), entry(1, 2)]
}

/** Several bodies, each given in one common frame, as one. */
export function combineMasses(bodies: readonly MassProperties[]): MassProperties {
  const mass = bodies.reduce((sum, body) => sum + body.mass, 0)
  const com: Vec3Out = [0, 0, 0]
  for (const body of bodies) for (let k = 0; k < 3; k++) com[k] += (body.mass * body.com[k]) / mass
  const inertia = [0, 0, 0, 0, 0, 0]
  for (const body of bodies) {
    const [x, y, z] = body.com.map((value, k) => value - com[k])
    const shift = [y * y + z * z, x * x + z * z, x * x + y * y, -x * y, -x * z, -y * z]
    for (let k = 0; k < 6; k++) inertia[k] += body.inertia[k] + body.mass * shift[k]
  }
  return { mass, com, inertia }
}

/** Principal moments and axes of a symmetric matrix by Jacobi rotations. */
export function principalInertia(inertia: readonly number[]): PrincipalInertia {
  const m = toMatrix(inertia)
  const v: Matrix = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]
  for (let sweep = 0; sweep < 30; sweep++) {
    for (const [p, q] of PAIRS) {
      if (m[p][q] === 0) continue
      const angle = 0.5 * Math.atan2(2 * m[p][q], m[q][q] - m[p][p])
      const [s, c] = [Math.sin(angle), Math.cos(angle)]
      for (let k = 0; k < 3; k++) [m[k][p], m[k][q]] = [c * m[k][p] - s * m[k][q], s * m[k][p] + c * m[k][q]]
      for (let k = 0; k < 3; k++) [m[p][k], m[q][k]] = [c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]]
      for (let k = 0; k < 3; k++) [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]]
      m[p][q] = m[q][p] = 0
    }
  }
  const [a, b, c] = [0, 1, 2].sort((i, j) => m[i][i] - m[j][j])
  const x = v.map((row) => row[a])
  const y = v.map((row) => row[b])
  const z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]
  return { moments: [m[a][a], m[b][b], m[c][c]], rotation: fromAxes(x, y, z) }
}

function toMatrix([xx, yy, zz, xy, xz, yz]: readonly number[]): Matrix {
  return [
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ]
}

/** Quaternion of a rotation matrix with these columns. */
function fromAxes(x: number[], y: number[], z: number[]): Quat {
  const w = Math.sqrt(Math.max(0, 1 + x[0] + y[1] + z[2])) / 2
  const i = Math.sqrt(Math.max(0, 1 + x[0] - y[1] - z[2])) / 2
  const j = Math.sqrt(Math.max(0, 1 - x[0] + y[1] - z[2])) / 2
  const k = Math.sqrt(Math.max(0, 1 - x[0] - y[1] + z[2])) / 2
  const largest = Math.max(w, i, j, k)
  if (largest === w) return [(y[2] - z[1]) / (4 * w), (z[0] - x[2]) / (4 * w), (x[1] - y[0]) / (4 * w), w]
  if (largest === i) return [i, (y[0] + x[1]) / (4 * i), (z[0] + x[2]) / (4 * i), (y[2] - z[1]) / (4 * i)]
  if (largest === j) return [(y[0] + x[1]) / (4 * j), j, (z[1] + y[2]) / (4 * j), (z[0] - x[2]) / (4 * j)]
  return [(z[0] + x[2]) / (4 * k), (z[1] + y[2]) / (4 * k), k, (x[1] - y[0]) / (4 * k)]
}

const AXES = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
] as const
const PAIRS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const
