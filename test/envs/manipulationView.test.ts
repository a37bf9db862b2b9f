import { Quaternion, Vector3 } from 'three'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flatTableCamera } from '../../envs/cameras/index.js'
import { initPhysics } from '../../envs/index.js'
import { ManipulationView } from '../../envs/manipulationView.js'
import { widowx250s } from '../../envs/robots/widowx250s.js'
import { flatTable } from '../../envs/scenes/flatTable.js'
import { greenCube, yellowCube } from '../../envs/scenes/objects.js'
import { Scene } from '../../envs/scenes/scene.js'

let scene: Scene
let view: ManipulationView

beforeAll(async () => {
  await initPhysics()
  scene = new Scene(flatTable, widowx250s, [greenCube, yellowCube])
  scene.reset()
  scene.place(0, -0.2, 0.1, 0)
  scene.place(1, -0.1, -0.06, 0.3)
  view = new ManipulationView(scene, { width: 640, height: 480 }, flatTableCamera())
})
afterAll(() => scene.close())

/** World point at a depth behind a place (u, v) of the picture. */
function unproject(u: number, v: number, depth: number): Vector3 {
  const { fx, fy, cx, cy, rotation, position } = view.camera
  return new Vector3((u - cx) / fx, (v - cy) / fy, 1)
    .multiplyScalar(depth)
    .applyQuaternion(new Quaternion(...rotation))
    .add(new Vector3(...position))
}

describe('ManipulationView', () => {
  it('has the published intrinsics, and those of a crop', () => {
    const { fx, fy, cx, cy } = view.camera
    expect([fx, fy, cx, cy]).toEqual([623.588, 623.588, 319.501, 239.545])
    const small = new ManipulationView(
      scene,
      { width: 80, height: 80, crop: [95, 40, 400, 400] },
      flatTableCamera(),
    )
    expect(small.camera.fx).toBeCloseTo(623.588 / 5, 9)
    expect(small.camera.cx).toBeCloseTo((319.501 - 95) / 5, 9)
    expect(small.render().length).toBe(3 * 80 * 80)
  })

  // ManiSkill2_real2sim's flat-table camera: where table points at a height of 0.8695 m are in its picture.
  it.each([
    [-0.16, 0, 300.0, 256.5],
    [-0.235, -0.075, 271.1, 179.2],
    [-0.235, 0.075, 420.6, 232.0],
    [-0.085, -0.075, 168.8, 283.0],
    [-0.085, 0.075, 338.7, 359.9],
  ])('sees the table point (%d, %d) at (%d, %d)', (x, y, u, v) => {
    const i = 640 * Math.floor(v) + Math.floor(u)
    expect(view.segmentationNames[view.renderSegmentation()[i]]).toBe('table')
    const depth = view.renderDepth()[i]
    const point = unproject(u, v, depth)
    // Depth is that of a sample up to a pixel away: 0.8 mm across, and up to 1.3 mm along the table.
    expect(Math.hypot(point.x - x, point.y - y, point.z - 0.8695)).toBeLessThan(2e-3)
  })

  it('gives depth and labels that fit the scene, body by body', () => {
    const [depth, labels] = [view.renderDepth(), view.renderSegmentation()]
    const counts = new Map<string, number>()
    const [cube, at] = [new Float64Array(3), new Vector3()]
    for (let row = 0; row < 480; row++) {
      for (let column = 0; column < 640; column++) {
        const i = 640 * row + column
        const name = view.segmentationNames[labels[i]]
        counts.set(name, (counts.get(name) ?? 0) + 1)
        if (name === 'background') expect(depth[i]).toBe(0)
        else if (name.endsWith('_cube')) {
          const center = scene.objectCenter(name === 'green_cube' ? 0 : 1, cube)
          const point = unproject(column + 0.5, row + 0.5, depth[i])
          // Half the diagonal of 3 cm, and a pixel.
          expect(point.distanceTo(at.fromArray(center))).toBeLessThan(0.026 + 0.001)
        }
      }
    }
    for (const name of ['background', 'table', 'gripper_link', 'green_cube', 'yellow_cube'])
      expect(counts.get(name) ?? 0).toBeGreaterThan(200)
  })

  it('follows the scene, and leaves earlier pictures alone', () => {
    const [rgb, labels] = [view.render(), view.renderSegmentation()]
    const [keptRgb, keptLabels] = [rgb.slice(), labels.slice()]
    scene.place(0, -0.25, -0.05, 0)
    const [later, laterLabels] = [view.render(), view.renderSegmentation()]
    expect(Buffer.compare(later, rgb)).not.toBe(0)
    expect(Buffer.compare(laterLabels, labels)).not.toBe(0)
    scene.place(0, -0.2, 0.1, 0)
    expect(Buffer.compare(view.render(), keptRgb)).toBe(0)
    expect(Buffer.compare(rgb, keptRgb)).toBe(0)
    expect(Buffer.compare(labels, keptLabels)).toBe(0)
  })

  it('is anti-aliased: edges of a cube have colours between those beside them', () => {
    const rgb = view.render()
    const labels = view.renderSegmentation()
    const green = view.segmentationNames.indexOf('green_cube')
    let between = 0
    let edges = 0
    for (let i = 1; i + 1 < labels.length; i++) {
      if (labels[i] !== green || labels[i - 1] === green || labels[i + 1] !== green) continue
      edges++
      // The cube has less red than the table.
      const [left, here, right] = [rgb[3 * (i - 1)], rgb[3 * i], rgb[3 * (i + 1)]]
      if (here < left - 10 && here > right + 10) between++
    }
    expect(edges).toBeGreaterThan(20)
    expect(between / edges).toBeGreaterThan(0.3)
  })
})
