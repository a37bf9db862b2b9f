import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { widowx250s } from '../../../envs/robots/widowx250s.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { PutOnEvaluation } from '../../../envs/tasks/putOn.js'
import { spatialTasks } from '../../../envs/tasks/spatial.js'

beforeAll(initPhysics)

const HEIGHT = 0.8695 + 0.015

/** The blocks at rest 12 cm apart along y; then the source elsewhere: is the goal met? */
function judge(name: string) {
  const task = spatialTasks.find(({ id }) => id === `ood_spatial_${name}`)!
  const scene = new Scene(task.scene, widowx250s, [task.source, task.target])
  scene.reset()
  const [source, target] = [
    [-0.16, 0],
    [-0.16, -0.12],
  ]
  scene.place(0, source[0], source[1], 0)
  scene.place(1, target[0], target[1], 0)
  scene.settle()
  const evaluation = new PutOnEvaluation(task, scene)
  evaluation.reset()
  const at = (x: number, y: number, lift = 0) => {
    scene.setObjectPose(0, [x, y, HEIGHT + lift, 0, 0, 0, 1])
    return evaluation.evaluate().success
  }
  return {
    task,
    scene,
    evaluation,
    /** From where the source was. */
    moved: (x: number, y: number, lift = 0) => at(source[0] + x, source[1] + y, lift),
    /** From the target. */
    beside: (x: number, y: number, lift = 0) => at(target[0] + x, target[1] + y, lift),
  }
}

describe('spatial goals', () => {
  it('away: 5 cm further than it was, and at least 15 cm', () => {
    const { beside, scene } = judge('move_away')
    for (const angle of [0, 1, 2, 4]) {
      const [x, y] = [Math.cos(angle), Math.sin(angle)]
      expect(beside(0.171 * x, 0.171 * y)).toBe(true)
      expect(beside(0.169 * x, 0.169 * y)).toBe(false)
    }
    expect(beside(0.2, 0, 0.02)).toBe(false)
    scene.close()
  })

  it('right: 6 cm along the world’s y, and not further to the side', () => {
    const { moved, scene } = judge('move_right')
    expect(moved(0, 0.061)).toBe(true)
    expect(moved(0, 0.059)).toBe(false)
    expect(moved(0, -0.061)).toBe(false)
    expect(moved(0.06, 0.061)).toBe(true)
    expect(moved(0.07, 0.061)).toBe(false)
    expect(moved(0, 0.061, 0.02)).toBe(false)
    scene.close()
  })

  it('near: 9 cm, on the table', () => {
    const { beside, scene } = judge('place_near')
    expect(beside(0.063, 0.063)).toBe(true)
    expect(beside(0.065, 0.065)).toBe(false)
    expect(beside(0, 0, 0.03)).toBe(false)
    scene.close()
  })

  it.each([
    ['place_right', 0, 1],
    ['put_in_front', 1, 0],
  ] as const)('%s: 4 to 10 cm that way, 3 cm aside at most', (name, ux, uy) => {
    const { beside, scene } = judge(name)
    const at = (along: number, aside: number, lift = 0) =>
      beside(along * ux + aside * uy, along * uy + aside * ux, lift)
    for (const [along, aside, ok] of [
      [0.041, 0, true],
      [0.039, 0, false],
      [0.099, 0.029, true],
      [0.099, -0.031, false],
      [0.101, 0, false],
      [-0.06, 0, false],
    ] as const) {
      expect(at(along, aside), `${along}, ${aside}`).toBe(ok)
    }
    expect(at(0.06, 0, 0.02)).toBe(false)
    scene.close()
  })

  it.each(spatialTasks.map((task) => [task.id, task] as const))(
    '%s: no episode begins with success, and the expert’s place meets the goal',
    (_, task) => {
      const rng = Rng.fromSeed(5)
      const scene = new Scene(task.scene, widowx250s, [task.source, task.target])
      const evaluation = new PutOnEvaluation(task, scene)
      for (let i = 0; i < 40; i++) {
        const { source, target } = i < 20 ? task.official(i) : task.random(rng)
        scene.reset()
        scene.place(0, source.x, source.y, source.yaw)
        scene.place(1, target.x, target.y, target.yaw)
        evaluation.reset()
        expect(evaluation.evaluate().success).toBe(false)
        if (!task.goal) continue
        const [x, y, z] = task.goal.place(evaluation)
        expect(Math.hypot(x - 0.147, y - 0.028)).toBeLessThan(0.46)
        scene.setObjectPose(0, [x, y, z, 0, 0, 0, 1])
        expect(evaluation.evaluate().success).toBe(true)
      }
      expect(JSON.stringify(task.official(3))).toBe(JSON.stringify(task.official(3 + task.officialEpisodes)))
      scene.close()
    },
  )
})
