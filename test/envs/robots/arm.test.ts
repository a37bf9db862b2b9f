import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { differenceVector } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { DrivenArm } from '../../../envs/robots/drivenArm.js'
import { EeDeltaController } from '../../../envs/robots/eeDeltaController.js'
import { fingerTarget } from '../../../envs/robots/gripper.js'
import { InverseKinematics } from '../../../envs/robots/inverseKinematics.js'
import { ArmKinematics } from '../../../envs/robots/kinematics.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable } from '../../../envs/scenes/flatTable.js'

const kinematics = new ArmKinematics(arm)
const tcpAt = (q: ArrayLike<number>) => {
  kinematics.forward(q)
  return kinematics.tcp.slice()
}
const home = flatTable.mount.qpos
const near = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(b, (x, i) => Math.abs(a[i] - x)))

describe('forward kinematics', () => {
  it('matches the published zero and initial poses', () => {
    expect(near(tcpAt([0, 0, 0, 0, 0, 0]), [0.458325, 0, 0.36065, 0, 0, 0, 1])).toBeLessThan(1e-6)
    const initial = [0.29207, -0.00609, 0.13532, 0.00526, 0.72687, -0.00808, 0.68671]
    expect(near(tcpAt(home), initial)).toBeLessThan(1e-5)
  })

  it('has a Jacobian that agrees with central differences', () => {
    const q = [0.3, -0.4, 0.5, 0.2, 0.9, -0.7]
    tcpAt(q)
    const jacobian = kinematics.jacobian(new Float64Array(36)).slice()
    const h = 1e-6
    for (let i = 0; i < 6; i++) {
      const plus = tcpAt(q.map((x, j) => x + (i === j ? h : 0)))
      const minus = tcpAt(q.map((x, j) => x - (i === j ? h : 0)))
      const turn = differenceVector([0, 0, 0], plus.slice(3), minus.slice(3))
      for (let r = 0; r < 3; r++) {
        expect(jacobian[6 * r + i]).toBeCloseTo((plus[r] - minus[r]) / (2 * h), 6)
        expect(jacobian[6 * (r + 3) + i]).toBeCloseTo(turn[r] / (2 * h), 6)
      }
    }
  })
})

describe('inverse kinematics', () => {
  const ik = new InverseKinematics(arm)
  const out = new Float64Array(6)

  it('returns to any pose near the workspace of the tasks', () => {
    const offset = fc.tuple(...home.map(() => fc.double({ min: -0.35, max: 0.35, noNaN: true })))
    fc.assert(
      fc.property(offset, offset, (goal, start) => {
        const pose = tcpAt(home.map((x, i) => x + goal[i]))
        const seed = home.map((x, i) => x + start[i])
        expect(ik.solve(pose, seed, out)).toBe(true)
        const reached = tcpAt(out)
        expect(near(reached.slice(0, 3), pose.slice(0, 3))).toBeLessThan(1e-4)
        expect(norm(differenceVector([0, 0, 0], reached.slice(3), pose.slice(3)))).toBeLessThan(1e-4)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('says that a pose out of reach cannot be solved', () => {
    expect(ik.solve([2, 0, 0.3, 0, 0, 0, 1], home, out)).toBe(false)
  })
})

describe('driven arm', () => {
  it('agrees with finely integrated overdamped drives', () => {
    const driven = new DrivenArm(arm, 1 / 120)
    driven.reset(home)
    const target = home.map((x, i) => x + [0.2, -0.1, 0.15, -0.3, 0.1, 0.25][i])
    const q = [...home]
    for (let step = 0; step < 24; step++) {
      driven.step(target)
      for (let fine = 0; fine < 2000; fine++) {
        for (const [i, { stiffness, damping }] of arm.joints.entries()) {
          q[i] += ((stiffness / damping) * (target[i] - q[i])) / (120 * 2000)
        }
      }
    }
    expect(near(driven.q, q)).toBeLessThan(2e-5)
    expect(driven.q[0]).toBeCloseTo(home[0] + 0.2 * (1 - Math.exp((-0.2 * arm.joints[0].stiffness) / 330)), 9)
  })

  it('stops at joint limits and rises off a floor', () => {
    const driven = new DrivenArm(arm, 1 / 120)
    driven.reset(home)
    for (let i = 0; i < 600; i++) driven.step(home.map((x, j) => (j === 1 ? 9 : x)))
    expect(driven.q[1]).toBeCloseTo(arm.joints[1].upper, 9)
    driven.reset(home)
    const { links, tcp } = driven.kinematics
    const tipHeight = () => links[37] + (0.109 * (tcp[2] - links[37])) / arm.tcp.position[0]
    const floor = tipHeight() + 0.01
    driven.keepAbove(floor, Float64Array.of(0.109, 0, 0))
    expect(Math.abs(tipHeight() - floor)).toBeLessThan(2e-4)
  })
})

describe('end-effector delta controller (ee_align2)', () => {
  it('moves a running target, and turns it about the measured TCP', () => {
    const controller = new EeDeltaController(arm)
    controller.reset(home)
    const start = tcpAt(home)
    expect(controller.update([0.02, 0, -0.01, 0, 0, 0], home)).toBe(true)
    expect(controller.update([0.02, 0, -0.01, 0, 0, 0], home)).toBe(true)
    expect(near(controller.target, [start[0] + 0.04, start[1], start[2] - 0.02])).toBeLessThan(1e-12)
    expect(near(tcpAt(controller.jointTarget), controller.target)).toBeLessThan(1e-4)

    controller.update([0, 0, 0, 0, 0, Math.PI / 2], home)
    const pivoted = [start[0], start[1] + 0.04, start[2] - 0.02]
    expect(near(controller.target, pivoted)).toBeLessThan(1e-12)
    const turned = differenceVector([0, 0, 0], controller.target.slice(3), start.slice(3))
    expect(near(turned, [0, 0, Math.PI / 2])).toBeLessThan(1e-9)
  })

  it('holds the arm where IK fails and still advances the target', () => {
    const controller = new EeDeltaController(arm)
    controller.reset(home)
    const x = controller.target[0]
    const q = home.map((value) => value + 0.01)
    expect(controller.update([1, 0, 0, 0, 0, 0], q)).toBe(false)
    expect([...controller.jointTarget]).toEqual(q)
    expect(controller.target[0]).toBeCloseTo(x + 1, 12)
  })

  it('maps gripper commands to 14...38 mm, clipped', () => {
    const targets = [-3, -1, 0, 1, 5].map((command) => fingerTarget(arm, command))
    expect(near(targets, [0.014, 0.014, 0.026, 0.038, 0.038])).toBeLessThan(1e-9)
  })
})
