import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { differenceVector, fromYaw } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { EeDeltaController } from '../../../envs/robots/eeDeltaController.js'
import { fingerTarget } from '../../../envs/robots/gripper.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable, TABLE_TOP } from '../../../envs/scenes/flatTable.js'
import { carrot, greenCube, plate, yellowCube } from '../../../envs/scenes/objects.js'
import { Scene } from '../../../envs/scenes/scene.js'

beforeAll(initPhysics)

const degrees = 180 / Math.PI

function closedOnCube() {
  const scene = new Scene(flatTable, arm, [greenCube, yellowCube])
  scene.reset()
  const controller = new EeDeltaController(arm)
  controller.reset(scene.robot.q)
  // The initial pose turns the fingers by 1.01 degrees; a cube turned alike shows what the grasp itself adds.
  scene.place(0, -0.1451, 0.0341, 0)
  scene.setObjectPose(0, [-0.1451, 0.0341, TABLE_TOP + 0.015, ...fromYaw(-1.01 / degrees)])
  scene.place(1, -0.25, -0.1, 0)
  scene.settle()
  const go = (dz: number, command: number, steps: number) => {
    for (let i = 0; i < steps; i++) {
      controller.update([0, 0, dz, 0, 0, 0], scene.robot.q)
      scene.controlStep(controller.jointTarget, fingerTarget(arm, command))
    }
  }
  go(-0.0385, 1, 3)
  go(0, 1, 12)
  const before = scene.objectPose(0, new Float64Array(7))
  go(0, -1, 5)
  return { scene, go, before }
}

describe('flat table', () => {
  it('grips a cube without turning or moving it, and holds it', () => {
    const { scene, go, before } = closedOnCube()
    const after = scene.objectPose(0, new Float64Array(7))
    const turn = differenceVector([0, 0, 0], after.slice(3), before.slice(3))
    expect(norm(turn) * degrees).toBeLessThan(1)
    expect(Math.hypot(...[0, 1, 2].map((i) => after[i] - before[i]))).toBeLessThan(5e-4)
    expect(scene.robot.fingerPosition()).toBeGreaterThan(0.024)
    expect(scene.robot.fingerPosition()).toBeLessThan(0.026)
    expect(scene.isGrasped(0)).toBe(true)
    expect(scene.isGrasped(1)).toBe(false)
    expect(scene.touchesOthers(0, 1)).toBe(true)

    go(0.03, -1, 4)
    go(0, -1, 10)
    const held = scene.objectPose(0, new Float64Array(7))
    expect(held[2] - after[2]).toBeGreaterThan(0.118)
    expect(scene.touchesOthers(0, 1)).toBe(false)
    go(0, 1, 5)
    expect(scene.isGrasped(0)).toBe(false)
    expect(scene.objectPose(0, held)[2]).toBeCloseTo(TABLE_TOP + 0.015, 3)
    scene.close()
  })

  it('stops the fingers at the table', () => {
    const { scene, go } = closedOnCube()
    go(0.03, 1, 4)
    go(0, 1, 4)
    scene.place(0, -0.3, 0.1, 0)
    go(-0.04, 1, 10)
    const { tcp } = scene.robot.kinematics
    expect(tcp[2] - scene.surfaceHeight).toBeGreaterThan(0.012)
    expect(tcp[2] - scene.surfaceHeight).toBeLessThan(0.03)
    scene.close()
  })

  it('keeps things at rest on the table and on each other', () => {
    const scene = new Scene(flatTable, arm, [carrot, plate, greenCube, yellowCube])
    scene.reset()
    scene.place(1, -0.2, 0, 0)
    scene.place(3, -0.1, 0.1, 0)
    scene.setObjectPose(0, [-0.2, 0.01, TABLE_TOP + 0.0062 + carrot.bottom, 0, 0, 0, 1])
    scene.setObjectPose(2, [-0.1, 0.1, TABLE_TOP + 0.0452, 0, 0, 0, 1])
    scene.settle()
    const poses = () => scene.objects.map((_, i) => scene.objectPose(i, new Float64Array(7)))
    const before = poses()
    for (let i = 0; i < 25; i++) scene.controlStep(scene.robot.q, 0.038)
    for (const [i, pose] of poses().entries()) {
      expect(Math.hypot(...[0, 1, 2].map((k) => pose[k] - before[i][k]))).toBeLessThan(3e-4)
    }
    // Asleep by now; contacts must still count.
    expect(scene.touchesOthers(0, 1)).toBe(false)
    expect(scene.touchesOthers(1, 0)).toBe(true)
    expect(scene.touchesOthers(2, 3)).toBe(false)
    expect(scene.touchesOthers(2, 0)).toBe(true)
    scene.close()
  })
})
