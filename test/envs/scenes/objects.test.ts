import { beforeAll, describe, expect, it } from 'vitest'
import type { Part } from '../../../envs/geometry.js'
import { initPhysics } from '../../../envs/index.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable } from '../../../envs/scenes/flatTable.js'
import { carrot, eggplant, greenCube, plate, spoon, towel } from '../../../envs/scenes/objects.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { BASIN_FLOOR, BASKET_FLOOR, sink } from '../../../envs/scenes/sink.js'
import { tasks } from '../../../envs/tasks/registry.js'

beforeAll(initPhysics)

interface Body {
  mass(): number
  localCom(): { x: number; y: number; z: number }
}
const bodiesOf = (scene: Scene) => (scene as unknown as { objectBodies: Body[] }).objectBodies

/** Bounds of the colliding parts, [minimum xyz, maximum xyz], mm. */
function bounds(parts: readonly Part[]): number[] {
  const low = [Infinity, Infinity, Infinity]
  const high = [-Infinity, -Infinity, -Infinity]
  for (const { shape, pose, collides } of parts) {
    if (collides === false) continue
    const at = pose?.position ?? [0, 0, 0]
    const corners: number[][] = []
    if (shape.kind === 'box')
      corners.push(
        [...shape.halfExtents],
        [...shape.halfExtents].map((x) => -x),
      )
    else if (shape.kind === 'hull') {
      for (let i = 0; i < shape.vertices.length; i += 3) corners.push([...shape.vertices.subarray(i, i + 3)])
    }
    for (const corner of corners) {
      for (let k = 0; k < 3; k++) {
        low[k] = Math.min(low[k], corner[k] + at[k])
        high[k] = Math.max(high[k], corner[k] + at[k])
      }
    }
  }
  return [...low, ...high].map((x) => 1000 * x)
}

describe('objects', () => {
  // Masses are those that the original's hulls have; ours may be 2 % off, and 3 mm in the centre of mass.
  it.each([
    [carrot, 55, [0.0067, 0, 0.0005]],
    [plate, 41, [0, 0, 0.0035]],
    [greenCube, 27, [0, 0, 0]],
    [spoon, 42, [0.013, 0, 0.0007]],
    [towel, 28, [0, 0, 0]],
    [eggplant, 21.5, [0, 0, 0]],
  ])('have the published masses and centres of mass', (object, grams, center) => {
    const scene = new Scene(flatTable, arm, [object])
    const [body] = bodiesOf(scene)
    expect(Math.abs(1000 * body.mass() - grams) / grams).toBeLessThan(0.02)
    const { x, y, z } = body.localCom()
    for (const [k, value] of [x, y, z].entries()) expect(Math.abs(value - center[k])).toBeLessThan(0.003)
    scene.close()
  })

  it.each([
    [carrot, [-64.1, -16.3, -17.8, 54.2, 15.9, 23.4], 0.5],
    [spoon, [-73.2, -17.8, -11.7, 67.9, 17.8, 15.3], 0.1],
    [eggplant, [-44.9, -18.9, -20.3, 33.8, 18.5, 17.7], 0.5],
    // The original's top has creases up to 3 mm above ours.
    [towel, [-51.1, -50.8, -5, 49.9, 50.2, 6.1], 3],
  ])('have the published bounds, mm', (object, published, tolerance) => {
    for (const [i, value] of bounds(object.body.parts).entries()) {
      expect(Math.abs(value - published[i])).toBeLessThan(tolerance)
    }
  })

  it.each([...tasks.values()].map((task) => [task.id, task] as const))(
    'of %s lie still where they were put, for 5 s',
    (_, task) => {
      const scene = new Scene(task.scene, arm, [task.source, task.target])
      for (const episode of [0, 13]) {
        const { source, target } = task.official(episode)
        scene.reset()
        for (const [i, { x, y, yaw }] of [source, target].entries()) scene.place(i, x, y, yaw)
        scene.settle()
        const poses = () => scene.objects.map((_, i) => scene.objectPose(i, new Float64Array(7)))
        const before = poses()
        for (const [i, { x, y }] of [source, target].entries()) {
          expect(Math.hypot(before[i][0] - x, before[i][1] - y)).toBeLessThan(5e-4)
        }
        for (let i = 0; i < 25; i++) scene.controlStep(scene.robot.q, 0.038)
        for (const [i, pose] of poses().entries()) {
          expect(Math.hypot(...[0, 1, 2].map((k) => pose[k] - before[i][k]))).toBeLessThan(2e-4)
        }
      }
      scene.close()
    },
  )

  it.each([...tasks.values()].map((task) => [task.id, task] as const))(
    'of %s end in the same places when they are dropped',
    (_, task) => {
      const scene = new Scene(task.scene, arm, [task.source, task.target])
      const start = (episode: number, how: 'drop' | 'settle') => {
        const { source, target } = task.official(episode)
        scene.reset()
        for (const [i, { x, y, yaw }] of [source, target].entries()) scene.place(i, x, y, yaw)
        scene[how]()
        return scene.objects.flatMap((_, i) => [...scene.objectPose(i, new Float64Array(7))])
      }
      for (const episode of [1, 12, 22]) {
        const [set, dropped] = [start(episode, 'settle'), start(episode, 'drop')]
        // 0.3 mm, and 2e-3 in a quaternion, which is 0.25 degrees.
        for (const [i, x] of set.entries()) {
          expect(Math.abs(dropped[i] - x)).toBeLessThan(i % 7 < 3 ? 3e-4 : 2e-3)
        }
      }
      // Dropped objects meet the robot again.
      const groups = (scene as unknown as { objectBodies: { collider(i: number): Collider }[] }).objectBodies
      for (const [i, body] of groups.entries()) {
        if (!scene.objects[i].fixed) expect(body.collider(0).collisionGroups() & 0x4).toBe(0x4)
      }
      scene.close()
    },
  )
})

interface Collider {
  collisionGroups(): number
}

describe('sink', () => {
  it('holds an eggplant in the basin and in the basket', () => {
    const scene = new Scene(sink, arm, [eggplant])
    for (const [x, y, floor] of [
      [-0.1, 0.2, BASIN_FLOOR],
      [-0.125, 0.03, BASKET_FLOOR],
    ]) {
      scene.reset()
      scene.setObjectPose(0, [x, y, floor + 0.05, 0, 0, 0, 1])
      for (let i = 0; i < 5; i++) scene.controlStep(scene.robot.q, 0.038)
      const pose = scene.objectPose(0, new Float64Array(7))
      expect(pose[2]).toBeCloseTo(floor + eggplant.bottom, 3)
      expect(scene.failure()).toBeUndefined()
    }
    // Pushed hard against the wall between them it stays on its side.
    const [body] = (scene as unknown as { objectBodies: { setLinvel(v: object, wake: boolean): void }[] })
      .objectBodies
    scene.setObjectPose(0, [-0.1, 0.2, BASIN_FLOOR + eggplant.bottom, 0, 0, 0, 1])
    body.setLinvel({ x: 0, y: -1.5, z: 0 }, true)
    for (let i = 0; i < 10; i++) scene.controlStep(scene.robot.q, 0.038)
    expect(scene.objectPose(0, new Float64Array(7))[1]).toBeGreaterThan(0.114)
    scene.close()
  })

  it('tells that an eggplant fell out', () => {
    const scene = new Scene(sink, arm, [eggplant])
    scene.reset()
    scene.setObjectPose(0, [-0.36, 0.1, 1, 0, 0, 0, 1])
    for (let i = 0; i < 4; i++) scene.controlStep(scene.robot.q, 0.038)
    expect(scene.failure()).toBe('eggplant fell out of the sink')
    scene.close()
  })
})
