import { Rng } from '@vla-gym/gymnasium'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, makeManipulationEnv } from '../../../envs/index.js'
import { checkPlacement } from '../../../envs/tasks/customPlacement.js'
import { findTask, tasks } from '../../../envs/tasks/registry.js'

beforeAll(initPhysics)

const carrot = findTask('widowx_carrot_on_plate')
const eggplant = findTask('widowx_put_eggplant_in_basket')
const free = { x: -0.25, y: 0.1, yaw: 0 }

describe('custom placement', () => {
  it.each([...tasks.keys()])('%s accepts what the task itself draws', (id) => {
    const task = findTask(id)
    const rng = Rng.fromSeed(1)
    const own = Array.from({ length: 24 }, (_, i) => task.official(i))
    for (const { source, target } of [...own, ...Array.from({ length: 100 }, () => task.random(rng))]) {
      const given = task.target.fixed ? { source } : { source, target }
      expect(checkPlacement(task, given)).toEqual({ source, target })
    }
  })

  it("sees overlaps as sampling the carrot's rectangle and the plate's disc does", () => {
    const [halfX, halfY] = carrot.source.box.map((extent) => extent / 2)
    const radius = carrot.target.box[0] / 2
    const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true })
    const shift = fc.double({ min: -0.1, max: 0.1, noNaN: true })
    let refused = 0
    fc.assert(
      fc.property(shift, shift, angle, angle, (dx, dy, yawA, yawB) => {
        const source = { x: -0.16, y: 0, yaw: yawA }
        const target = { x: -0.16 + dx, y: dy, yaw: yawB }
        // Points of the plate, seen from the carrot: one inside means that they overlap.
        let inside = false
        for (let i = -20; i <= 20; i++) {
          for (let j = -20; j <= 20; j++) {
            const [u, v] = [(i / 20) * radius, (j / 20) * radius]
            if (Math.hypot(u, v) > radius) continue
            const x = dx + Math.cos(yawB) * u - Math.sin(yawB) * v
            const y = dy + Math.sin(yawB) * u + Math.cos(yawB) * v
            const a = Math.cos(yawA) * x + Math.sin(yawA) * y
            const b = Math.cos(yawA) * y - Math.sin(yawA) * x
            if (Math.abs(a) < halfX && Math.abs(b) < halfY) inside = true
          }
        }
        if (!inside) return
        refused++
        expect(() => checkPlacement(carrot, { source, target })).toThrow(/overlap/)
      }),
      { seed: 2, numRuns: 200 },
    )
    expect(refused).toBeGreaterThan(50)
  })

  it('refuses in one line what cannot be', () => {
    const far = { x: -0.15, y: -0.1, yaw: 0 }
    const check = (source: unknown, target: unknown = far) =>
      checkPlacement(carrot, { source, target } as never)
    expect(() => check({ x: Number.NaN, y: 0 })).toThrow(
      /source must be .* finite numbers, got { NaN, 0, 0 }/,
    )
    expect(() => check(undefined)).toThrow(/source must be/)
    expect(() => check(free, null)).toThrow(/target must be/)
    expect(() => check({ x: 0.6, y: 0 })).toThrow(
      /carrot \(source\) at \(0.6, 0\) is not wholly inside .*table/,
    )
    expect(() => check({ x: -0.4, y: 0 })).toThrow(/0\.55 m from the robot, which reaches 0\.46 m/)
    expect(() => check(free, { x: -0.22, y: 0.12 })).toThrow(/carrot and plate overlap/)
    expect(() => checkPlacement(eggplant, { source: free, target: free })).toThrow(/leave target out/)
    expect(() => checkPlacement(eggplant, { source: { x: -0.15, y: 0.107 } })).toThrow(/eggplant \(source\)/)
    expect(checkPlacement(eggplant, { source: { x: -0.15, y: 0.2 } }).target).toEqual({
      x: -0.125,
      y: 0.025,
      yaw: 0,
    })
  })

  it('is where things are after reset, and solvable', () => {
    const env = makeManipulationEnv('widowx_carrot_on_plate')
    const placement = { source: { x: -0.28, y: 0.06, yaw: 0.7 }, target: { x: -0.12, y: -0.11 } }
    let [, info] = env.reset({ seed: 1, options: { placement } })
    expect(info.episodeId).toBeUndefined()
    const pose = env.scene.objectPose(0, new Float64Array(7))
    expect(Math.hypot(pose[0] + 0.28, pose[1] - 0.06)).toBeLessThan(5e-4)
    expect(2 * Math.atan2(pose[5], pose[6])).toBeCloseTo(0.7, 2)
    while (info.elapsedSteps < 60) info = env.step(env.expertAction())[4]
    expect(info.success).toBe(true)
    env.close()
  })
})
