import { checkEnv } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, makeEnv, type RobotEnv, suites } from '../../../envs/index.js'
import { restingTasks } from '../../../envs/tasks/moving/tasks.js'

beforeAll(initPhysics)

const ids = [...restingTasks.keys()]
const still = Float32Array.of(0, 0, 0, 0, 0, 0, 1)

function play(env: RobotEnv, seed: number, action: () => Float32Array) {
  env.reset({ seed })
  for (;;) {
    const [, , terminated, truncated, info] = env.step(action())
    if (terminated || truncated) return info
  }
}

it('are in the suite for training, beside the four tasks and pick-place, and not in one of moving things', () => {
  expect(ids).toEqual([
    'resting_press_button',
    'resting_hold_over_pad',
    'resting_rolling_can',
    'resting_sliding_block',
    'resting_conveyed_block',
  ])
  const { tasks } = suites.get('widowx-training')!
  expect(tasks).toEqual([...suites.get('simpler-widowx')!.tasks, ...ids, 'pick_place'])
  for (const id of ids) expect(suites.get('domino-widowx')!.tasks).not.toContain(id)
})

describe.each(ids)('%s', (id) => {
  it.each([false, true])('keeps the rules of Gymnasium (distractors: %s)', (distractors) => {
    const env = makeEnv(id, { distractors, image: { width: 16, height: 16 } })
    checkEnv(env, 4)
    env.close()
  })

  it.each([false, true])('is solved by the expert, which ends it (distractors: %s)', (distractors) => {
    const env = makeEnv(id, { distractors })
    for (let seed = 0; seed < 4; seed++) {
      const info = play(env, seed, () => env.expertAction())
      expect(info).toMatchObject({ success: true })
      expect(info.motion).toBe(undefined)
    }
    env.close()
  })

  it('lets everything stay where it is while nobody touches it', () => {
    const env = makeEnv(id)
    env.reset({ seed: 5 })
    const before = env.grounding().positions
    for (let step = 0; step < 20; step++) expect(env.step(still)[4].success).toBe(false)
    const { positions } = env.grounding()
    for (const [i, x] of positions.entries()) expect(Math.abs(x - before[i])).toBeLessThan(5e-4)
    env.close()
  })
})

it('stand among three further things as distractors, but for what is on the belt', () => {
  const count = (id: string, distractors: boolean) => {
    const env = makeEnv(id, { distractors })
    env.reset({ seed: 1 })
    const { length } = env.grounding().names
    env.close()
    return length
  }
  expect(ids.map((id) => count(id, true) - count(id, false))).toEqual([3, 3, 3, 3, 0])
})

it('refuse options of motion, and names near theirs', () => {
  expect(() => makeEnv(ids[0], { motion: { alpha: 0.1 } })).toThrow(/nothing moves in resting_press_button/)
  expect(() => makeEnv('resting_pres_button')).toThrow(/resting_press_button/)
})
