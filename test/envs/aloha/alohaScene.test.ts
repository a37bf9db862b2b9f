import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { alohaArm, HOME, mounts, sides, TABLE_TOP } from '../../../envs/aloha/alohaArms.js'
import { can } from '../../../envs/aloha/alohaObjects.js'
import { AlohaScene } from '../../../envs/aloha/alohaScene.js'
import { headCamera, wristCameraAt } from '../../../envs/aloha/cameras.js'
import { toolPose, toolYaw } from '../../../envs/aloha/expert/toolFollower.js'
import { projectPoint } from '../../../envs/cameras/index.js'
import { initPhysics } from '../../../envs/index.js'
import { ArmKinematics } from '../../../envs/robots/kinematics.js'

beforeAll(initPhysics)

describe('an arm of ALOHA', () => {
  it('has the ViperX 300s kinematics: in the plane of a pitched arm, the sum of its links', () => {
    const rng = Rng.fromSeed(1)
    const arm = new ArmKinematics(alohaArm)
    for (let n = 0; n < 50; n++) {
      const [waist, shoulder, elbow, wrist] = [0, 1, 2, 3].map(() => rng.uniform(-1.2, 1.2))
      arm.forward([waist, shoulder, elbow, 0, wrist, rng.uniform(-3, 3)])
      // Pitch angles turn x towards -z; lengths are those of the published model, the tool's 0.13 m our own.
      const [a, b, c] = [shoulder, shoulder + elbow, shoulder + elbow + wrist]
      const out = 0.05955 * Math.cos(a) + 0.3 * Math.sin(a) + 0.3 * Math.cos(b) + 0.199744 * Math.cos(c)
      const up =
        0.12705 - 0.05955 * Math.sin(a) + 0.3 * Math.cos(a) - 0.3 * Math.sin(b) - 0.199744 * Math.sin(c)
      const expected = [out * Math.cos(waist), out * Math.sin(waist), up]
      for (let k = 0; k < 3; k++) expect(arm.tcp[k]).toBeCloseTo(expected[k], 9)
    }
  })

  it('starts above the table, 30 cm before its base, pointing down with the fingers along x', () => {
    const scene = new AlohaScene([can])
    scene.reset()
    for (const side of sides) {
      const pose = toolPose(scene, side, new Float64Array(7))
      const [x, y] = mounts[side].basePosition
      // The start pose is rounded to 1e-4 rad.
      expect(pose[0]).toBeCloseTo(x, 3)
      expect(pose[1]).toBeCloseTo(y + 0.3, 3)
      expect(pose[2]).toBeCloseTo(TABLE_TOP + 0.2, 3)
      expect(Math.abs(Math.sin(toolYaw(pose)))).toBeLessThan(1e-3)
    }
    scene.close()
  })
})

describe('the scene', () => {
  it('moves free arms to where they are told, at the end of every control step', () => {
    const scene = new AlohaScene([can])
    scene.reset()
    const rng = Rng.fromSeed(3)
    const joints = [...HOME, ...HOME]
    for (let step = 0; step < 30; step++) {
      for (let i = 0; i < 12; i++) joints[i] += rng.uniform(-0.02, 0.02)
      scene.controlStep(joints, [1, 1])
      for (const side of sides) {
        for (let i = 0; i < 6; i++) expect(scene.robots[side].q[i]).toBeCloseTo(joints[6 * side + i], 9)
      }
    }
    scene.close()
  })

  it('stops an arm that is told to go into the table, and lets it come back', () => {
    const scene = new AlohaScene([can])
    scene.reset()
    const pose = new Float64Array(7)
    const joints = [...HOME, ...HOME]
    for (let step = 0; step < 10; step++) {
      joints[1] += 0.12
      scene.controlStep(joints, [1, 1])
      toolPose(scene, 0, pose)
      expect(pose[2]).toBeGreaterThan(TABLE_TOP)
    }
    joints[1] = HOME[1]
    // What is left of 1.2 rad after four seconds at damping / stiffness 0.2 s: 1e-8.
    for (let step = 0; step < 40; step++) scene.controlStep(joints, [1, 1])
    for (let i = 0; i < 6; i++) expect(scene.robots[0].q[i]).toBeCloseTo(HOME[i], 4)
    scene.close()
  })

  it('sees the table in the head camera and the fingers in the wrist camera', () => {
    const head = headCamera()
    for (const [x, y] of [
      [-0.3, -0.2],
      [0.3, -0.2],
      [-0.35, 0.15],
      [0.35, 0.15],
    ] as const) {
      const { u, v, depth } = projectPoint(head, [x, y, TABLE_TOP])
      expect(depth).toBeGreaterThan(0)
      expect(u).toBeGreaterThan(0)
      expect(u).toBeLessThan(640)
      expect(v).toBeGreaterThan(0)
      expect(v).toBeLessThan(480)
    }
    const scene = new AlohaScene([can])
    scene.reset()
    const spots = [0, 0.3].map((turn) => {
      scene.controlStep([turn, ...HOME.slice(1), ...HOME], [1, 1])
      const tool = toolPose(scene, 0, new Float64Array(7))
      const { u, v } = projectPoint(wristCameraAt(tool), [tool[0], tool[1], tool[2]])
      return [u, v]
    })
    // The tool centre point is at one place of the picture, left to right in its middle.
    expect(spots[0][0]).toBeCloseTo(320, 6)
    for (let k = 0; k < 2; k++) expect(spots[1][k]).toBeCloseTo(spots[0][k], 6)
    expect(spots[0][1]).toBeGreaterThan(0)
    expect(spots[0][1]).toBeLessThan(480)
    scene.close()
  })
})
