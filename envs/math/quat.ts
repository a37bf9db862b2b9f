/** Unit quaternions xyzw in flat arrays; results go to `out`, which may be an input. */
import type { Numbers, NumbersOut } from './vec3.js'

/** Hamilton product a·b: first b, then a. */
export function multiply<T extends NumbersOut>(out: T, a: Numbers, b: Numbers): T {
  const ax = a[0]
  const ay = a[1]
  const az = a[2]
  const aw = a[3]
  const bx = b[0]
  const by = b[1]
  const bz = b[2]
  const bw = b[3]
  out[0] = aw * bx + ax * bw + ay * bz - az * by
  out[1] = aw * by - ax * bz + ay * bw + az * bx
  out[2] = aw * bz + ax * by - ay * bx + az * bw
  out[3] = aw * bw - ax * bx - ay * by - az * bz
  return out
}

/** Inverse of a unit quaternion. */
export function conjugate<T extends NumbersOut>(out: T, a: Numbers): T {
  out[0] = -a[0]
  out[1] = -a[1]
  out[2] = -a[2]
  out[3] = a[3]
  return out
}

/** v turned by q. */
export function rotate<T extends NumbersOut>(out: T, q: Numbers, v: Numbers): T {
  const [x, y, z, w] = [q[0], q[1], q[2], q[3]]
  const [vx, vy, vz] = [v[0], v[1], v[2]]
  const tx = 2 * (y * vz - z * vy)
  const ty = 2 * (z * vx - x * vz)
  const tz = 2 * (x * vy - y * vx)
  out[0] = vx + w * tx + y * tz - z * ty
  out[1] = vy + w * ty + z * tx - x * tz
  out[2] = vz + w * tz + x * ty - y * tx
  return out
}

/** exp of a rotation vector (axis times angle, rad). */
export function fromRotationVector<T extends NumbersOut>(out: T, r: Numbers): T {
  const angle = Math.hypot(r[0], r[1], r[2])
  const factor = angle < 1e-9 ? 0.5 : Math.sin(angle / 2) / angle
  out[0] = r[0] * factor
  out[1] = r[1] * factor
  out[2] = r[2] * factor
  out[3] = Math.cos(angle / 2)
  return out
}

/** log of a quaternion: the rotation vector, at most pi long. */
export function toRotationVector<T extends NumbersOut>(out: T, q: Numbers): T {
  const sign = q[3] < 0 ? -1 : 1
  const sine = Math.hypot(q[0], q[1], q[2])
  const factor = sine < 1e-9 ? 2 * sign : (sign * 2 * Math.atan2(sine, sign * q[3])) / sine
  out[0] = q[0] * factor
  out[1] = q[1] * factor
  out[2] = q[2] * factor
  return out
}

/** Rotation vector that turns b into a: log(a·b⁻¹). */
export function differenceVector<T extends NumbersOut>(out: T, a: Numbers, b: Numbers): T {
  conjugate(scratch, b)
  multiply(scratch, a, scratch)
  return toRotationVector(out, scratch)
}

/** Rotation about z. */
export function fromYaw(yaw: number): [number, number, number, number] {
  return [0, 0, Math.sin(yaw / 2), Math.cos(yaw / 2)]
}

/** Angle about z of the turned x axis, rad. */
export function yawOf(q: Numbers): number {
  return Math.atan2(2 * (q[0] * q[1] + q[3] * q[2]), 1 - 2 * (q[1] * q[1] + q[2] * q[2]))
}

/** Angle wrapped to (-period/2, period/2]. */
export function wrapAngle(angle: number, period = 2 * Math.PI): number {
  return angle - period * Math.ceil(angle / period - 0.5)
}

const scratch: [number, number, number, number] = [0, 0, 0, 1]

/** Row-major 3x3 matrix of a unit quaternion. */
export function rotationMatrix(out: NumbersOut, x: number, y: number, z: number, w: number): void {
  out[0] = 1 - 2 * (y * y + z * z)
  out[1] = 2 * (x * y - w * z)
  out[2] = 2 * (x * z + w * y)
  out[3] = 2 * (x * y + w * z)
  out[4] = 1 - 2 * (x * x + z * z)
  out[5] = 2 * (y * z - w * x)
  out[6] = 2 * (x * z - w * y)
  out[7] = 2 * (y * z + w * x)
  out[8] = 1 - 2 * (x * x + y * y)
}
