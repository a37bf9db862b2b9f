import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, expect, it } from 'vitest'
import { MovingTool } from '../../../envs/experts/movingTool.js'
import { initPhysics, makeManipulationEnv } from '../../../envs/index.js'
import { fromRotationVector, multiply } from '../../../envs/math/quat.js'
import { widowx250s } from '../../../envs/robots/widowx250s.js'

beforeAll(initPhysics)

it('is where it was told to be after one control step, and keeps up with anything', () => {
  const env = makeManipulationEnv('widowx_stack_cube')
  const tool = new MovingTool(widowx250s, 0.2)
  const { robot } = env.scene
  for (let seed = 0; seed < 20; seed++) {
    const rng = Rng.fromSeed(seed, 'tool')
    env.reset({ seed })
    const home = Array.from(robot.kinematics.tcp)
    const commanded = [...home]
    for (let step = 0; step < 5; step++) {
      // Steps of up to 0.2 m: 1 m/s.
      const place = [
        home[0] + rng.uniform(-0.05, 0.05),
        rng.uniform(-0.1, 0.1),
        home[2] + rng.uniform(-0.03, 0.02),
      ]
      const turn = fromRotationVector([0, 0, 0, 1], [0, 0, rng.uniform(-0.4, 0.4)])
      const rotation = multiply([0, 0, 0, 1], turn, home.slice(3))
      const action = tool.reach(robot.q, commanded, place, rotation, 1)
      const [{ state }] = env.step(action)
      const { tcp } = robot.kinematics
      for (let k = 0; k < 3; k++) commanded[k] = tcp[k] + state[8 + k]
      const lead = fromRotationVector([0, 0, 0, 1], state.subarray(11, 14))
      commanded.splice(3, 4, ...multiply([0, 0, 0, 1], lead, Array.from(tcp).slice(3)))
      // The inverse kinematics ends within 1e-5 (m, rad); gains multiply it by at most 2.
      expect(Math.hypot(tcp[0] - place[0], tcp[1] - place[1], tcp[2] - place[2])).toBeLessThan(2e-4)
      const aligned = [0, 1, 2, 3].reduce((sum, k) => sum + tcp[3 + k] * rotation[k], 0)
      expect(Math.abs(aligned)).toBeGreaterThan(1 - 1e-7)
    }
  }
  env.close()
})

it('goes as far as it can where a place is out of reach', () => {
  const env = makeManipulationEnv('widowx_stack_cube')
  const tool = new MovingTool(widowx250s, 0.2)
  env.reset({ seed: 1 })
  const { robot } = env.scene
  const home = Array.from(robot.kinematics.tcp)
  const action = tool.reach(robot.q, home, [home[0], home[1] + 2, home[2]], home.slice(3), 1)
  for (const x of action) expect(Number.isFinite(x)).toBe(true)
  env.step(action)
  expect(robot.kinematics.tcp[1]).toBeGreaterThan(home[1] + 0.02)
  env.close()
})
