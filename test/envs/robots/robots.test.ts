import type RAPIER from '@dimforge/rapier3d-simd-compat'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { differenceVector } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { readPose } from '../../../envs/physics/poses.js'
import { createWorld } from '../../../envs/physics/world.js'
import { driveModels } from '../../../envs/robots/driveModels.js'
import type { DrivenRobot } from '../../../envs/robots/drivenRobot.js'
import { EeDeltaController } from '../../../envs/robots/eeDeltaController.js'
import type { Obstacle } from '../../../envs/robots/robot.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable, TABLE_TOP } from '../../../envs/scenes/flatTable.js'
import { greenCube, yellowCube } from '../../../envs/scenes/objects.js'
import { Scene } from '../../../envs/scenes/scene.js'

beforeAll(initPhysics)

const { mount } = flatTable
const { openTarget: OPEN, closedTarget: CLOSED } = arm.gripper

/** A grasp, a lift and a knock against the other cube: [dz, dy, finger] for each control step. */
const SEQUENCE = Array.from({ length: 30 }, (_, i) => {
  if (i < 10) return i < 3 ? [-0.0385, 0, OPEN] : [0, 0, OPEN]
  if (i < 14) return [0, 0, CLOSED]
  return i < 17 ? [0.01, 0.02, CLOSED] : [0, 0.03 * Math.sin(i), i < 26 ? CLOSED : OPEN]
})

describe.each(['driven', 'articulated'] as const)('%s robot', (drive) => {
  function start() {
    const scene = new Scene(flatTable, arm, [greenCube, yellowCube], drive)
    scene.reset()
    scene.place(0, -0.145, 0.034, 0)
    scene.place(1, -0.145, 0.12, 0.3)
    scene.settle()
    const controller = new EeDeltaController(arm)
    controller.reset(scene.robot.q)
    const run = (from: number, to: number) => {
      for (const [dz, dy, finger] of SEQUENCE.slice(from, to)) {
        controller.update([0, dy, dz, 0, 0, 0], scene.robot.q)
        scene.controlStep(controller.jointTarget, finger)
      }
      return Buffer.concat([scene.save(), new Uint8Array(Float64Array.from(scene.robot.q).buffer)])
    }
    return { scene, controller, run }
  }

  it('goes on from a snapshot to the same bytes, in the grasp and in free flight', () => {
    for (const split of [2, 9, 13, 20]) {
      const { scene, controller, run } = start()
      run(0, split)
      const [bytes, robot] = [scene.save(), scene.robot.save()]
      const [target, jointTarget] = [controller.target.slice(), controller.jointTarget.slice()]
      const first = run(split, 30)
      scene.restore(bytes, robot)
      controller.target.set(target)
      controller.jointTarget.set(jointTarget)
      expect(run(split, 30).equals(first)).toBe(true)
      scene.close()
    }
  })

  it('does the same in two scenes, and after a reset', () => {
    const [a, b] = [start(), start()]
    const first = a.run(0, 30)
    expect(b.run(0, 30).equals(first)).toBe(true)
    b.scene.close()
    a.scene.reset()
    a.scene.place(0, -0.145, 0.034, 0)
    a.scene.place(1, -0.145, 0.12, 0.3)
    a.scene.settle()
    a.controller.reset(a.scene.robot.q)
    expect(a.run(0, 30).equals(first)).toBe(true)
    a.scene.close()
  })

  it('stops at its joint limits', () => {
    const { scene } = start()
    scene.place(0, -0.35, -0.2, 0)
    for (const [i, { lower, upper }] of arm.joints.entries()) {
      if (i !== 3 && i !== 4) continue
      for (const limit of [lower, upper]) {
        const target = mount.qpos.map((q, k) =>
          k === i ? limit + Math.sign(limit) * 0.2 : k === 1 ? -0.5 : q,
        )
        for (let step = 0; step < 16; step++) scene.controlStep(target, OPEN)
        // Impulse joints: a limit gives way by 2 mrad to 250 N·m, and a full turn ends 0.01 rad short of it.
        expect(Math.abs(scene.robot.q[i] - limit)).toBeLessThan(drive === 'driven' ? 1e-9 : 0.011)
      }
    }
    scene.close()
  })
})

describe('articulated robot', () => {
  const make = () => new Scene(flatTable, arm, [greenCube], 'articulated')
  const jointsOf = (scene: Scene) => (scene.robot as unknown as { joints: RAPIER.UnitImpulseJoint[] }).joints

  function anchor(body: RAPIER.RigidBody, local: RAPIER.Vector3): number[] {
    const p = body.translation()
    const { x, y, z, w } = body.rotation()
    const tx = 2 * (y * local.z - z * local.y)
    const ty = 2 * (z * local.x - x * local.z)
    const tz = 2 * (x * local.y - y * local.x)
    return [
      p.x + local.x + w * tx + y * tz - z * ty,
      p.y + local.y + w * ty + z * tx - x * tz,
      p.z + local.z + w * tz + x * ty - y * tx,
    ]
  }

  it('keeps joint anchors within 0.5 mm while all joints swing by 0.4 rad', () => {
    const scene = make()
    scene.reset()
    scene.place(0, -0.35, -0.2, 0)
    let gap = 0
    for (let step = 0; step < 30; step++) {
      const swing = mount.qpos.map((q, i) => q + 0.4 * Math.sin(0.9 * step + i) - (i === 1 ? 0.4 : 0))
      scene.controlStep(swing, step % 6 < 3 ? OPEN : CLOSED)
      for (const joint of jointsOf(scene)) {
        const a = anchor(joint.body1(), joint.anchor1())
        const b = anchor(joint.body2(), joint.anchor2())
        gap = Math.max(gap, Math.hypot(...a.map((value, k) => value - b[k])))
      }
    }
    expect(gap).toBeLessThan(5e-4)
    scene.close()
  })

  it('is stopped by the table, and gives way by what its stiffness says', () => {
    const scene = make()
    scene.reset()
    scene.place(0, -0.35, -0.2, 0)
    const controller = new EeDeltaController(arm)
    controller.reset(scene.robot.q)
    const down = (dz: number, steps: number) => {
      for (let i = 0; i < steps; i++) {
        controller.update([0, 0, dz, 0, 0, 0], scene.robot.q)
        scene.controlStep(controller.jointTarget, OPEN)
      }
    }
    down(-0.04, 4)
    down(0, 10)
    const { tcp } = scene.robot.kinematics
    // Commanded to 25 mm below the table; the fingertips are 15.6 mm beyond the TCP and 3 degrees off the vertical.
    expect(controller.target[2] - scene.surfaceHeight).toBeLessThan(-0.02)
    expect(tcp[2] - scene.surfaceHeight).toBeGreaterThan(0.01)
    expect(tcp[2] - scene.surfaceHeight).toBeLessThan(0.025)
    scene.close()
  })
})

describe('gliding', () => {
  it('passes through the states that the solver passes through', () => {
    const { solver, addRobot } = driveModels.driven
    const worlds = [createWorld(solver), createWorld(solver)]
    const robots = worlds.map((world) => addRobot(world, arm, mount, solver.timestep) as DrivenRobot)
    const controller = new EeDeltaController(arm)
    for (const world of worlds) world.step()
    controller.reset(robots[0].q)
    for (let step = 0; step < 12; step++) {
      const finger = step % 6 < 3 ? CLOSED : OPEN
      controller.update([0.02 * Math.sin(step), 0.01, 0.005, 0, 0.05, 0.1], robots[0].q)
      for (const [i, robot] of robots.entries()) {
        robot.drive(controller.jointTarget, finger)
        const glided = i === 0 ? robot.glide(23, []) : 0
        expect(glided).toBe(i === 0 ? 23 : 0)
        for (let k = glided; k < 24; k++) {
          robot.beforeStep()
          worlds[i].step()
        }
      }
      const [a, b] = robots
      expect([...a.q]).toEqual([...b.q])
      for (let side = 0; side < 2; side++) {
        const [p, r] = [readPose(a.fingers[side], []), readPose(b.fingers[side], [])]
        // The solver's slides lag their closed form by half a substep: 0.3 mm at the fingers' top speed of 0.1 m/s.
        expect(Math.hypot(...[0, 1, 2].map((k) => p[k] - r[k]))).toBeLessThan(5e-4)
        expect(norm(differenceVector([0, 0, 0], p.slice(3), r.slice(3)))).toBeLessThan(2e-3)
        const [v, w] = [a.fingers[side].linvel(), b.fingers[side].linvel()]
        expect(Math.hypot(v.x - w.x, v.y - w.y, v.z - w.z)).toBeLessThan(0.01)
      }
    }
    for (const world of worlds) world.free()
  })

  it('ends before anything can be touched, and does not begin while something moves', () => {
    const scene = new Scene(flatTable, arm, [greenCube])
    scene.reset()
    scene.place(0, -0.145, 0.034, 0)
    scene.settle()
    const { robot } = scene
    const obstacles = () => (scene as unknown as { obstacles: Obstacle[] }).obstacles
    const controller = new EeDeltaController(arm)
    controller.reset(robot.q)
    controller.update([0, 0, -0.12, 0, 0, 0], robot.q)
    robot.drive(controller.jointTarget, OPEN)
    const steps = robot.glide(1000, obstacles())
    expect(steps).toBeGreaterThan(5)
    expect(steps).toBeLessThan(1000)
    const tip = robot.kinematics.tcp[2] + mount.basePosition[2] - 0.0156
    // Above the cube by the margin of 1 cm, less what one timestep moves.
    expect(tip).toBeGreaterThan(TABLE_TOP + 0.03 + 0.008)
    expect(robot.glide(10, obstacles())).toBe(0)

    scene.reset()
    scene.place(0, -0.145, 0.034, 0)
    expect(robot.glide(10, obstacles())).toBe(0)
    scene.close()
  })
})
