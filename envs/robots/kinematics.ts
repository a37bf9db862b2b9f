import type { Numbers } from '../math/vec3.js'
import type { ArmSpec } from './armSpec.js'

/**
 * Forward kinematics and geometric Jacobian of a serial arm of turning and sliding joints, in the base frame, without allocation.
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
  private readonly rotations: Float64Array
  private readonly localAxes: Float64Array
  /** 1 for joints that slide, [joints]. */
  readonly slides: Uint8Array
  private readonly tool: Float64Array

  constructor(arm: ArmSpec) {
    this.joints = arm.joints.length
    this.links = new Float64Array(7 * this.joints)
    this.axes = new Float64Array(3 * this.joints)
    this.origins = Float64Array.from(arm.joints.flatMap((joint) => [...joint.origin]))
    this.rotations = Float64Array.from(arm.joints.flatMap((joint) => [...joint.rotation]))
    this.localAxes = Float64Array.from(arm.joints.flatMap((joint) => [...joint.axis]))
    this.slides = Uint8Array.from(arm.joints, (joint) => (joint.kind === 'prismatic' ? 1 : 0))
    this.tool = Float64Array.of(...arm.tcp.position, ...arm.tcp.rotation)
  }

  /** Updates `links`, `axes` and `tcp` for joint positions q, rad or m. */
  forward(q: Numbers): void {
    const { links, axes, origins, rotations, localAxes, slides, tcp, tool } = this
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
      const rx = rotations[4 * i]
      const ry = rotations[4 * i + 1]
      const rz = rotations[4 * i + 2]
      const rw = rotations[4 * i + 3]
      let x0 = w * rx + x * rw + y * rz - z * ry
      let y0 = w * ry - x * rz + y * rw + z * rx
      let z0 = w * rz + x * ry - y * rx + z * rw
      let w0 = w * rw - x * rx - y * ry - z * rz
      const ux = localAxes[3 * i]
      const uy = localAxes[3 * i + 1]
      const uz = localAxes[3 * i + 2]
      const slide = slides[i] === 1
      if (!slide) {
        const s = Math.sin(q[i] / 2)
        const c = Math.cos(q[i] / 2)
        const [bx, by, bz] = [ux * s, uy * s, uz * s]
        const x1 = w0 * bx + x0 * c + y0 * bz - z0 * by
        const y1 = w0 * by - x0 * bz + y0 * c + z0 * bx
        const z1 = w0 * bz + x0 * by - y0 * bx + z0 * c
        w0 = w0 * c - x0 * bx - y0 * by - z0 * bz
        x0 = x1
        y0 = y1
        z0 = z1
      }
      x = x0
      y = y0
      z = z0
      w = w0
      const ax = (1 - 2 * (y * y + z * z)) * ux + 2 * (x * y - w * z) * uy + 2 * (x * z + w * y) * uz
      const ay = 2 * (x * y + w * z) * ux + (1 - 2 * (x * x + z * z)) * uy + 2 * (y * z - w * x) * uz
      const az = 2 * (x * z - w * y) * ux + 2 * (y * z + w * x) * uy + (1 - 2 * (x * x + y * y)) * uz
      axes[3 * i] = ax
      axes[3 * i + 1] = ay
      axes[3 * i + 2] = az
      if (slide) {
        px += ax * q[i]
        py += ay * q[i]
        pz += az * q[i]
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
    const [tx, ty, tz, rx, ry, rz, rw] = [tool[0], tool[1], tool[2], tool[3], tool[4], tool[5], tool[6]]
    tcp[0] = px + tx * (1 - 2 * (y * y + z * z)) + ty * 2 * (x * y - w * z) + tz * 2 * (x * z + w * y)
    tcp[1] = py + tx * 2 * (x * y + w * z) + ty * (1 - 2 * (x * x + z * z)) + tz * 2 * (y * z - w * x)
    tcp[2] = pz + tx * 2 * (x * z - w * y) + ty * 2 * (y * z + w * x) + tz * (1 - 2 * (x * x + y * y))
    tcp[3] = w * rx + x * rw + y * rz - z * ry
    tcp[4] = w * ry - x * rz + y * rw + z * rx
    tcp[5] = w * rz + x * ry - y * rx + z * rw
    tcp[6] = w * rw - x * rx - y * ry - z * rz
  }

  /** Jacobian of the TCP at the last `forward`, [6, joints]: linear velocity rows, then angular. */
  jacobian(out: Float64Array): Float64Array {
    const { links, axes, slides, tcp, joints } = this
    for (let i = 0; i < joints; i++) {
      const ax = axes[3 * i]
      const ay = axes[3 * i + 1]
      const az = axes[3 * i + 2]
      const rx = tcp[0] - links[7 * i]
      const ry = tcp[1] - links[7 * i + 1]
      const rz = tcp[2] - links[7 * i + 2]
      const turns = slides[i] === 1 ? 0 : 1
      out[i] = turns ? ay * rz - az * ry : ax
      out[joints + i] = turns ? az * rx - ax * rz : ay
      out[2 * joints + i] = turns ? ax * ry - ay * rx : az
      out[3 * joints + i] = turns * ax
      out[4 * joints + i] = turns * ay
      out[5 * joints + i] = turns * az
    }
    return out
  }
}
