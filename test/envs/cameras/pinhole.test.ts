import { Quaternion, Vector3 } from 'three'
import { describe, expect, it } from 'vitest'
import {
  extrinsicsMatrix,
  flatTableCamera,
  intrinsicsMatrix,
  lookAt,
  projectPoint,
  sinkCamera,
} from '../../../envs/cameras/index.js'
import type { Vec3 } from '../../../envs/geometry.js'

const camera = flatTableCamera()
const table = 0.8695

describe('flatTableCamera', () => {
  it('has the world pose of the fact sheet', () => {
    expect(camera.position[0]).toBeCloseTo(0.147, 12)
    expect(camera.position[1]).toBeCloseTo(0.188, 12)
    expect(camera.position[2]).toBeCloseTo(1.23, 12)
    const rotation = new Quaternion(...camera.rotation)
    const forward = new Vector3(0, 0, 1).applyQuaternion(rotation).toArray()
    const up = new Vector3(0, -1, 0).applyQuaternion(rotation).toArray()
    const published = { forward: [-0.63461, -0.35094, -0.68855], up: [-0.60256, -0.33321, 0.72518] }
    for (let i = 0; i < 3; i++) {
      expect(forward[i]).toBeCloseTo(published.forward[i], 4)
      expect(up[i]).toBeCloseTo(published.up[i], 4)
    }
    expect(camera.width / (2 * camera.fx)).toBeCloseTo(Math.tan((54.33 / 2) * (Math.PI / 180)), 3)
  })

  it.each([
    [-0.16, 0, 300.0, 256.5],
    [-0.235, -0.075, 271.1, 179.2],
    [-0.235, 0.075, 420.6, 232.0],
    [-0.085, -0.075, 168.8, 283.0],
    [-0.085, 0.075, 338.7, 359.9],
  ])('projects the table point (%d, %d) to (%d, %d)', (x, y, u, v) => {
    const pixel = projectPoint(camera, [x, y, table])
    expect(Math.abs(pixel.u - u)).toBeLessThan(0.06)
    expect(Math.abs(pixel.v - v)).toBeLessThan(0.06)
    // The sheet gives the range 0.44 to 0.58 m to two decimals.
    expect(pixel.depth).toBeGreaterThan(0.435)
    expect(pixel.depth).toBeLessThan(0.585)
  })

  it('meets the table with its optical axis at (-0.185, 0.004)', () => {
    const { u, v } = projectPoint(camera, [-0.185, 0.004, table])
    expect(Math.hypot(u - camera.cx, v - camera.cy)).toBeLessThan(1)
  })
})

describe('sinkCamera', () => {
  it('has the world pose of the fact sheet', () => {
    const { position, rotation } = sinkCamera()
    const forward = new Vector3(0, 0, 1).applyQuaternion(new Quaternion(...rotation)).toArray()
    for (const [i, x] of [0.13, 0.27, 1.24].entries()) expect(position[i]).toBeCloseTo(x, 6)
    for (const [i, x] of [-0.65866, -0.2964, -0.6916].entries()) expect(forward[i]).toBeCloseTo(x, 4)
  })
})

describe('matrices', () => {
  it.each([
    ['flat table', flatTableCamera()],
    ['sink', sinkCamera()],
    ['crop', flatTableCamera().cropped([95, 40, 400, 400], 80, 80)],
  ])('project points as the camera does: %s', (_, view) => {
    const [k, e] = [intrinsicsMatrix(view), extrinsicsMatrix(view)]
    for (const p of [
      [-0.16, 0, table],
      [-0.2, 0.05, 0.95],
      [-0.1, 0.2, 0.94],
    ] satisfies Vec3[]) {
      const local = [0, 1, 2].map(
        (r) => e[4 * r] * p[0] + e[4 * r + 1] * p[1] + e[4 * r + 2] * p[2] + e[4 * r + 3],
      )
      const [u, v, w] = [0, 1, 2].map(
        (r) => k[3 * r] * local[0] + k[3 * r + 1] * local[1] + k[3 * r + 2] * local[2],
      )
      const pixel = projectPoint(view, p)
      // Matrices are float32: 1e-3 pixels.
      expect(Math.abs(u / w - pixel.u)).toBeLessThan(1e-3)
      expect(Math.abs(v / w - pixel.v)).toBeLessThan(1e-3)
      expect(w).toBeCloseTo(pixel.depth, 5)
    }
    expect([...e.subarray(12)]).toEqual([0, 0, 0, 1])
  })
})

describe('cropped', () => {
  it('is the whole frame, cut and binned', () => {
    const policyView = camera.cropped([95, 40, 400, 400], 80, 80)
    const again = policyView.cropped([20, 10, 40, 20], 80, 40)
    for (const p of [
      [-0.16, 0, table],
      [-0.2, 0.05, 0.95],
      [0, -0.1, 0.9],
    ] satisfies Vec3[]) {
      const full = projectPoint(camera, p)
      const cut = projectPoint(policyView, p)
      expect(cut.u).toBeCloseTo((full.u - 95) / 5, 10)
      expect(cut.v).toBeCloseTo((full.v - 40) / 5, 10)
      expect(cut.depth).toBe(full.depth)
      expect(projectPoint(again, p).u).toBeCloseTo((cut.u - 20) * 2, 10)
      expect(projectPoint(again, p).v).toBeCloseTo((cut.v - 10) * 2, 10)
    }
  })
})

describe('lookAt', () => {
  it('centres the target and keeps up upwards', () => {
    const pose = lookAt([1, 2, 3], [-1, 0.5, 0])
    const view = { ...camera, ...pose }
    const target = projectPoint(view, [-1, 0.5, 0])
    expect(target.u).toBeCloseTo(camera.cx, 9)
    expect(target.v).toBeCloseTo(camera.cy, 9)
    expect(target.depth).toBeCloseTo(Math.hypot(2, 1.5, 3), 12)
    const above = projectPoint(view, [-1, 0.5, 0.1])
    expect(above.u).toBeCloseTo(camera.cx, 9)
    expect(above.v).toBeLessThan(camera.cy)
    expect(projectPoint(view, [3, 3.5, 6]).depth).toBeLessThan(0)
  })
})
