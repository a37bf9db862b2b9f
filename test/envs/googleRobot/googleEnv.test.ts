import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import type { GoogleEnv } from '../../../envs/googleRobot/googleEnv.js'
import { makeGoogleEnv } from '../../../envs/googleRobot/makeGoogleEnv.js'
import { redCan } from '../../../envs/googleRobot/objects.js'
import { TABLE_TOP } from '../../../envs/googleRobot/scenes.js'
import { drawApart } from '../../../envs/googleRobot/tasks/room.js'
import {
  embodiments,
  initPhysics,
  type ManipulationEnvOptions,
  makeEnv,
  officialEpisodesOf,
  suites,
} from '../../../envs/index.js'
import { syntheticRobots } from '../../../rl/textToAction/robots.js'

const CAN = 'google_robot_pick_horizontal_can'
const NEAR = 'google_robot_move_near'
const OPEN = 'google_robot_open_middle_drawer'
const APPLE = 'google_robot_place_apple_in_closed_top_drawer'

beforeAll(initPhysics)

function make(id: string, options: ManipulationEnvOptions = {}): GoogleEnv {
  return makeGoogleEnv(id, options)!
}

describe('protocols', () => {
  it('have the published numbers of episodes', () => {
    const counts = (id: string) => {
      const suite = suites.get(id)!
      const of = (word: string) =>
        suite.tasks
          .filter((task) => task.includes(word))
          .reduce((sum, task) => sum + officialEpisodesOf(suite, task), 0)
      return ['_pick_', '_near', '_open_', '_close_', '_apple_'].map(of)
    }
    expect(counts('simpler-google-robot')).toEqual([300, 240, 108, 108, 108])
    expect(counts('simpler-google-robot-variants')).toEqual([675, 480, 189, 189, 189])
  })

  it('have the published layouts', () => {
    const can = make(CAN).task
    expect(can.official(0).things[0]).toMatchObject({ x: -0.35, y: -0.02 })
    expect(can.official(24).things[0]).toMatchObject({ x: -0.12, y: 0.42 })
    expect(can.official(25).look).not.toEqual(can.official(0).look)
    const near = make(NEAR).task
    const { things, source, target } = near.official(0)
    const names = things.map(({ object }) => near.objects[object].name)
    expect(names).toEqual(['blue_plastic_bottle', 'blue_can', 'orange'])
    expect(things.map(({ x, y }) => [x, y])).toEqual([
      [-0.33, 0.04],
      [-0.33, 0.34],
      [-0.13, 0.19],
    ])
    expect([near.objects[source].name, near.objects[target].name]).toEqual([
      'blue_plastic_bottle',
      'blue_can',
    ])
    expect(make(OPEN).task.official(2).robot).toEqual({ x: 0.889, y: -0.203, yaw: Math.PI - 0.06 })
    const close = make('google_robot_close_bottom_drawer').task
    expect(close.official(0).drawers).toEqual([0, 0, 0.2])
  })

  it('have a layout for every episode', () => {
    for (const suite of ['simpler-google-robot', 'simpler-google-robot-variants'].map(
      (id) => suites.get(id)!,
    )) {
      for (const id of suite.tasks) {
        const env = make(id)
        for (let episode = 0; episode < officialEpisodesOf(suite, id); episode++)
          expect(env.task.official(episode).things.length, `${id} ${episode}`).toBeGreaterThanOrEqual(0)
        env.close()
      }
    }
  })

  it('describe the robot as text-to-action does', () => {
    const { description } = syntheticRobots.find(({ description: { id } }) => id === 'google_robot')!
    const { actionScale, ...own } = embodiments.get('google_robot')!
    expect(own).toEqual(description)
    expect(actionScale.length).toBe(own.actionDim)
  })
})

describe('an episode', () => {
  it('without pictures tells the matrix of the published frame, 640 x 512', () => {
    const env = make(CAN)
    const [{ cameraIntrinsics }] = env.reset({ seed: 0 })
    expect([...cameraIntrinsics]).toEqual([425, 0, 320, 0, 425, 256, 0, 0, 1])
    env.close()
  })

  it.each([
    [CAN, 20, 12],
    [OPEN, 26, 10],
  ])('of %s goes on from a snapshot to the same bytes', (id, before, after) => {
    const options = { image: { width: 32, height: 24 } }
    const [env, other] = [make(id, options), make(id, options)]
    env.reset({ seed: 3 })
    for (let i = 0; i < before; i++) env.step(env.expertAction())
    const bytes = env.snapshot()
    const restored = other.restore(bytes)
    expect(restored.image).toEqual(env.restore(bytes).image)
    for (let i = 0; i < after; i++) {
      const action = env.expertAction()
      expect(other.expertAction()).toEqual(action)
      const [a, b] = [env.step(action), other.step(action)]
      expect([...b[0].state, ...b[0].jointVelocities]).toEqual([...a[0].state, ...a[0].jointVelocities])
      expect(b.slice(1)).toEqual(a.slice(1))
    }
    expect(other.snapshot()).toEqual(env.snapshot())
    expect(() => make(NEAR).restore(bytes)).toThrow(/google_robot_move_near/)
    env.close()
    other.close()
  })

  it.each([
    [CAN, 12],
    [NEAR, 8],
    [OPEN, 4],
    ['google_robot_close_top_drawer', 4],
  ])('of %s can be solved', (id, episodeId) => {
    const env = make(id)
    let [, info] = env.reset({ seed: 0, options: { episodeId } })
    expect(info.success).toBe(false)
    for (let i = 0; i < env.task.maxSteps; i++) info = env.step(env.expertAction())[4]
    expect(info.success).toBe(true)
    env.close()
  })

  it('has two parts where an apple goes into a drawer: the second begins at step 100', () => {
    const env = make(APPLE)
    let [observation] = env.reset({ seed: 0, options: { episodeId: 0 } })
    for (let i = 0; i < 99; i++) observation = env.step(new Float32Array(7))[0]
    expect(observation.instruction).toBe('open top drawer')
    observation = env.step(new Float32Array(7))[0]
    expect(observation.instruction).toBe('place apple into top drawer')
    env.close()
  })

  it('is over when the can is off the table', () => {
    const env = make(CAN)
    env.reset({ seed: 0, options: { episodeId: 0 } })
    env.scene.place(0, [0.1, 0.2, TABLE_TOP, 0, 0, 0, 1])
    const steps = Array.from({ length: 6 }, () => env.step(new Float32Array(7)))
    const [, reward, , truncated, info] = steps.at(-1)!
    expect([reward, truncated, info.failure]).toEqual([0, true, 'red_can fell off the table'])
    env.close()
  })
})

describe('bad input', () => {
  it('before the first reset is answered by what to do; the scene is shown without its episode', () => {
    const env = make(NEAR, { image: { width: 16, height: 12 } })
    for (const ask of [() => env.grounding(), () => env.expertAction(), () => env.snapshot()]) {
      expect(ask).toThrow(/before reset\(\): call reset\(\) first/)
    }
    expect(env.segmentationNames).toContain('table')
    const { width, height, data } = env.render()
    expect([width, height, data.length]).toEqual([320, 256, 320 * 256 * 3])
    env.close()
  })

  it('is answered by what is wrong', () => {
    const env = make(NEAR)
    expect(() => env.step(new Float32Array(7))).toThrow(/reset/)
    env.reset({ seed: 0 })
    expect(() => env.step(new Float32Array(6))).toThrow(/7 numbers, got 6/)
    expect(() => env.step(Float32Array.of(0, 0, Number.NaN, 0, 0, 0, 0))).toThrow(/action\[2\] \(dz\) is NaN/)
    const place = (source: object, target?: object) => () =>
      env.reset({ options: { placement: { source, target } as never } })
    expect(place({ x: -0.2, y: 0 }, { x: -0.2, y: 0.02 })).toThrow(/overlap; move them apart/)
    expect(place({ x: 5, y: 0 }, { x: -0.2, y: 0.3 })).toThrow(/not on the table/)
    expect(place({ x: -0.2, y: 0 })).toThrow(/target must be \{ x, y, yaw \}/)
    expect(() => make(OPEN).reset({ options: { placement: { source: { x: 0, y: 0 } } } })).toThrow(
      /nothing to place/,
    )
    expect(() => make(CAN, { drive: 'driven' })).toThrow(/drive: Google Robot tasks have no such option/)
    expect(() => makeEnv('google_robot_open_midle_drawer')).toThrow(/google_robot_open_middle_drawer/)
    env.close()
  })

  it('names the configuration that has no room after 100 draws', () => {
    let draws = 0
    const draw = () =>
      drawApart(Rng.fromSeed(0), 'two cans in one place', [redCan], () => {
        draws++
        return [0, 0.01].map((x) => ({ object: 0, x, y: 0, rotation: [0, 0, 0, 1] as const }))
      })
    expect(draw).toThrow(/two cans in one place: red_can and red_can were inside one another in 100 draws/)
    expect(draws).toBe(100)
  })
})
