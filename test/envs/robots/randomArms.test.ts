import type RAPIER from '@dimforge/rapier3d-simd-compat'
import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { differenceVector } from '../../../envs/math/quat.js'
import { norm } from '../../../envs/math/vec3.js'
import { createWorld } from '../../../envs/physics/world.js'
import { type ArmSettings, buildArm } from '../../../envs/robots/armSpec.js'
import { ArticulatedRobot } from '../../../envs/robots/articulatedRobot.js'
import { driveModels } from '../../../envs/robots/driveModels.js'
import { InverseKinematics } from '../../../envs/robots/inverseKinematics.js'
import { ArmKinematics } from '../../../envs/robots/kinematics.js'
import { parseUrdf } from '../../../envs/robots/urdf.js'
import { loadMujoco, MujocoSimulation } from '../../../scripts/peers/mujoco/load.js'

beforeAll(initPhysics)

const JOINTS = 6
const INERTIAL =
  '<inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial>'

/** An arm of six joints with frames and axes in any direction, `slides` of them prismatic, and a gripper. */
function randomArm(seed: number, slides: number) {
  const rng = Rng.fromSeed(seed, 'arm')
  const triple = (size: number) => [0, 1, 2].map(() => rng.uniform(-size, size)).join(' ')
  const origin = () => `<origin xyz="${triple(0.2)}" rpy="${triple(3)}"/>`
  const elements = [`<link name="l0"/>`]
  for (let i = 1; i <= JOINTS; i++) {
    const type = i > 1 && i <= 1 + slides ? 'prismatic' : 'revolute'
    elements.push(
      `<link name="l${i}">${INERTIAL}</link><joint name="j${i}" type="${type}"><parent link="l${i - 1}"/>`,
      `<child link="l${i}"/>${origin()}<axis xyz="${triple(1)}"/><limit lower="-2" upper="2"/></joint>`,
    )
  }
  elements.push(
    `<link name="tool">${INERTIAL}</link><joint name="t" type="fixed"><parent link="l${JOINTS}"/>`,
    `<child link="tool"/>${origin()}</joint>`,
  )
  for (const side of ['left', 'right']) {
    elements.push(
      `<link name="${side}">${INERTIAL}</link><joint name="${side}" type="prismatic"><parent link="l${JOINTS}"/>`,
      `<child link="${side}"/><axis xyz="0 ${side === 'left' ? 1 : -1} 0"/><limit lower="0" upper="0.1"/></joint>`,
    )
  }
  const text = `<robot name="random">${elements.join('')}</robot>`
  const gains = { stiffness: 1000, damping: 200, forceLimit: 500 }
  const settings: ArmSettings = {
    name: 'random',
    joints: Object.fromEntries(Array.from({ length: JOINTS }, (_, i) => [`j${i + 1}`, gains])),
    tcp: 'tool',
    gripper: { ...gains, joints: ['left', 'right'], closedTarget: 0, openTarget: 0.1, friction: 1 },
    floorPoints: { finger: [], gripper: [] },
  }
  const q = Array.from({ length: JOINTS }, () => rng.uniform(-1, 1))
  return { arm: buildArm(parseUrdf(text, 'random.urdf'), settings, 'random.urdf'), text, q }
}

describe.each([
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 0],
  [5, 3],
])('a random arm (seed %s, %s slides)', (seed, slides) => {
  it('has the frames that MuJoCo finds in the same file', async () => {
    const { arm, text, q } = randomArm(seed, slides)
    // Fixed links are lumped unless MuJoCo is told otherwise.
    const keep = text.replace('">', '"><mujoco><compiler fusestatic="false"/></mujoco>')
    const simulation = new MujocoSimulation(await loadMujoco(), keep)
    simulation.data.qpos.set(q)
    simulation.forward()
    const kinematics = new ArmKinematics(arm)
    kinematics.forward(q)
    const names = [...arm.joints.map((joint) => joint.child), 'tool']
    for (const [i, name] of names.entries()) {
      const expected = simulation.readPose(name, new Float64Array(7))
      const ours = i < JOINTS ? kinematics.links.slice(7 * i, 7 * i + 7) : kinematics.tcp
      for (let k = 0; k < 3; k++) expect(ours[k]).toBeCloseTo(expected[k], 9)
      expect(norm(differenceVector([0, 0, 0], ours.slice(3), expected.slice(3)))).toBeLessThan(1e-9)
    }
    simulation.close()
  })

  it('has a Jacobian that agrees with central differences, and inverse kinematics', () => {
    const { arm, q } = randomArm(seed, slides)
    const kinematics = new ArmKinematics(arm)
    const at = (joints: number[]) => {
      kinematics.forward(joints)
      return kinematics.tcp.slice()
    }
    const pose = at(q)
    const jacobian = kinematics.jacobian(new Float64Array(6 * JOINTS)).slice()
    const h = 1e-6
    for (let i = 0; i < JOINTS; i++) {
      const plus = at(q.map((x, j) => x + (i === j ? h : 0)))
      const minus = at(q.map((x, j) => x - (i === j ? h : 0)))
      const turn = differenceVector([0, 0, 0], plus.slice(3), minus.slice(3))
      for (let r = 0; r < 3; r++) {
        expect(jacobian[JOINTS * r + i]).toBeCloseTo((plus[r] - minus[r]) / (2 * h), 6)
        expect(jacobian[JOINTS * (r + 3) + i]).toBeCloseTo(turn[r] / (2 * h), 6)
      }
    }
    const solution = new Float64Array(JOINTS)
    const seedJoints = q.map((x) => x + 0.05)
    expect(new InverseKinematics(arm).solve(pose, seedJoints, solution)).toBe(true)
    const reached = at([...solution])
    expect(Math.hypot(...[0, 1, 2].map((k) => reached[k] - pose[k]))).toBeLessThan(1e-4)
  })

  it('measures on impulse joints the positions that it was built with and driven to', () => {
    const { arm, q } = randomArm(seed, slides)
    const { solver } = driveModels.articulated
    const world: RAPIER.World = createWorld(solver)
    const mount = { basePosition: [0.3, -0.2, 1] as const, baseYaw: 0.7, qpos: q, floor: -10 }
    const robot = new ArticulatedRobot(world, arm, mount)
    robot.measure()
    // Poses are float32 in the world.
    for (let i = 0; i < JOINTS; i++) expect(robot.q[i]).toBeCloseTo(q[i], 5)
    const target = q.map((x) => x + 0.1)
    robot.drive(target, 0.1)
    for (let i = 0; i < 2 / solver.timestep; i++) world.step()
    robot.measure()
    for (let i = 0; i < JOINTS; i++) expect(Math.abs(robot.q[i] - target[i])).toBeLessThan(1e-3)
    world.free()
  })
})
