import { beforeAll, describe, expect, it } from 'vitest'
import { googleCamera } from '../../../envs/cameras/index.js'
import { BASE_HEIGHT } from '../../../envs/googleRobot/googleRobot.js'
import { googleRobotArm as arm, INITIAL_QPOS } from '../../../envs/googleRobot/googleRobotArm.js'
import { GoogleScene } from '../../../envs/googleRobot/googleScene.js'
import { TABLE_TOP, tableScene } from '../../../envs/googleRobot/scenes.js'
import { initPhysics } from '../../../envs/index.js'
import { rotate } from '../../../envs/math/quat.js'
import { MotionProfile } from '../../../envs/robots/motionProfile.js'

const PLACE = { x: 0.35, y: 0.2, yaw: Math.PI }

beforeAll(initPhysics)

function standing(): GoogleScene {
  const scene = new GoogleScene(tableScene, [])
  scene.reset(PLACE)
  return scene
}

describe('the Google Robot', () => {
  it('has its published masses, and stands with hand and camera where SimplerEnv has them', () => {
    expect(arm.links.map(({ mass }) => mass.mass)).toEqual(
      // The base carries the head.
      [52.9101 + 0.963358 + 0.879241, 1.89575, 1.84719, 1.24742, 0.646385, 0.724367, 0.501929, 0.40507].map(
        (mass) => expect.closeTo(mass, 3),
      ),
    )
    const scene = standing()
    const { robot } = scene
    const tcp = robot.base.toWorld(robot.kinematics.tcp.slice())
    // Derived from the published URDF at the pose of the can task.
    for (const [k, value] of [-0.0894, 0.4184, 1.0409].entries()) expect(tcp[k]).toBeCloseTo(value, 4)
    const { position, rotation } = googleCamera([PLACE.x, PLACE.y, BASE_HEIGHT], PLACE.yaw)
    for (const [k, value] of [0.204, 0.2004, 1.2924].entries()) expect(position[k]).toBeCloseTo(value, 3)
    const forward = rotate([0, 0, 0], rotation, [0, 0, 1])
    for (const [k, value] of [-Math.SQRT1_2, 0.002, -Math.SQRT1_2].entries())
      expect(forward[k]).toBeCloseTo(value, 3)
    scene.close()
  })

  it('follows its path with the lag of its drives: against the differential equation', () => {
    const scene = standing()
    const { robot } = scene
    const q = Float64Array.from(INITIAL_QPOS)
    const [way, speed] = [Float64Array.from(q), new Float64Array(q.length)]
    const path = new MotionProfile(q.length, { velocity: 1.5, acceleration: 2, jerk: 50 })
    for (const action of [
      [0.05, 0.03, -0.04, 0, 0.1, 0, 0],
      [-0.02, 0.05, 0.06, 0.1, 0, -0.1, 0],
    ]) {
      scene.controlStep(action)
      path.plan(way, speed, robot.jointTarget)
      for (let i = 1; i <= 1000; i++) {
        path.at(i / 3000, way, speed)
        for (const [k, { stiffness, damping }] of arm.joints.entries()) {
          q[k] += ((stiffness / damping) * (way[k] - q[k])) / 3000
        }
      }
    }
    // Timesteps of 1/120 s, each towards where its path ends: half a timestep ahead, at up to 0.3 rad/s.
    for (let k = 0; k < q.length; k++) expect(Math.abs(robot.q[k] - q[k])).toBeLessThan(1.5e-3)
    scene.close()
  })

  it('moves its fingers by changes of their target: 1 closes, -1 opens, nothing goes on', () => {
    const scene = standing()
    const { angles } = scene.robot.hand
    const gripper = (value: number) => Float32Array.of(0, 0, 0, 0, 0, 0, value)
    scene.controlStep(gripper(0.5))
    const begun = angles[0]
    expect(begun).toBeGreaterThan(0.1)
    for (let i = 0; i < 4; i++) scene.controlStep(gripper(0))
    // Half of 1.31 rad, from where they were.
    expect(angles[0]).toBeCloseTo(0.655, 3)
    scene.controlStep(gripper(-0.1))
    for (let i = 0; i < 3; i++) scene.controlStep(gripper(0.0005))
    expect(angles[0]).toBeCloseTo(0.655 - 0.131, 3)
    for (let i = 0; i < 6; i++) scene.controlStep(gripper(1))
    expect(angles[0]).toBeCloseTo(arm.gripper.upper, 6)
    expect(angles[1]).toBeCloseTo(angles[0], 6)
    scene.close()
  })

  it('gives way to the table, which it does not enter', () => {
    const scene = standing()
    const { robot } = scene
    for (let i = 0; i < 4; i++) scene.controlStep(Float32Array.of(0.05, 0.05, -0.05, 0, 0, 0, 0.3))
    for (let i = 0; i < 25; i++) scene.controlStep(Float32Array.of(0, 0, -0.03, 0, 0, 0, 0))
    const tips = robot.hand.fingers.map(({ body }) => body.translation().z)
    expect(Math.min(...tips)).toBeGreaterThan(TABLE_TOP)
    const { push } = robot.hand
    expect(push[2]).toBeGreaterThan(20)
    // stiffness · 3 cm over the lever arms, and what the paths are ahead.
    expect(push[2]).toBeLessThan(400)
    scene.close()
  })
})
