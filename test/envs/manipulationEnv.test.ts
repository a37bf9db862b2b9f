import { createHash } from 'node:crypto'
import { checkEnv, make, Rng, registeredIds } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { embodiments, initPhysics, type ManipulationEnv, makeEnv, suites } from '../../envs/index.js'

beforeAll(initPhysics)

const ids = [...suites.get('simpler-widowx')!.tasks]
const still = Float32Array.of(0, 0, 0, 0, 0, 0, 1)

/** Expert with noise: touches, grasps and drops things. */
function noisyAction(env: ManipulationEnv, rng: Rng): Float32Array {
  return env.expertAction().map((x, i) => x + (i < 6 ? rng.uniform(-0.01, 0.01) : 0))
}

function hashOf(env: ManipulationEnv, seed: number, steps: number): string {
  const hash = createHash('sha256')
  const rng = Rng.fromSeed(seed)
  env.reset({ seed })
  for (let i = 0; i < steps; i++) {
    const [observation, reward, , , info] = env.step(noisyAction(env, rng))
    hash.update(new Uint8Array(observation.state.buffer))
    hash.update(new Uint8Array(env.grounding().positions.buffer))
    hash.update(`${reward} ${JSON.stringify(info)}`)
  }
  return hash.digest('hex')
}

describe('ManipulationEnv', () => {
  it.each(ids)('%s keeps the rules of Gymnasium, and its id is registered', (id) => {
    const env = makeEnv(id, { image: { width: 24, height: 24, crop: [80, 0, 480, 480] } })
    checkEnv(env, 8)
    env.close()
    expect(registeredIds()).toContain(`simpler-widowx/${id}-v0`)
    const made = make(`simpler-widowx/${id}-v0`)
    made.reset({ seed: 1 })
    made.close()
  })

  it.each(ids)('%s gives the same bytes for the same seed and actions, whatever came before', (id) => {
    const env = makeEnv(id, { distractors: true })
    const first = hashOf(env, 5, 25)
    expect(hashOf(env, 6, 25)).not.toBe(first)
    expect(hashOf(env, 5, 25)).toBe(first)
    const other = makeEnv(id, { distractors: true })
    expect(hashOf(other, 5, 25)).toBe(first)
    other.close()
    env.close()
  })

  it.each(ids)('%s goes on from a snapshot as if nothing had happened', (id) => {
    const [env, copy] = [makeEnv(id), makeEnv(id)]
    const rng = Rng.fromSeed(2)
    env.reset({ seed: 9 })
    for (let i = 0; i < 11; i++) env.step(noisyAction(env, rng))
    copy.restore(env.snapshot())
    const tail = (from: ManipulationEnv, noise: Rng) => {
      for (let i = 0; i < 20; i++) from.step(noisyAction(from, noise))
      from.reset()
      for (let i = 0; i < 3; i++) from.step(from.expertAction())
      return createHash('sha256').update(from.snapshot()).digest('hex')
    }
    expect(tail(copy, Rng.fromSeed(3))).toBe(tail(env, Rng.fromSeed(3)))
    const other = makeEnv(ids.find((known) => known !== id)!)
    expect(() => other.restore(env.snapshot())).toThrow(/snapshot is of/)
    expect(() => env.restore(new Uint8Array(3))).toThrow(/snapshot is of/)
    for (const each of [env, copy, other]) each.close()
  })

  it('describes the state at reset and after a step', () => {
    const env = makeEnv('widowx_stack_cube')
    const [observation, info] = env.reset({ options: { episodeId: 3 } })
    expect(info).toMatchObject({ episodeId: 3, elapsedSteps: 0, success: false, grasped: false })
    const expected = [0.29207, -0.00609, 0.13532, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    for (const [i, x] of expected.entries()) expect(observation.state[i]).toBeCloseTo(x, 4)
    expect(observation.image.length).toBe(0)
    const state = env.step([0.02, 0, 0, 0, 0, 0.1, -1])[0].state
    expect(state[0] + state[8]).toBeCloseTo(0.29207 + 0.02, 4)
    expect(state[5] + state[13]).toBeCloseTo(0.1, 4)
    expect(state[7]).toBe(-1)
    expect(state[6]).toBeLessThan(0.5)
    const { stateNames, actionNames, stateDim, actionDim } = embodiments.get('widowx')!
    expect([stateNames.length, actionNames.length]).toEqual([stateDim, actionDim])
    const { names, positions, source } = env.grounding()
    expect([names, source]).toEqual([['green_cube', 'yellow_cube'], 'green_cube'])
    // Episode 3 is B to A: world (-0.21, 0.05), seen from a base at (0.147, 0.028) that is turned by pi.
    expect(positions[0]).toBeCloseTo(0.147 + 0.21, 3)
    expect(positions[1]).toBeCloseTo(0.028 - 0.05, 3)
    env.close()
  })

  it('refuses bad input in one line', () => {
    const env = makeEnv('widowx_carrot_on_plate')
    expect(() => env.step(still)).toThrow(/call reset\(\) first/)
    env.reset({ seed: 1 })
    expect(() => env.step(new Float32Array(6))).toThrow(/7 numbers, got 6/)
    expect(() => env.step([0, 0, Number.NaN, 0, 0, 0, 1])).toThrow(/action\[2\] \(dz\) is NaN/)
    expect(() => env.reset({ options: { episodeId: -1 } })).toThrow(/episodeId/)
    expect(() => makeEnv('widowx_carot')).toThrow(/widowx_carrot_on_plate/)
    expect(() => makeEnv('widowx_stack_cube', { successSteps: 0.5 })).toThrow(/successSteps/)
    const crop = [400, 0, 480, 480] as const
    expect(() => makeEnv('widowx_stack_cube', { image: { width: 8, height: 8, crop } })).toThrow(/crop/)
    env.close()
  })

  it('ends where it should: at the limit, after successes in a row, or when something falls', () => {
    const env = makeEnv('widowx_stack_cube', { successSteps: 3, placement: 'official' })
    const [, info] = env.reset({ seed: 4 })
    expect(info.episodeId).toBeTypeOf('number')
    let successes = 0
    for (let i = 0; i < 60; i++) {
      const [, reward, terminated, truncated] = env.step(env.expertAction())
      successes = reward === 1 ? successes + 1 : 0
      expect([terminated, truncated]).toEqual([successes >= 3, i === 59])
      if (terminated) break
    }
    expect(successes).toBe(3)

    env.reset({ seed: 4 })
    env.scene.setObjectPose(1, [-0.6, 0, 0.87, 0, 0, 0, 1])
    let step = env.step(still)
    for (let i = 0; i < 3 && !step[3]; i++) step = env.step(still)
    expect(step[3]).toBe(true)
    expect(step[4].failure).toBe('yellow_cube fell off the table')
    expect(env.reset()[1].failure).toBeUndefined()
    env.close()
  })

  it('renders an observation late, once, and not after the next step', () => {
    const image = { width: 32, height: 32, crop: [80, 0, 480, 480] as const }
    const env = makeEnv('widowx_carrot_on_plate', { image, distractors: true })
    const [first] = env.reset({ seed: 2 })
    expect(env.grounding().names.sort()).toEqual(['carrot', 'green_cube', 'plate', 'yellow_cube'])
    const second = env.step(env.expertAction())[0]
    expect(() => first.image).toThrow(/not looked at/)
    const picture = second.image
    expect(picture.length).toBe(32 * 32 * 3)
    for (let i = 0; i < 3; i++) env.step(env.expertAction())
    expect(second.image).toBe(picture)
    const { width, height, data } = env.render()
    expect([width, height, data.length]).toEqual([320, 240, 320 * 240 * 3])
    env.close()
  })

  it('places distractors apart from everything', () => {
    const env = makeEnv('widowx_stack_cube', { distractors: true })
    const footprints = [0.0213, 0.0213, 0.0655, 0.055]
    for (let seed = 0; seed < 40; seed++) {
      env.reset({ seed })
      const { positions } = env.grounding()
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < i; j++) {
          const gap = Math.hypot(
            positions[3 * i] - positions[3 * j],
            positions[3 * i + 1] - positions[3 * j + 1],
          )
          if (i > 1) expect(gap).toBeGreaterThan(footprints[i] + footprints[j])
        }
      }
    }
    env.close()
  })

  it('does not grow over thousands of resets', () => {
    const env = makeEnv('widowx_carrot_on_plate')
    const resets = (count: number) => {
      for (let i = 0; i < count; i++) env.reset()
      return process.memoryUsage().external
    }
    const before = resets(200)
    expect(resets(800) - before).toBeLessThan(1e6)
    env.close()
  })
})
