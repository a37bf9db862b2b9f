import RAPIER from '@dimforge/rapier3d-simd-compat'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Body } from '../../../envs/geometry.js'
import { initPhysics } from '../../../envs/index.js'
import { fromRotationVector, rotate } from '../../../envs/math/quat.js'
import { addBody, GROUP_OBJECT, GROUP_TABLE, objectDescription } from '../../../envs/physics/rigidBodies.js'
import { createWorld } from '../../../envs/physics/world.js'
import { driveModels } from '../../../envs/robots/driveModels.js'
import { greenCube } from '../../../envs/scenes/objects.js'
import { loadMujoco, MujocoSimulation } from '../../../scripts/peers/mujoco/load.js'
import { mjcf } from '../../../scripts/peers/mujoco/mjcf.js'

beforeAll(initPhysics)

const GRAVITY = 9.81
const HALF = 0.015
const plane: Body = {
  name: 'plane',
  parts: [{ shape: { kind: 'box', halfExtents: [1, 1, 0.05] }, color: 0 }],
}
/** Friction of a pair is the mean of both: 0.5 of the cube, 1 of the plane. */
const FRICTION = 0.75
const DAMPING = 0.1
const MUJOCO_STEP = 5e-4

const SLIPPERY = Math.atan(FRICTION) + (6 * Math.PI) / 180
const CLOSED_FORM = GRAVITY * (Math.sin(SLIPPERY) - FRICTION * Math.cos(SLIPPERY))
/** From positions at 0.1, 0.3 and 0.5 s: what happens when the cube is let go drops out. */
const acceleration = (s: readonly number[]) => (s[2] - 2 * s[1] + s[0]) / 0.2 ** 2

interface Incline {
  world: RAPIER.World
  cube: RAPIER.RigidBody
  simulation: MujocoSimulation
  /** Unit vector down the slope. */
  down: number[]
}

/** A cube at rest on a plane tilted by `slope` rad, in both engines; the line of fall points to `direction` rad of the plane's axes. */
async function incline(slope: number, direction: number): Promise<Incline> {
  const axis = [-Math.sin(direction), Math.cos(direction), 0].map((x) => x * slope)
  const q = fromRotationVector([0, 0, 0, 1], axis)
  const [x, y, z] = rotate([0, 0, 0], q, [0, 0, HALF])
  const down = rotate([0, 0, 0], q, [Math.cos(direction), Math.sin(direction), 0])
  const [px, py, pz] = rotate([0, 0, 0], q, [0, 0, -0.05])
  const rotation = { x: q[0], y: q[1], z: q[2], w: q[3] }

  const world = createWorld(driveModels.driven.solver)
  const fixed = RAPIER.RigidBodyDesc.fixed().setTranslation(px, py, pz).setRotation(rotation)
  const table = { friction: 1, density: 0, group: GROUP_TABLE, meets: GROUP_OBJECT }
  addBody(world, fixed, plane, table)
  const surface = { friction: 0.5, density: 1000, group: GROUP_OBJECT, meets: GROUP_TABLE }
  const free = objectDescription().setTranslation(x, y, z).setRotation(rotation)
  const cube = addBody(world, free, greenCube.body, surface)

  const furniture = [{ body: plane, position: [px, py, pz] as const, rotation: q }]
  const simulation = new MujocoSimulation(
    await loadMujoco(),
    mjcf({ timestep: MUJOCO_STEP, furniture, objects: [greenCube] }),
  )
  simulation.setPose(greenCube.name, [x, y, z, ...q])
  return { world, cube, simulation, down }
}

/** Positions down the slope, m, after each of `counts` tenths of a second: Rapier's and MuJoCo's. */
function slide({ world, cube, simulation, down }: Incline, counts: readonly number[]) {
  const along = (p: ArrayLike<number>) => p[0] * down[0] + p[1] * down[1] + p[2] * down[2]
  const [ours, mujoco]: number[][] = [[], []]
  for (let tenth = 0; tenth <= counts[counts.length - 1]; tenth++) {
    if (counts.includes(tenth)) {
      const { x, y, z } = cube.translation()
      ours.push(along([x, y, z]))
      simulation.forward()
      mujoco.push(along(simulation.readPose(greenCube.name, new Float64Array(7))))
    }
    for (let i = 0; i < 12; i++) world.step()
    simulation.step(Math.round(0.1 / MUJOCO_STEP))
  }
  world.free()
  simulation.close()
  return { ours, mujoco }
}

describe('free fall', () => {
  // Velocity first, position after: substeps of h = 1/480 s fall ahead by g·h·t/2, 2.6 mm in 0.25 s.
  it('follows the closed form with our damping, and MuJoCo without', async () => {
    const seconds = 0.25
    for (const damping of [DAMPING, 0]) {
      const world = createWorld(driveModels.driven.solver)
      const surface = { friction: 0.5, density: 1000, group: GROUP_OBJECT, meets: GROUP_TABLE }
      const description = objectDescription().setTranslation(0, 0, 1).setLinearDamping(damping)
      const cube = addBody(world, description, greenCube.body, surface)
      for (let i = 0; i < Math.round(seconds / world.timestep); i++) world.step()
      const fallen = 1 - cube.translation().z
      const ct = damping * seconds
      const expected =
        damping > 0 ? (GRAVITY / damping ** 2) * (ct - 1 + Math.exp(-ct)) : (GRAVITY * seconds * seconds) / 2
      const substep = world.timestep / world.numSolverIterations
      expect(Math.abs(fallen - expected)).toBeLessThan((GRAVITY * substep * seconds) / 2 + 1e-4)
      world.free()
      if (damping > 0) continue
      const simulation = new MujocoSimulation(
        await loadMujoco(),
        mjcf({ timestep: substep, objects: [greenCube] }),
      )
      simulation.setPose(greenCube.name, [0, 0, 1, 0, 0, 0, 1])
      simulation.step(Math.round(seconds / substep))
      simulation.forward()
      const other = 1 - simulation.readPose(greenCube.name, new Float64Array(7))[2]
      // Both take explicit steps of the same size: only rounding is left.
      expect(Math.abs(fallen - other)).toBeLessThan(1e-4)
      simulation.close()
    }
  })
})

/**
 * The friction cone: in directions along the cube's sides, along its diagonal and between. Sticking 1 degree below
 * the cone's angle: 0.1 mm of creep a second, which no task can notice. Sliding 6 degrees above it: 1 % of the
 * acceleration, about what a timestep blurs.
 */
describe.each([0, 22.5, 45, 70])('a cube on an incline, line of fall at %s degrees', (direction) => {
  const towards = (direction * Math.PI) / 180

  it('sticks below arctan of the friction', async () => {
    const { ours } = slide(await incline(Math.atan(FRICTION) - Math.PI / 180, towards), [5, 15])
    expect(Math.abs(ours[1] - ours[0])).toBeLessThan(1e-4)
  })

  it('slides above it as the closed form says', async () => {
    const { ours } = slide(await incline(SLIPPERY, towards), [1, 3, 5])
    const speed = (ours[2] - ours[0]) / 0.4
    expect(Math.abs((acceleration(ours) + DAMPING * speed) / CLOSED_FORM - 1)).toBeLessThan(0.01)
  })
})

/**
 * MuJoCo needs 0.5 ms for this, and keeps to the closed form along sides and diagonal; in between its cube spins by
 * 0.6 rad and slides 14 % faster. Its regularised friction creeps 1 degree below the cone's angle: 5 mm a second.
 */
describe.each([0, 45])('MuJoCo agrees on an incline, line of fall at %s degrees', (direction) => {
  const towards = (direction * Math.PI) / 180

  it('sticks below, slides above', async () => {
    const stuck = slide(await incline(Math.atan(FRICTION) - Math.PI / 180, towards), [5, 10])
    expect(Math.abs(stuck.mujoco[1] - stuck.mujoco[0])).toBeLessThan(2.5e-3)
    const { mujoco } = slide(await incline(SLIPPERY, towards), [1, 3, 5])
    expect(Math.abs(acceleration(mujoco) / CLOSED_FORM - 1)).toBeLessThan(0.02)
  })
})
