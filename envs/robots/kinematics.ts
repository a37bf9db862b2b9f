import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './widowx250s.js'

/**
 * Forward kinematics and geometric Jacobian of a serial arm, in the base frame, without allocation.
 * Poses are seven numbers: position xyz, quaternion xyzw.
 */
export class ArmKinematics {
  readonly joints: number
  /** Frames of the joints' child links, [joints, 7]. */
  readonly links: Float64Array
  /** Tool centre point, [7]. */
  readonly tcp = new Float64Array(7)
  /** World axes of the joints, [joints, 3]. */
  readonly axes: Float64Array
  private readonly origins: Float64Array
  private readonly axisIndex: Uint8Array
  private readonly tcpOffset: number

  constructor(arm: ArmSpec) {
    this.joints = arm.joints.length
    this.links = new Float64Array(7 * this.joints)
    this.axes = new Float64Array(3 * this.joints)
    this.origins = Float64Array.from(arm.joints.flatMap((joint) => [...joint.origin]))
    this.axisIndex = Uint8Array.from(arm.joints, (joint) => 'xyz'.indexOf(joint.axis))
    this.tcpOffset = arm.tcpOffset
  }

  /** Updates `links`, `axes` and `tcp` for joint angles q, rad. */
  forward(q: Numbers): void {
    const { links, axes, origins, axisIndex, tcp } = this
    let px = 0
    let py = 0
    let pz = 0
    let x = 0
    let y = 0
    let z = 0
    let w = 1
    for (let i = 0; i < this.joints; i++) {
      const ox = origins[3 * i]
      const oy = origins[3 * i + 1]
      const oz = origins[3 * i + 2]
      const tx = 2 * (y * oz - z * oy)
      const ty = 2 * (z * ox - x * oz)
      const tz = 2 * (x * oy - y * ox)
      px += ox + w * tx + y * tz - z * ty
      py += oy + w * ty + z * tx - x * tz
      pz += oz + w * tz + x * ty - y * tx
      const s = Math.sin(q[i] / 2)
      const c = Math.cos(q[i] / 2)
      const [x0, y0, z0, w0] = [x, y, z, w]
      if (axisIndex[i] === 0) {
        x = w0 * s + x0 * c
        y = y0 * c + z0 * s
        z = z0 * c - y0 * s
        w = w0 * c - x0 * s
        axes[3 * i] = 1 - 2 * (y * y + z * z)
        axes[3 * i + 1] = 2 * (x * y + w * z)
        axes[3 * i + 2] = 2 * (x * z - w * y)
      } else if (axisIndex[i] === 1) {
        x = x0 * c - z0 * s
        y = w0 * s + y0 * c
        z = x0 * s + z0 * c
        w = w0 * c - y0 * s
        axes[3 * i] = 2 * (x * y - w * z)
        axes[3 * i + 1] = 1 - 2 * (x * x + z * z)
        axes[3 * i + 2] = 2 * (y * z + w * x)
      } else {
        x = x0 * c + y0 * s
        y = y0 * c - x0 * s
        z = w0 * s + z0 * c
        w = w0 * c - z0 * s
        axes[3 * i] = 2 * (x * z + w * y)
        axes[3 * i + 1] = 2 * (y * z - w * x)
        axes[3 * i + 2] = 1 - 2 * (x * x + y * y)
      }
      const o = 7 * i
      links[o] = px
      links[o + 1] = py
      links[o + 2] = pz
      links[o + 3] = x
      links[o + 4] = y
      links[o + 5] = z
      links[o + 6] = w
    }
    tcp[0] = px + this.tcpOffset * (1 - 2 * (y * y + z * z))
    tcp[1] = py + this.tcpOffset * 2 * (x * y + w * z)
    tcp[2] = pz + this.tcpOffset * 2 * (x * z - w * y)
    tcp[3] = x
    tcp[4] = y
    tcp[5] = z
    tcp[6] = w
  }

  /** Jacobian of the TCP at the last `forward`, [6, joints]: linear velocity rows, then angular. */
  jacobian(out: Float64Array): Float64Array {
    const { links, axes, tcp, joints } = this
    for (let i = 0; i < joints; i++) {
      const ax = axes[3 * i]
      const ay = axes[3 * i + 1]
      const az = axes[3 * i + 2]
      const rx = tcp[0] - links[7 * i]
      const ry = tcp[1] - links[7 * i + 1]
      const rz = tcp[2] - links[7 * i + 2]
      out[i] = ay * rz - az * ry
      out[joints + i] = az * rx - ax * rz
      out[2 * joints + i] = ax * ry - ay * rx
      out[3 * joints + i] = ax
      out[4 * joints + i] = ay
      out[5 * joints + i] = az
    }
    return out
  }
}
