import { createHash } from 'node:crypto'
import { checkEnv, make, Rng, registeredIds } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  embodiments,
  initPhysics,
  type ManipulationEnv,
  makeManipulationEnv,
  suites,
} from '../../envs/index.js'

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
    const image = { width: 24, height: 24, crop: [80, 0, 480, 480] } as const
    for (const options of [{ image, depth: true, segmentation: true }, {}]) {
      const env = makeManipulationEnv(id, options)
      checkEnv(env, 8)
      env.close()
    }
    expect(registeredIds()).toContain(`simpler-widowx/${id}-v0`)
    const made = make(`simpler-widowx/${id}-v0`)
    made.reset({ seed: 1 })
    made.close()
  })

  it.each(ids)('%s gives the same bytes for the same seed and actions, whatever came before', (id) => {
    const env = makeManipulationEnv(id, { distractors: true })
    const first = hashOf(env, 5, 25)
    expect(hashOf(env, 6, 25)).not.toBe(first)
    expect(hashOf(env, 5, 25)).toBe(first)
    const other = makeManipulationEnv(id, { distractors: true })
    expect(hashOf(other, 5, 25)).toBe(first)
    other.close()
    env.close()
  })

  it.each(ids)('%s goes on from a snapshot as if nothing had happened', (id) => {
    const [env, copy] = [makeManipulationEnv(id), makeManipulationEnv(id)]
    const rng = Rng.fromSeed(2)
    env.reset({ seed: 9 })
    for (let i = 0; i < 11; i++) env.step(noisyAction(env, rng))
    const bytes = env.snapshot()
    const restored = copy.restore(bytes)
    const now = env.restore(bytes)
    for (const key of ['state', 'tcpPose', 'jointPositions', 'jointVelocities'] as const) {
      expect(restored[key]).toEqual(now[key])
    }
    expect(copy.snapshot()).toEqual(bytes)
    const tail = (from: ManipulationEnv, noise: Rng) => {
      for (let i = 0; i < 20; i++) from.step(noisyAction(from, noise))
      from.reset()
      for (let i = 0; i < 3; i++) from.step(from.expertAction())
      return createHash('sha256').update(from.snapshot()).digest('hex')
    }
    expect(tail(copy, Rng.fromSeed(3))).toBe(tail(env, Rng.fromSeed(3)))
    const other = makeManipulationEnv(ids.find((known) => known !== id)!)
    expect(() => other.restore(env.snapshot())).toThrow(/snapshot is of/)
    expect(() => env.restore(new Uint8Array(3))).toThrow(/snapshot is of/)
    expect(() => env.restore(bytes.subarray(0, bytes.length - 9))).toThrow(/cut short/)
    expect(env.restore(bytes).state).toEqual(restored.state)
    for (const each of [env, copy, other]) each.close()
  })

  it('describes the state at reset and after a step', () => {
    const env = makeManipulationEnv('widowx_stack_cube')
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
    const env = makeManipulationEnv('widowx_carrot_on_plate')
    expect(() => env.step(still)).toThrow(/call reset\(\) first/)
    env.reset({ seed: 1 })
    expect(() => env.step(new Float32Array(6))).toThrow(/7 numbers, got 6/)
    expect(() => env.step([0, 0, Number.NaN, 0, 0, 0, 1])).toThrow(/action\[2\] \(dz\) is NaN/)
    expect(() => env.reset({ options: { episodeId: -1 } })).toThrow(/episodeId/)
    expect(() => makeManipulationEnv('widowx_carot')).toThrow(/widowx_carrot_on_plate/)
    expect(() => makeManipulationEnv('widowx_stack_cube', { successSteps: 0.5 })).toThrow(/successSteps/)
    expect(() => makeManipulationEnv('widowx_stack_cube', { depth: true })).toThrow(
      /depth needs an image size/,
    )
    expect(() => env.segmentationNames).toThrow(/set the option image/)
    const wrong = { placement: 'grid', start: 'thrown', drive: 'magic' } as Record<string, string>
    for (const [name, value] of Object.entries(wrong)) {
      const options = { [name]: value }
      expect(() => makeManipulationEnv('widowx_stack_cube', options)).toThrow(
        new RegExp(`${name} must be .* got '${value}'`),
      )
    }
    const placement = { source: { x: 0.5, y: 0 }, target: { x: -0.1, y: 0 } }
    expect(() => env.reset({ options: { placement } })).toThrow(/carrot \(source\)/)
    const crop = [400, 0, 480, 480] as const
    expect(() => makeManipulationEnv('widowx_stack_cube', { image: { width: 8, height: 8, crop } })).toThrow(
      /crop/,
    )
    env.close()
  })

  it('ends where it should: at the limit, after successes in a row, or when something falls', () => {
    const env = makeManipulationEnv('widowx_stack_cube', { successSteps: 3, placement: 'official' })
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

  it('counts no success that came without a lift, if asked for one', () => {
    const ends = [0, 0.035].map((liftHeight) => {
      const env = makeManipulationEnv('widowx_carrot_on_plate', { liftHeight, placement: 'official' })
      env.reset({ seed: 4 })
      const [x, y, z] = env.scene.objectPose(1, new Float64Array(7))
      env.scene.setObjectPose(0, [x, y, z + 0.03, 0, 0, 0, 1])
      for (let i = 0; i < 3; i++) env.step(still)
      const put = env.step(still)[4].success

      env.reset({ seed: 4 })
      const height = () => env.grounding().positions[2]
      const start = height()
      let [top, successAt, risenAt] = [start, -1, -1]
      for (let i = 0; i < 60 && successAt < 0; i++) {
        const [, reward] = env.step(env.expertAction())
        top = Math.max(top, height())
        if (risenAt < 0 && top - start >= liftHeight) risenAt = i
        if (reward === 1) successAt = i
      }
      expect(successAt).toBeGreaterThan(risenAt)
      expect(risenAt).toBeGreaterThanOrEqual(0)
      env.close()
      return put
    })
    expect(ends).toEqual([true, false])
    expect(() => makeManipulationEnv('widowx_carrot_on_plate', { liftHeight: 0.3 })).toThrow(
      /liftHeight must be from 0 to 0.04 m, got 0.3/,
    )
  })

  it.each([
    ['widowx_put_eggplant_in_basket', 0, [-0.36, 0.1, 0.95], 'eggplant fell out of the sink'],
    ['widowx_put_eggplant_in_basket', 0, [Number.NaN, 0.1, 1], 'the simulation of eggplant is not finite'],
    ['widowx_spoon_on_towel', 1, [-0.6, 0, 0.87], 'towel fell off the table'],
    ['widowx_spoon_on_towel', 0, [Number.POSITIVE_INFINITY, 0, 1], 'the simulation of spoon is not finite'],
    ['widowx_stack_cube', 0, [-0.2, 2, 2.5], 'green_cube left the scene'],
  ] as const)('%s: object %d at %o ends the episode and says why', (id, index, position, reason) => {
    const env = makeManipulationEnv(id)
    env.reset({ seed: 4 })
    env.scene.setObjectPose(index, [...position, 0, 0, 0, 1])
    let step = env.step(still)
    for (let i = 0; i < 4 && !step[3]; i++) step = env.step(still)
    expect(step.slice(1, 4)).toEqual([0, false, true])
    expect(step[4]).toMatchObject({ failure: reason, success: false, grasped: false, onTarget: false })
    expect(step[0].state.every(Number.isFinite)).toBe(true)
    env.reset()
    expect(env.step(still)[4].failure).toBeUndefined()
    env.close()
  })

  it.each(ids)('%s says where tool, joints and camera are', (id) => {
    const env = makeManipulationEnv(id)
    const [start] = env.reset({ seed: 3 })
    const { basePosition, qpos } = env.task.scene.mount
    for (const [i, x] of [...basePosition, 0, 0, 1, 0].entries()) expect(start.basePose[i]).toBeCloseTo(x, 6)
    for (const [i, q] of qpos.entries()) expect(start.jointPositions[i]).toBeCloseTo(q, 6)
    expect(start.jointPositions[6]).toBeCloseTo(0.037, 4)
    expect([...start.jointVelocities]).toEqual(new Array(7).fill(0))
    expect([...start.cameraIntrinsics].map((x) => Number(x.toFixed(3)))).toEqual([
      ...[623.588, 0, 319.501],
      ...[0, 623.588, 239.545],
      ...[0, 0, 1],
    ])
    const before = [...start.jointPositions]
    const [next] = env.step([0.02, 0.01, -0.02, 0, 0, 0.1, -1])
    expect([...start.jointPositions]).toEqual(before)
    for (let i = 0; i < 7; i++) {
      expect(next.jointVelocities[i]).toBeCloseTo((next.jointPositions[i] - before[i]) / 0.2, 4)
    }
    expect(next.jointVelocities[6]).toBeLessThan(-0.01)
    const kinematics = env.scene.robot.kinematics
    kinematics.forward(next.jointPositions)
    for (let i = 0; i < 7; i++) expect(next.tcpPose[i]).toBeCloseTo(kinematics.tcp[i], 5)
    for (let i = 0; i < 3; i++) expect(next.tcpPose[i]).toBe(next.state[i])
    env.close()
  })

  it('draws depth and segmentation that agree with the camera matrices', () => {
    const image = { width: 160, height: 120 }
    const env = makeManipulationEnv('widowx_put_eggplant_in_basket', {
      image,
      depth: true,
      segmentation: true,
    })
    const [observation] = env.reset({ options: { episodeId: 1 } })
    const { cameraIntrinsics: k, cameraExtrinsics: e, depth, segmentation } = observation
    const names = env.segmentationNames
    const center = env.scene.objectCenter(0, new Float64Array(3))
    const local = [0, 1, 2].map(
      (r) => e[4 * r] * center[0] + e[4 * r + 1] * center[1] + e[4 * r + 2] * center[2] + e[4 * r + 3],
    )
    const u = Math.floor((k[0] * local[0]) / local[2] + k[2])
    const v = Math.floor((k[4] * local[1]) / local[2] + k[5])
    expect(names[segmentation![v * image.width + u]]).toBe('eggplant')
    // The camera sees its near side, about a radius nearer than its centre.
    expect(local[2] - depth![v * image.width + u]).toBeGreaterThan(0.012)
    expect(local[2] - depth![v * image.width + u]).toBeLessThan(0.03)
    const seen = new Set(Array.from(segmentation!, (id) => names[id]))
    for (const name of ['background', 'counter', 'sink', 'basket', 'eggplant', 'left_finger_link']) {
      expect(seen).toContain(name)
    }
    expect(seen).not.toContain('basket_target')
    for (const [i, id] of segmentation!.entries()) expect(depth![i] > 0).toBe(id > 0)
    env.step(still)
    expect(observation.depth).toBe(depth)
    const late = env.step(still)[0]
    env.step(still)
    expect(() => late.depth).toThrow(/obs.depth was not looked at/)
    const plain = makeManipulationEnv('widowx_stack_cube', { image })
    expect(plain.reset()[0].depth).toBeUndefined()
    for (const each of [env, plain]) each.close()
  })

  it('renders an observation late, once, and not after the next step', () => {
    const image = { width: 32, height: 32, crop: [80, 0, 480, 480] as const }
    const env = makeManipulationEnv('widowx_carrot_on_plate', { image, distractors: true })
    const [first] = env.reset({ seed: 2 })
    const names = ['carrot', 'green_cube', 'plate', 'spoon', 'towel', 'yellow_cube']
    expect(env.grounding().names.sort()).toEqual(names)
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
    const env = makeManipulationEnv('widowx_stack_cube', { distractors: true })
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
    const env = makeManipulationEnv('widowx_carrot_on_plate')
    const resets = (count: number) => {
      for (let i = 0; i < count; i++) env.reset()
      return process.memoryUsage().external
    }
    const before = resets(200)
    expect(resets(800) - before).toBeLessThan(1e6)
    env.close()
  })
})
