import { beforeAll, expect, it } from 'vitest'
import { embodiments, initPhysics, makeManipulationEnv } from '../../envs/index.js'
import { stillAction } from '../../rl/rollout/stillAction.js'

beforeAll(initPhysics)

it('keeps a WidowX where it is, and its gripper as it was told last', () => {
  const env = makeManipulationEnv('widowx_stack_cube')
  env.reset({ seed: 1 })
  for (const gripper of [1, -1]) {
    let [{ state }] = env.step([0, 0, 0, 0, 0, 0, gripper])
    const before = state.slice()
    for (let i = 0; i < 6; i++) [{ state }] = env.step(stillAction(env.embodiment, state))
    expect(state[7]).toBe(gripper)
    // The inverse kinematics ends within 1e-5 (m, rad).
    for (let k = 0; k < 6; k++) expect(Math.abs(state[k] - before[k])).toBeLessThan(3e-5)
  }
  env.close()
})

it('asks joints that are told where to be to stay, and others not to move', () => {
  const widowx = embodiments.get('widowx')!
  const absolute = { ...widowx, actionNames: ['a', 'b'], stateNames: ['b', 'a'] }
  expect([...stillAction(absolute, [3, 4])]).toEqual([4, 3])
  const changes = { ...widowx, actionNames: ['dx', 'gripper'], stateNames: ['x', 'opening'] }
  expect([...stillAction(changes, [3, 4])]).toEqual([0, 0])
})
