import { createHash } from 'node:crypto'
import { checkEnv, Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { TABLE_TOP } from '../../../envs/aloha/alohaArms.js'
import type { AlohaEnv, AlohaInfo } from '../../../envs/aloha/alohaEnv.js'
import type { AlohaObservation } from '../../../envs/aloha/alohaObservation.js'
import { makeAlohaEnv } from '../../../envs/aloha/makeAlohaEnv.js'
import { alohaTasks } from '../../../envs/aloha/tasks/registry.js'
import {
  embodiments,
  initPhysics,
  type ManipulationEnvOptions,
  makeEnv,
  suites,
} from '../../../envs/index.js'
import { pathPosition } from '../../../envs/motion/path.js'
import { syntheticRobots } from '../../../rl/textToAction/robots.js'

beforeAll(initPhysics)

const names = [...alohaTasks.values()].filter(({ level }) => level === 1).map(({ name }) => name)
/** Both arms at once, one after the other, something held that must meet what moves, nothing held. */
const kinds = ['grab_roller', 'place_can_basket', 'beat_block_hammer', 'press_stapler']
const unverified = { motion: { verified: false } }

function make(id: string, options: ManipulationEnvOptions = {}): AlohaEnv {
  return makeAlohaEnv(id, options)!
}

function play(env: AlohaEnv, action: (env: AlohaEnv) => Float32Array): AlohaInfo {
  for (;;) {
    const [, reward, terminated, truncated, info] = env.step(action(env))
    expect(reward).toBe(info.success ? 1 : 0)
    expect(terminated).toBe(info.success)
    if (terminated || truncated) return info
  }
}

/** Joint targets as they are: the arms stay. */
function stay(env: AlohaEnv): Float32Array {
  const action = new Float32Array(14)
  for (const side of [0, 1] as const) {
    action.set(env.scene.moves[side].target, 7 * side)
    action[7 * side + 6] = 1
  }
  return action
}

/** The task's test of the present state, for things that were on the table at the start. */
function isSolved({ task, scene }: AlohaEnv, action: Float32Array): boolean {
  const startHeights = task.objects.map(({ bottom }) => TABLE_TOP + bottom)
  return task.succeeds({ scene, grippers: Float64Array.of(action[6], action[13]), startHeights })
}

const digest = (env: AlohaEnv) => createHash('sha256').update(env.snapshot()).digest('hex')

describe.each(kinds)('%s', (name) => {
  const id = `aloha_${name}_l3`

  it('keeps the rules of Gymnasium', () => {
    const env = make(id, { ...unverified, image: { width: 16, height: 12 } })
    checkEnv(env, 3)
    env.close()
  })

  it('gives the same bytes for a seed, and goes on from a snapshot as if nothing had happened', () => {
    const [env, copy] = [make(id, unverified), make(id, unverified)]
    const noisy = (rng: Rng) => (from: AlohaEnv) =>
      from.expertAction().map((x, i) => x + (i % 7 < 6 ? rng.uniform(-0.004, 0.004) : 0))
    env.reset({ seed: 3 })
    copy.reset({ seed: 8 })
    copy.reset({ seed: 3 })
    expect(digest(copy)).toBe(digest(env))
    const rng = Rng.fromSeed(1)
    for (let i = 0; i < 6; i++) env.step(noisy(rng)(env))
    const bytes = env.snapshot()
    copy.restore(bytes)
    expect(copy.snapshot()).toEqual(bytes)
    expect(play(copy, noisy(Rng.fromSeed(2)))).toEqual(play(env, noisy(Rng.fromSeed(2))))
    expect(copy.snapshot()).toEqual(env.snapshot())
    env.close()
    copy.close()
  })
})

describe.each(names)('%s', (name) => {
  it('is solved by its expert, whose score is full, and not by arms that stay', () => {
    const env = make(`aloha_${name}_l3`, unverified)
    let action = new Float32Array(14)
    env.reset({ seed: 11 })
    const info = play(env, (from) => {
      action = Float32Array.from(from.expertAction())
      return action
    })
    expect(info.success).toBe(true)
    expect(info.motion).toMatchObject({ routeCompletion: 100, penalty: 1, score: 100 })
    expect(isSolved(env, action)).toBe(true)
    // Six centimetres away on the table: further than every task allows, or too low, or not held.
    const [x, y] = env.scene.objectPose(0, new Float64Array(7))
    env.scene.place(0, x + 0.06, y + 0.06, 0)
    expect(isSolved(env, action)).toBe(false)
    env.reset({ seed: 13 })
    const { success, motion, failure } = play(env, stay)
    expect(success).toBe(false)
    // Nothing moves for ever on a table.
    expect(motion!.failReason).toBe('out of bounds')
    expect(motion!.penalty).toBe(0.5)
    expect(failure).toMatch(/moved out of bounds/)
    env.close()
  })
})

describe('motion', () => {
  it('follows the planned path exactly, and its thing stops at the first touch if it is to be grasped', () => {
    for (const [name, stops] of [
      ['shake_bottle', true],
      ['move_pillbottle_pad', false],
    ] as const) {
      const env = make(`aloha_${name}_l2`)
      env.reset({ seed: 5 })
      const { plan } = env.scene.state
      const mover = env.task.mover
      let stopped = 0
      for (let step = 1; ; step++) {
        const [, , terminated] = env.step(env.expertAction())
        const [x, y] = env.scene.objectPose(mover, new Float64Array(7))
        if (env.scene.state.stopped) stopped++
        else {
          const there = pathPosition([0, 0], plan!.path, 0.1 * step)
          // Single precision of the physics world.
          expect(Math.hypot(x - there[0], y - there[1])).toBeLessThan(1e-6)
        }
        if (terminated) break
      }
      expect(stopped > 0).toBe(stops)
      env.close()
    }
  })

  it('is at the place of interception when the expert would have been on a thing at rest', () => {
    const env = make('aloha_press_stapler_l1')
    env.reset({ seed: 4, options: { placement: { source: { x: 0.1, y: -0.05, yaw: 0.4 } } } })
    const [{ duration, x, y }] = env.scene.state.plan!.path
    expect(x[0] + x[1] * duration).toBeCloseTo(0.1, 4)
    expect(y[0] + y[1] * duration).toBeCloseTo(-0.05, 4)
    env.close()
  })

  it('goes on while a policy thinks, if it is told to', () => {
    const motion = { clock: 'time', latency: 0.5, decisionSteps: 4, verified: false } as const
    const env = make('aloha_press_stapler_l1', { motion })
    env.reset({ seed: 4 })
    const times = Array.from({ length: 5 }, () => {
      env.step(stay(env))
      return env.scene.state.time
    })
    for (const [i, time] of [0.6, 0.7, 0.8, 0.9, 1.5].entries()) expect(times[i]).toBeCloseTo(time, 6)
    env.close()
  })
})

describe('success', () => {
  it('needs that the thing was lifted', () => {
    const env = make('aloha_place_a2b_left_l1', unverified)
    env.reset({ seed: 1 })
    const { task, scene } = env
    const at = new Float64Array(7)
    const [x, y] = scene.objectPose(1, at)
    const view = { scene, grippers: Float64Array.of(1, 1), startHeights: [0, 0] }
    scene.place(0, x - 0.13, y, 0)
    expect(task.succeeds(view)).toBe(true)
    for (const [dx, dy, open] of [
      [-0.07, 0, 1],
      [-0.21, 0, 1],
      [0.13, 0, 1],
      [-0.13, 0.06, 1],
      [-0.13, 0, 0.7],
    ] as const) {
      scene.place(0, x + dx, y + dy, 0)
      expect(task.succeeds({ ...view, grippers: Float64Array.of(1, open) })).toBe(false)
    }
    scene.state.held = true
    scene.state.plan = undefined
    scene.place(0, x - 0.13, y, 0)
    const info = play(env, stay)
    expect(info.success).toBe(false)
    expect(info.motion!.failReason).toBe('object not lifted')
    env.close()
  })
})

describe('observations', () => {
  it('hold both arms, left first, and three pictures that are drawn when looked at', () => {
    const env = make('aloha_shake_bottle_l1', { ...unverified, image: { width: 64, height: 48 } })
    const [first] = env.reset({ seed: 2 })
    const action = stay(env)
    action[0] += 0.2
    action[13] = 0
    for (let i = 0; i < 4; i++) env.step(action)
    const [observation] = env.step(action) as [AlohaObservation, ...unknown[]]
    const { state, jointPositions, tcpPose } = observation
    expect(state).toHaveLength(14)
    for (const i of [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]) expect(state[i]).toBe(jointPositions[i])
    // Joints are on their targets but for single precision.
    expect(state[0]).toBeCloseTo(0.2, 5)
    expect(state[6]).toBeGreaterThan(0.97)
    expect(state[13]).toBeLessThan(0.3)
    // A turn of the left waist moves the left tool to the left: along y of the station's frame.
    expect(tcpPose[1]).toBeCloseTo(0.26 + 0.3 * Math.sin(0.2), 3)
    expect(tcpPose[8]).toBeCloseTo(-0.26, 3)
    const pictures = [observation.image, observation.leftWristImage, observation.rightWristImage]
    for (const picture of pictures) expect(new Set(picture).size).toBeGreaterThan(20)
    expect(Buffer.compare(pictures[1], pictures[2])).not.toBe(0)
    expect(() => first.image).toThrow(/not looked at before/)
    env.close()
  })

  it('are named as in the synthetic text-to-action examples', () => {
    const { robotTag, arms, actionNames, stateNames } = embodiments.get('aloha')!
    const synthetic = syntheticRobots.find(({ description }) => description.id === 'aloha')!.description
    expect(synthetic).toMatchObject({ robotTag, arms, actionNames, stateNames })
  })
})

describe('bad input', () => {
  it('is refused with the reason', () => {
    const env = make('aloha_press_stapler_l1', unverified)
    expect(() => env.step(new Float32Array(14))).toThrow(/before reset/)
    env.reset({ seed: 0 })
    expect(() => env.step(new Float32Array(7))).toThrow('an action has 14 numbers, got 7')
    const action = stay(env)
    action[8] = Number.NaN
    expect(() => env.step(action)).toThrow('action[8] (right.shoulder) is NaN')
    expect(() => env.reset({ options: { episodeId: -1 } })).toThrow('episodeId')
    const away = { source: { x: 0.5, y: 0 } }
    expect(() => env.reset({ options: { placement: away } })).toThrow('stapler at (0.5, 0) is outside')
    const pair = { source: { x: 0, y: 0 }, target: { x: 0.1, y: 0 } }
    expect(() => env.reset({ options: { placement: pair } })).toThrow('leave target out')
    env.close()
    const two = make('aloha_place_container_plate_l1', unverified)
    const close = { source: { x: 0, y: 0 }, target: { x: 0.05, y: 0 } }
    expect(() => two.reset({ options: { placement: close } })).toThrow('overlap')
    two.close()
    for (const options of [{ distractors: true }, { successSteps: 1 }, { start: 'drop' }] as const) {
      expect(() => make('aloha_press_stapler_l1', options)).toThrow('leave the option out')
    }
    expect(() => make('aloha_press_stapler_l1', { motion: { alpha: 2 } })).toThrow('motion.alpha')
    expect(() => makeEnv('aloha_press_staple_l1')).toThrow('aloha_press_stapler_l1')
  })
})

it('official episodes are the same whatever came before; the suite has ten tasks at three levels', () => {
  const env = make('aloha_handover_block_l1', unverified)
  const places = [7, 107].map((episodeId, i) => {
    const [, info] = env.reset({ seed: i, options: { episodeId } })
    expect(info.episodeId).toBe(7)
    return [...env.scene.objectPose(1, new Float64Array(7))]
  })
  expect(places[1]).toEqual(places[0])
  env.close()
  const { tasks, embodiment } = suites.get('domino')!
  expect(tasks).toHaveLength(30)
  expect(embodiments.has(embodiment)).toBe(true)
})
