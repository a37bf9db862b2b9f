import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, ManipulationEnv } from '../../../envs/index.js'
import { greenCube, yellowCube } from '../../../envs/scenes/objects.js'
import { carrotOnPlate } from '../../../envs/tasks/carrotOnPlate.js'
import { stackCube } from '../../../envs/tasks/stackCube.js'
import type { PutOnTask } from '../../../envs/tasks/task.js'

beforeAll(initPhysics)

/** Plays the expert of one task in the scene of another with the same things. */
function play(meant: PutOnTask, asked: PutOnTask) {
  const [body, judge] = [new ManipulationEnv(meant), new ManipulationEnv(asked)]
  const spot = (x: number, y: number) => ({ x, y, yaw: 0 })
  const [green, yellow] = [spot(-0.2, -0.06), spot(-0.12, 0.07)]
  const placementOf = (task: PutOnTask) =>
    task.source === greenCube ? { source: green, target: yellow } : { source: yellow, target: green }
  body.reset({ seed: 1, options: { placement: placementOf(meant) } })
  let [, info] = judge.reset({ seed: 1, options: { placement: placementOf(asked) } })
  const seen = [info]
  for (let step = 0; step < 30; step++) {
    const action = body.expertAction()
    body.step(action)
    info = judge.step(action)[4]
    seen.push(info)
  }
  for (const env of [body, judge]) env.close()
  return seen
}

const watched: PutOnTask = { ...stackCube, watched: true }
const other: PutOnTask = { ...stackCube, source: yellowCube, target: greenCube }

describe('intention', () => {
  it('is right where the right thing is grasped first', () => {
    const seen = play(stackCube, watched)
    expect(seen[0]).toMatchObject({ success: false })
    expect(seen.at(-1)).toMatchObject({ intention: 'right', wrongGrasped: false, success: true })
  })

  it('is wrong where another is, and stays so', () => {
    const seen = play(other, watched)
    expect(seen.at(-1)).toMatchObject({ intention: 'wrong', wrongGrasped: true, success: false })
    const first = seen.findIndex(({ intention }) => intention === 'wrong')
    expect(seen.slice(first).every(({ intention }) => intention === 'wrong')).toBe(true)
    expect(seen[first - 1].intention).toBe('none')
  })

  it('is told by what was moved while nothing has been grasped', () => {
    const env = new ManipulationEnv(watched)
    env.reset({ options: { episodeId: 3 } })
    const still = [0, 0, 0, 0, 0, 0, 1]
    expect(env.step(still)[4].intention).toBe('none')
    const pose = env.scene.objectPose(1, new Float64Array(7))
    pose[1] += 0.04
    env.scene.setObjectPose(1, pose)
    expect(env.step(still)[4]).toMatchObject({ intention: 'wrong', wrongGrasped: false })
    env.close()
  })

  it('is not told where it is not watched', () => {
    const env = new ManipulationEnv(carrotOnPlate)
    const [, info] = env.reset({ seed: 1 })
    expect('intention' in info || 'wrongGrasped' in info).toBe(false)
    env.close()
  })
})
