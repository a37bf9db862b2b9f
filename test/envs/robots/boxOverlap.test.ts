import RAPIER from '@dimforge/rapier3d-simd-compat'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { fromRotationVector } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { BoxOverlap } from '../../../envs/robots/boxOverlap.js'
import { ToolBoxes } from '../../../envs/robots/toolBoxes.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'

beforeAll(initPhysics)

const tool = new ToolBoxes(arm)
const fingers = [0.03, 0.02]
const unit = fc.double({ min: -1, max: 1, noNaN: true })
const vector = fc.tuple(unit, unit, unit).filter((v) => norm(v) > 0.1)
const scaled = (v: readonly number[], factor: number) => v.map((x) => factor * x)
const size = fc.double({ min: 0.003, max: 0.1, noNaN: true })

/** A pose of the tool, one of its boxes, and a wall that reaches to where that box is. */
const scenes = fc
  .record({
    box: fc.integer({ min: 0, max: tool.count - 1 }),
    turn: vector,
    half: fc.tuple(size, size, size),
    offset: vector,
  })
  .map(({ box, turn, half, offset }) => {
    const pose = [
      0.1,
      -0.2,
      0.3,
      ...fromRotationVector(
        [0, 0, 0, 1],
        turn.map((x) => 3 * x),
      ),
    ]
    tool.place(pose, fingers)
    const center = [0, 1, 2].map((k) => {
      const reach = half[k] + tool.extents[3 * box + k]
      return tool.centers[3 * box + k] + 0.95 * reach * offset[k]
    })
    return { box, pose, wall: Float64Array.of(...center, ...half) }
  })

/** Whether the same boxes meet, by Rapier, with the tool's moved. */
function meets(box: number, pose: number[], wall: Float64Array, move = [0, 0, 0]): boolean {
  const [x, y, z, w] = pose.slice(3)
  const upright = { x: 0, y: 0, z: 0, w: 1 }
  const [hx, hy, hz] = tool.halves.subarray(3 * box)
  const [cx, cy, cz] = tool.centers.subarray(3 * box)
  const there = { x: cx + move[0], y: cy + move[1], z: cz + move[2] }
  return new RAPIER.Cuboid(wall[3], wall[4], wall[5]).intersectsShape(
    { x: wall[0], y: wall[1], z: wall[2] },
    upright,
    new RAPIER.Cuboid(hx, hy, hz),
    there,
    { x, y, z, w },
  )
}

describe('overlap of a tool box and a wall', () => {
  it('is there where Rapier says so, and its way out is the shortest', () => {
    let [touching, apart] = [0, 0]
    fc.assert(
      fc.property(
        scenes,
        fc.array(vector, { minLength: 30, maxLength: 30 }),
        ({ box, pose, wall }, others) => {
          tool.place(pose, fingers)
          const overlap = new BoxOverlap(tool, wall)
          const depth = overlap.measure(box, 0, 0)
          // Rapier has float32, and an axis of two edges has to be the better one by 10 µm here.
          if (depth < 1e-4) {
            expect(others.every((other) => meets(box, pose, wall, scaled(other, 2e-4 / norm(other))))).toBe(
              false,
            )
            apart++
            return
          }
          touching++
          const way = [...overlap.normal]
          expect(norm(way)).toBeCloseTo(1, 9)
          expect(meets(box, pose, wall)).toBe(true)
          expect(meets(box, pose, wall, scaled(way, depth + 2e-5))).toBe(false)
          for (const other of [way, ...others]) {
            expect(meets(box, pose, wall, scaled(other, (depth - 3e-5) / norm(other)))).toBe(true)
          }
        },
      ),
      { seed: 1, numRuns: 400 },
    )
    expect(Math.min(touching, apart)).toBeGreaterThan(50)
  })

  it('has a point in the tool, and at the wall, where it is as shallow as between two looks', () => {
    let checked = 0
    fc.assert(
      fc.property(
        scenes,
        fc.double({ min: 1e-4, max: 3e-3, noNaN: true }),
        ({ box, pose, wall }, shallow) => {
          tool.place(pose, fingers)
          const overlap = new BoxOverlap(tool, wall)
          const depth = overlap.measure(box, 0, 0)
          if (depth < shallow) return
          const move = scaled([...overlap.normal], depth - shallow)
          tool.place(
            pose.map((value, k) => (k < 3 ? value + move[k] : value)),
            fingers,
          )
          expect(overlap.measure(box, 0, 0)).toBeGreaterThan(0.9 * shallow)
          overlap.locate(box, 0)
          checked++
          const { point } = overlap
          for (let k = 0; k < 3; k++) {
            // Projections end on the tool; 10 mm beside the wall are little next to the levers, 0.1 to 0.5 m.
            expect(Math.abs(point[k] - wall[k])).toBeLessThan(wall[3 + k] + 0.01)
            let along = 0
            for (let j = 0; j < 3; j++) {
              along += tool.rotation[3 * j + k] * (point[j] - tool.centers[3 * box + j])
            }
            expect(Math.abs(along)).toBeLessThan(tool.halves[3 * box + k] + 1e-9)
          }
        },
      ),
      { seed: 2, numRuns: 500 },
    )
    expect(checked).toBeGreaterThan(100)
  })

  it('counts only beyond what is asked for', () => {
    tool.place([0, 0, 0, 0, 0, 0, 1], fingers)
    const at = (depth: number) => {
      const [x, y, z] = tool.centers
      const [hx, hy, hz] = tool.halves
      return new BoxOverlap(tool, [x + hx + 0.01 - depth, y, z, 0.01, hy, hz])
    }
    expect(at(0.002).measure(0, 0, 0.001)).toBeCloseTo(0.002, 12)
    const shallow = at(0.002)
    expect(shallow.measure(0, 0, 0.003)).toBe(0)
    const deep = at(0.002)
    deep.measure(0, 0, 0)
    expect([...deep.normal]).toEqual([-1, 0, 0])
  })
})
