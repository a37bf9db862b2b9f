import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { fromYaw } from '../../../envs/math/quat.js'
import { widowx250s } from '../../../envs/robots/widowx250s.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { PutOnEvaluation } from '../../../envs/tasks/putOn.js'
import { findTask, tasks } from '../../../envs/tasks/registry.js'
import type { PutOnTask } from '../../../envs/tasks/task.js'

beforeAll(initPhysics)

const stack = findTask('widowx_stack_cube')
const carrot = findTask('widowx_carrot_on_plate')
const spoon = findTask('widowx_spoon_on_towel')
const eggplant = findTask('widowx_put_eggplant_in_basket')

describe('tasks', () => {
  it('have the original words, horizons and episode counts', () => {
    expect(stack.instruction).toBe('stack the green block on the yellow block')
    expect(carrot.instruction).toBe('put carrot on plate')
    expect(spoon.instruction).toBe('put the spoon on the towel')
    expect(eggplant.instruction).toBe('put eggplant into yellow basket')
    for (const task of tasks.values()) {
      expect([task.maxSteps, task.officialEpisodes]).toEqual([task === eggplant ? 120 : 60, 24])
    }
    expect(() => findTask('widowx_stack_cubes')).toThrow(/nearest known: widowx_stack_cube/)
  })

  it('have the original grids', () => {
    const [a, b, d] = [
      { x: -0.235, y: -0.075 },
      { x: -0.235, y: 0.075 },
      { x: -0.085, y: 0.075 },
    ]
    const at = (task: PutOnTask, id: number) => {
      const { source, target } = task.official(id)
      const round = (v: number) => Number(v.toFixed(6))
      return [source, target].map(({ x, y, yaw }) => ({ x: round(x), y: round(y), yaw }))
    }
    expect(at(carrot, 0)).toEqual([
      { ...a, yaw: Math.PI },
      { ...b, yaw: 0 },
    ])
    expect(at(carrot, 1)[0]).toEqual({ ...a, yaw: -Math.PI / 2 })
    expect(at(carrot, 23)[0]).toEqual({ ...d, yaw: -Math.PI / 2 })
    expect(at(carrot, 24)).toEqual(at(carrot, 0))
    expect(at(stack, 0)[0]).toEqual({ x: -0.21, y: -0.05, yaw: 0 })
    expect(at(stack, 12)).toEqual([
      { x: -0.26, y: -0.1, yaw: 0 },
      { x: -0.26, y: 0.1, yaw: 0 },
    ])
    expect(at(spoon, 0)).toEqual([
      { ...a, yaw: 0 },
      { ...b, yaw: 0 },
    ])
    expect(at(spoon, 23)[0]).toEqual({ ...d, yaw: Math.PI / 2 })
    const basket = { x: -0.125, y: 0.025, yaw: 0 }
    expect(at(eggplant, 0)).toEqual([{ x: -0.115, y: 0.191, yaw: 0 }, basket])
    expect(at(eggplant, 4)).toEqual([{ x: -0.115, y: 0.201, yaw: Math.PI / 4 }, basket])
    expect(at(eggplant, 23)).toEqual([{ x: -0.095, y: 0.221, yaw: -Math.PI / 4 }, basket])
    for (const task of tasks.values()) {
      const layouts = new Set(Array.from({ length: 24 }, (_, id) => JSON.stringify(task.official(id))))
      expect(layouts.size).toBe(24)
    }
  })

  it.each([
    [stack, 0.1, 0.08, [0]],
    [carrot, 0.075, 0.125, [Math.PI, -Math.PI / 2]],
    [spoon, 0.075, 0.105, [0, Math.PI / 2]],
  ] as const)('draw random placements inside the squares and apart', (task, half, apart, yaws) => {
    const rng = Rng.fromSeed(3)
    const seen = new Set<number>()
    for (let i = 0; i < 400; i++) {
      const { source, target } = task.random(rng)
      for (const { x, y } of [source, target]) {
        expect(Math.abs(x + 0.16)).toBeLessThanOrEqual(half)
        expect(Math.abs(y)).toBeLessThanOrEqual(half)
      }
      expect(Math.hypot(source.x - target.x, source.y - target.y)).toBeGreaterThanOrEqual(apart)
      seen.add(source.yaw)
    }
    expect([...seen].sort()).toEqual([...yaws].sort())
  })

  it('draw eggplants from the whole range of the official ones', () => {
    const rng = Rng.fromSeed(3)
    const spots = Array.from({ length: 400 }, () => eggplant.random(rng))
    const ranges = { x: [-0.115, -0.095], y: [0.191, 0.221], yaw: [-Math.PI / 4, Math.PI / 4] } as const
    for (const [key, [low, high]] of Object.entries(ranges)) {
      const values = spots.map(({ source }) => source[key as 'x' | 'y' | 'yaw'])
      const margin = 0.05 * (high - low)
      expect(Math.min(...values)).toBeGreaterThanOrEqual(low)
      expect(Math.max(...values)).toBeLessThanOrEqual(high)
      expect(Math.min(...values)).toBeLessThan(low + margin)
      expect(Math.max(...values)).toBeGreaterThan(high - margin)
    }
    for (const { target } of spots) expect(target).toEqual(eggplant.official(0).target)
  })

  it('leave room for an open finger between spoon and towel', () => {
    const rng = Rng.fromSeed(4)
    for (let i = 0; i < 400; i++) {
      const { source, target } = spoon.random(rng)
      const [dx, dy] = [Math.abs(source.x - target.x), Math.abs(source.y - target.y)]
      const [along, across] = source.yaw === 0 ? [dx, dy] : [dy, dx]
      // Half the spoon and half the towel; an open finger's outside at 48 mm and half the towel.
      expect(along > 0.0735 + 0.0505 || across > 0.048 + 0.0505).toBe(true)
    }
  })
})

describe('success test', () => {
  /** Source's centre of mass at an offset from the target's, turned by a yaw; true if it counts as on it. */
  function check(task: PutOnTask) {
    const scene = new Scene(task.scene, widowx250s, [task.source, task.target])
    const { source, target: spot } = task.official(0)
    scene.reset()
    scene.place(0, source.x, source.y, 0)
    scene.place(1, spot.x, spot.y, 0)
    scene.settle()
    const evaluation = new PutOnEvaluation(task, scene)
    evaluation.reset()
    const center = scene.objectCenter(0, new Float64Array(3))
    const own = scene.objectPose(0, new Float64Array(7)).map((x, i) => (i < 3 ? x - center[i] : x))
    const target = scene.objectCenter(1, new Float64Array(3))
    const rotation = own.slice(3)
    return {
      scene,
      evaluation,
      at(dx: number, dy: number, dz: number) {
        const position = [dx, dy, dz].map((d, i) => target[i] + own[i] + d)
        scene.setObjectPose(0, [...position, ...rotation])
        return evaluation.evaluate().onTarget
      },
    }
  }

  it.each([
    [stack, 0.0242, 0.05, 3e-4],
    [carrot, 0.0808, 0.042, 3e-4],
    // It lies tilted by 1.2 degrees, which turns 1.5 mm of its length into height.
    [spoon, 0.0737, 0.038, 2e-3],
    [eggplant, 0.0793, 0.08, 3e-4],
  ])('has the published radius and height window', (task, radius, top, slack) => {
    const { at, scene } = check(task)
    for (const angle of [0, 1, 2.5, 4]) {
      const [x, y] = [Math.cos(angle), Math.sin(angle)]
      expect(at((radius - 3e-4) * x, (radius - 3e-4) * y, 0.02)).toBe(true)
      expect(at((radius + 3e-4) * x, (radius + 3e-4) * y, 0.02)).toBe(false)
    }
    expect(at(0, 0, top - slack)).toBe(true)
    expect(at(0, 0, top + slack)).toBe(false)
    expect(at(0, 0, 3e-4)).toBe(true)
    expect(at(0, 0, -3e-4)).toBe(false)
    scene.close()
  })

  it('asks that the source touches nothing but the target', () => {
    const { at, scene, evaluation } = check(carrot)
    at(0, 0, 0.021)
    scene.settle()
    expect(evaluation.evaluate()).toMatchObject({ success: true, onTarget: true, movedCorrectObject: true })
    // Leaning over the rim the carrot's end rests on the table.
    at(0.075, 0, 0.021)
    scene.settle()
    expect(scene.touchesOthers(0, 1)).toBe(true)
    expect(evaluation.evaluate().success).toBe(false)
    scene.close()
  })

  it('tells moved objects apart', () => {
    const { scene, evaluation } = check(stack)
    scene.setObjectPose(1, [-0.1, 0.1, 0.8845, ...fromYaw(0.3)])
    expect(evaluation.evaluate()).toMatchObject({ movedCorrectObject: false, movedWrongObject: true })
    scene.setObjectPose(0, [-0.3, 0.1, 0.8845, ...fromYaw(0)])
    expect(evaluation.evaluate()).toMatchObject({ movedCorrectObject: true, movedWrongObject: false })
    scene.close()
  })
})
