import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, ManipulationEnv } from '../../../../envs/index.js'
import { findGraspable, findReceptacle, graspables, receptacles } from '../../../../envs/objects/index.js'
import { putOnReceptacle } from '../../../../envs/tasks/ood/putOnReceptacle.js'
import { footing, overlaps } from '../../../../envs/tasks/overlap.js'

beforeAll(initPhysics)

const still = [0, 0, 0, 0, 0, 0, 1]

describe('put on a receptacle', () => {
  it('asks that the thing presses on the receptacle, is above it and near its middle', () => {
    const task = putOnReceptacle('test', findGraspable('purple block'), findReceptacle('brown book'))
    const env = new ManipulationEnv(task)
    env.reset({ options: { placement: { source: { x: -0.3, y: 0.1 }, target: { x: -0.1, y: -0.1 } } } })
    const onTop = 0.8695 + 0.013 + 0.016
    const put = (dx: number, dy: number, z: number, steps: number) => {
      env.scene.setObjectPose(0, [-0.1 + dx, -0.1 + dy, z, 0, 0, 0, 1])
      let info = env.step(still)[4]
      for (let i = 1; i < steps; i++) info = env.step(still)[4]
      return info.success
    }
    expect(put(0, 0, onTop + 3e-4, 3)).toBe(true)
    // Long after it has come to rest, too.
    expect(put(0, 0, onTop + 3e-4, 20)).toBe(true)
    // Beside it on the table, within the radius of 6.75 cm.
    expect(put(0, 0.065, 0.8695 + 0.0163, 3)).toBe(false)
    expect(env.scene.press(0, 1)).toBeCloseTo(0, 3)
    // In the air above it: it has just begun to fall.
    env.scene.setObjectPose(0, [-0.1, -0.1, onTop + 0.035, 0, 0, 0, 1])
    expect(task.goal!.isMet({ ...thingsAbove(env), press: () => 0.02 })).toBe(false)
    expect(task.goal!.isMet({ ...thingsAbove(env), press: () => 0.04 })).toBe(true)
    env.close()
  })

  it('presses with its weight', () => {
    const task = putOnReceptacle('test', findGraspable('purple block'), findReceptacle('brown book'))
    const env = new ManipulationEnv(task)
    env.reset({ options: { placement: { source: { x: -0.3, y: 0.1 }, target: { x: -0.1, y: -0.1 } } } })
    env.scene.setObjectPose(0, [-0.1, -0.1, 0.8695 + 0.013 + 0.0161, 0, 0, 0, 1])
    for (let i = 0; i < 5; i++) env.step(still)
    // 3.2 cm cubed of 700 kg/m³. Rapier's impulses of a timestep count one of its four substeps twice.
    const weight = 0.032 ** 3 * 700 * 9.81
    expect(env.scene.press(0, 1) / weight).toBeCloseTo(1.25, 1)
    env.close()
  })

  it('begins apart, for every thing and receptacle', () => {
    for (const source of [...graspables.train, ...graspables.unseen]) {
      for (const receptacle of [...receptacles.train, ...receptacles.unseen]) {
        const task = putOnReceptacle('test', source, receptacle)
        for (let episode = 0; episode < 3; episode++) {
          const { source: a, target: b } = task.official(episode)
          expect(overlaps(footing(source.spec, a), footing(receptacle.spec, b)), source.words).toBe(false)
        }
      }
    }
  })
})

function thingsAbove(env: ManipulationEnv) {
  const center = (i: number) => env.scene.objectCenter(i, new Float64Array(3))
  const half = (i: number) => env.scene.objects[i].box.map((extent) => extent / 2)
  return {
    source: center(0),
    target: center(1),
    sourceStart: center(0),
    targetStart: center(1),
    halfSource: half(0),
    halfTarget: half(1),
  }
}
