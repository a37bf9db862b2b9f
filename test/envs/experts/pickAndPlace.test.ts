import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, makeManipulationEnv, suites } from '../../../envs/index.js'

beforeAll(initPhysics)

interface Run {
  seeds?: number
  noise?: number
}

/** Successes at the last step, mean step of the first success, and the longest commanded translation. */
function evaluate(id: string, { seeds = 0, noise = 0 }: Run) {
  const env = makeManipulationEnv(id)
  const rng = Rng.fromSeed('noise')
  let [successes, firstSum, longest] = [0, 0, 0]
  const episodes = seeds || 24
  for (let episode = 0; episode < episodes; episode++) {
    let [, info] = env.reset(seeds ? { seed: 1000 + episode } : { options: { episodeId: episode } })
    let first = 60
    for (let i = 0; i < env.task.maxSteps; i++) {
      const action = env.expertAction()
      longest = Math.max(longest, Math.hypot(action[0], action[1], action[2]))
      for (let k = 0; k < 6; k++) action[k] += noise * rng.uniform(-1, 1) * (k < 3 ? 1 : 5)
      info = env.step(action)[4]
      if (info.success) first = Math.min(first, i + 1)
    }
    successes += info.success ? 1 : 0
    firstSum += first
  }
  env.close()
  return { rate: successes / episodes, first: firstSum / episodes, longest }
}

describe.each(suites.get('simpler-widowx')!.tasks.map((id) => [id]))('expert of %s', (id) => {
  it('solves every official episode, early and in small steps', () => {
    const { rate, first, longest } = evaluate(id, {})
    expect(rate).toBe(1)
    expect(first).toBeLessThan(20)
    expect(longest).toBeLessThan(0.045)
  })

  it('solves random episodes under noise on its actions', () => {
    expect(evaluate(id, { seeds: 16, noise: 0.015 }).rate).toBeGreaterThanOrEqual(15 / 16)
  })
})

describe('expert', () => {
  it('grasps again what was taken from it', () => {
    const env = makeManipulationEnv('widowx_stack_cube')
    env.reset({ options: { episodeId: 0 } })
    let [, , , , info] = env.step(env.expertAction())
    while (!(info.grasped && env.grounding().positions[2] > 0.05)) info = env.step(env.expertAction())[4]
    env.scene.place(0, -0.12, -0.06, 0.4)
    while (info.elapsedSteps < 60) info = env.step(env.expertAction())[4]
    expect(info.success).toBe(true)
    env.close()
  })
})
