import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, makeManipulationEnv } from '../../../envs/index.js'
import { rotate } from '../../../envs/math/quat.js'
import { createWorld } from '../../../envs/physics/world.js'
import { type DriveModel, driveModels } from '../../../envs/robots/driveModels.js'
import { EeDeltaController } from '../../../envs/robots/eeDeltaController.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { wallsOf } from '../../../envs/scenes/furniture.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { sink } from '../../../envs/scenes/sink.js'

beforeAll(initPhysics)

const { mount } = sink
const walls = wallsOf(sink.furniture, 0)
const { openTarget: OPEN, closedTarget: CLOSED } = arm.gripper
const palm = arm.links[arm.links.length - 1]

/**
 * What the tool may be in a wall at the end of a control step: 0.3 mm where it says that it jams, and 0.3 mm that
 * the solver's slides lag their closed form at the fingers' top speed; the rest is in reserve.
 */
const ALLOWED = 1e-3
/** Stopped from several m/s, a finger's 0.1 kg goes on against 200 N·s/m: 0.5 mm for each m/s. */
const ALLOWED_AT_SPEED = 3e-3

/** Points of the surfaces of a link's boxes, at most 2 mm apart, in its frame. */
const pointsOf = new Map(
  [palm, ...arm.gripper.fingers].map(({ name, parts }) => [
    name,
    parts.flatMap(({ shape, pose, collides }) => {
      if (collides === false || shape.kind !== 'box') return []
      const center = pose?.position ?? [0, 0, 0]
      const counts = shape.halfExtents.map((half) => Math.ceil(half / 0.001))
      const points: number[][] = []
      for (let i = 0; i <= counts[0]; i++) {
        for (let j = 0; j <= counts[1]; j++) {
          for (let k = 0; k <= counts[2]; k++) {
            const index = [i, j, k]
            if (index.every((value, axis) => value % counts[axis] !== 0)) continue
            points.push(
              index.map((v, axis) => center[axis] + ((2 * v) / counts[axis] - 1) * shape.halfExtents[axis]),
            )
          }
        }
      }
      return points
    }),
  ]),
)

/** How deep the deepest tool point is in furniture, m, by the bodies' poses in the world. */
function deepest(scene: Scene): number {
  let depth = 0
  scene.robot.visitPoses((name, pose) => {
    const rotation = pose.slice(3)
    const turned = [0, 0, 0]
    const near = walls.filter(({ center, half }) =>
      center.every((value, k) => Math.abs(pose[k] - value) < half[k] + 0.1),
    )
    for (const point of near.length > 0 ? (pointsOf.get(name) ?? []) : []) {
      rotate(turned, rotation, point)
      for (const { center, half } of near) {
        let inside = Number.POSITIVE_INFINITY
        for (let k = 0; k < 3 && inside > depth; k++) {
          inside = Math.min(inside, half[k] - Math.abs(pose[k] + turned[k] - center[k]))
        }
        if (inside > depth) depth = inside
      }
    }
  })
  return depth
}

function start(drive: DriveModel = 'driven') {
  const scene = new Scene(sink, arm, [], drive)
  scene.reset()
  const controller = new EeDeltaController(arm)
  controller.reset(scene.robot.q)
  const step = (action: readonly number[], finger: number) => {
    controller.update(action, scene.robot.q)
    scene.controlStep(controller.jointTarget, finger)
  }
  /** The tool centre point commanded to a place in the world, at most 4 cm a step. */
  const goTo = (place: readonly number[], finger: number, steps: number) => {
    const goal = scene.toBase([...place])
    for (let i = 0; i < steps; i++) {
      const way = goal.map((value, k) => value - controller.target[k])
      const share = Math.min(1, 0.04 / Math.max(Math.hypot(...way), 1e-9))
      step([...way.map((value) => share * value), 0, 0, 0], finger)
    }
  }
  const tcp = () => {
    const [x, y, z] = scene.robot.kinematics.tcp
    const { basePosition: b } = mount // the base is turned by half a turn
    return [b[0] - x, b[1] - y, b[2] + z]
  }
  return { scene, controller, step, goTo, tcp }
}

/** A place in the world, heights of the fingertips there, and how far the tool centre point may get in x and y. */
const ROOMS = [
  { name: 'the right basin', x: -0.15, y: 0.21, tips: [0.932, 0.955], bounds: [-0.277, -0.04, 0.114, 0.308] },
  { name: 'the basket', x: -0.125, y: 0.032, tips: [0.94, 0.955], bounds: [-0.191, -0.059, -0.018, 0.082] },
  { name: 'the sink, from beside it', x: -0.15, y: -0.14, tips: [0.87, 0.93], bounds: [-1, 1, -1, -0.074] },
]
const SIDES = [
  { name: '+x', dx: 1, dy: 0, bound: 1 },
  { name: '-x', dx: -1, dy: 0, bound: 0 },
  { name: '+y', dx: 0, dy: 1, bound: 3 },
  { name: '-y', dx: 0, dy: -1, bound: 2 },
]
/** Fingertips beyond the tool centre point. */
const TIP = 0.0156
const sweeps = ROOMS.flatMap((room) => SIDES.map((side) => ({ room, side }))).filter(
  ({ room, side }) => Math.abs(room.bounds[side.bound]) < 0.5,
)

/** Commands the tool centre point from the middle of a room to `beyond` its wall; `watch` sees every control step. */
function sweep(
  robot: ReturnType<typeof start>,
  { room, side }: (typeof sweeps)[number],
  tip: number,
  finger: number,
  beyond: number,
  watch = () => {},
) {
  const { x, y, bounds } = room
  robot.goTo([x, y, 1.08], finger, 10)
  robot.goTo([x, y, tip + TIP], finger, 8)
  const reach = Math.abs(bounds[side.bound] - (side.dx === 0 ? y : x)) + beyond
  for (let i = 0; i < 12; i++) {
    robot.goTo([x + side.dx * reach, y + side.dy * reach, tip + TIP], finger, 1)
    watch()
  }
}

describe('the driven tool', () => {
  // Commanded further beyond, it climbs out over the rim, as on impulse joints: walls have no friction for it.
  it.each(sweeps)('does not get through the walls of $room.name towards $side.name', (towards) => {
    for (const tip of towards.room.tips) {
      for (const finger of [OPEN, CLOSED]) {
        const robot = start()
        let least = Number.POSITIVE_INFINITY
        sweep(robot, towards, tip, finger, 0.015, () => {
          expect(deepest(robot.scene)).toBeLessThan(ALLOWED)
          const [x, y] = robot.tcp()
          const { bounds } = towards.room
          least = Math.min(least, x - bounds[0], bounds[1] - x, y - bounds[2], bounds[3] - y)
        })
        // Half a finger's thickness stays between the tool centre point and the wall.
        expect(least).toBeGreaterThan(0.0047)
        robot.scene.close()
      }
    }
  })

  it('stops where it stops on impulse joints', () => {
    for (const towards of sweeps.filter(({ room }) => room !== ROOMS[2])) {
      const ends = (['driven', 'articulated'] as const).map((drive) => {
        const robot = start(drive)
        sweep(robot, towards, 0.955, CLOSED, 0)
        const end = robot.tcp()
        robot.scene.close()
        return end
      })
      const { dx, dy } = towards.side
      const way = ends.map(([x, y]) => dx * x + dy * y)
      // Contact and joints give way by some millimetres there.
      expect(Math.abs(way[1] - way[0])).toBeLessThan(5e-3)
    }
  })

  it.each([0.01, 0.03, 0.08, 0.25])(
    'stays out of furniture in random motions of up to %s m a step',
    (size) => {
      const { scene, controller, step } = start()
      let touching = 0
      for (let episode = 0; episode < 5; episode++) {
        const rng = Rng.fromSeed('walls', size, episode)
        scene.reset()
        controller.reset(scene.robot.q)
        let direction = [0, 0, 0]
        for (let i = 0; i < 40; i++) {
          if (i % 5 === 0) direction = [0, 0, 0].map((_, k) => rng.uniform(-1, k === 2 ? 0.7 : 1))
          const home = scene.toBase([-0.15, i < 20 ? 0.2 : 0.03, 0.97])
          const action = direction.map((value, k) => {
            const off = home[k] - controller.target[k]
            return Math.abs(off) > 0.25 ? off / 2 : size * (value + rng.uniform(-0.2, 0.2))
          })
          for (let k = 0; k < 3; k++) action.push(Math.min(0.25, 5 * size) * rng.uniform(-1, 1))
          step(action, rng.uniform(0, 1) < 0.5 ? OPEN : CLOSED)
          const depth = deepest(scene)
          expect(depth).toBeLessThan(size > 0.1 ? ALLOWED_AT_SPEED : ALLOWED)
          if (depth > 0) touching++
        }
      }
      expect(touching).toBeGreaterThan(0)
      scene.close()
    },
  )

  it('keeps what it holds, and stays out of walls, when it is pressed against them', () => {
    const env = makeManipulationEnv('widowx_put_eggplant_in_basket')
    for (const [dx, dy] of [
      [0.03, 0],
      [0, 0.03],
      [-0.02, -0.02],
    ]) {
      env.reset({ options: { episodeId: 3 } })
      let [, , , , info] = env.step(env.expertAction())
      while (!info.grasped) info = env.step(env.expertAction())[4]
      for (let i = 0; i < 10; i++) {
        env.step(Float32Array.of(dx, dy, 0, 0, 0, 0, -1))
        expect(deepest(env.scene)).toBeLessThan(ALLOWED)
      }
    }
    env.close()
  })

  it('closes its fingers on walls as on impulse joints', () => {
    // Astride the divider, with the left finger in the gap between divider and basket, too wide to close.
    const [driven, articulated] = (['driven', 'articulated'] as const).map((drive) => {
      const { scene, goTo, tcp } = start(drive)
      goTo([-0.15, 0.107, 1.08], OPEN, 10)
      goTo([-0.15, 0.107, 0.965 + TIP], OPEN, 8)
      goTo([-0.15, 0.107, 0.965 + TIP], CLOSED, 10)
      if (drive === 'driven') expect(deepest(scene)).toBeLessThan(ALLOWED)
      const end = [...tcp(), scene.robot.fingerPosition()]
      scene.close()
      return end
    })
    expect(driven[3]).toBeGreaterThan(0.024)
    // Contact on impulse joints gives way by a millimetre.
    for (const [k, value] of driven.entries()) expect(Math.abs(value - articulated[k])).toBeLessThan(2e-3)
  })

  it('does beside walls with gliding what it does without', () => {
    const [a, b] = [start(), start()]
    b.scene.robot.glide = () => 0
    let glided = 0
    const glide = a.scene.robot.glide.bind(a.scene.robot)
    a.scene.robot.glide = (steps, obstacles) => {
      const passed = glide(steps, obstacles)
      glided += passed
      return passed
    }
    for (const towards of sweeps.slice(0, 4)) {
      for (const robot of [a, b]) sweep(robot, towards, 0.95, CLOSED, 0.01)
      const [tcpA, tcpB] = [a.tcp(), b.tcp()]
      // The finger's solver lag, 0.3 mm, shows at the wall.
      for (let k = 0; k < 3; k++) expect(Math.abs(tcpA[k] - tcpB[k])).toBeLessThan(5e-4)
    }
    expect(glided).toBeGreaterThan(200)
    for (const { scene } of [a, b]) scene.close()
  })

  it('does not glide within a centimetre of a wall', () => {
    const { scene, controller, goTo } = start()
    const { robot } = scene
    goTo([-0.15, 0.21, 1.1], OPEN, 10)
    controller.update([0, 0, -0.25, 0, 0, 0], robot.q)
    robot.drive(controller.jointTarget, OPEN)
    const steps = robot.glide(1000, [])
    expect(steps).toBeGreaterThan(5)
    expect(steps).toBeLessThan(1000)
    expect(robot.glide(10, [])).toBe(0)
    // The sink's floor is at 0.922; the last timestep took the tool into the margin.
    const tip = robot.kinematics.tcp[2] + mount.basePosition[2] - TIP
    expect(tip).toBeGreaterThan(0.922)
    expect(tip).toBeLessThan(1)
    scene.close()
  })

  it('goes on from a snapshot at a wall to the same bytes', () => {
    const { scene, controller, goTo } = start()
    const squeeze = () => {
      for (const finger of [CLOSED, OPEN, CLOSED]) goTo([-0.14, 0.12, 0.95], finger, 2)
      return Buffer.concat([scene.save(), new Uint8Array(Float64Array.from(scene.robot.q).buffer)])
    }
    goTo([-0.15, 0.107, 1.08], OPEN, 10)
    goTo([-0.15, 0.107, 0.965 + TIP], OPEN, 8)
    goTo([-0.15, 0.107, 0.965 + TIP], CLOSED, 1)
    const [bytes, robot] = [scene.save(), scene.robot.save()]
    const [target, jointTarget] = [controller.target.slice(), controller.jointTarget.slice()]
    const first = squeeze()
    scene.restore(bytes, robot)
    controller.target.set(target)
    controller.jointTarget.set(jointTarget)
    expect(squeeze().equals(first)).toBe(true)
    scene.close()
  })

  it('needs a base along the axes of the walls', () => {
    const { solver, addRobot } = driveModels.driven
    const turned = (baseYaw: number) => () => {
      const world = createWorld(solver)
      addRobot(world, arm, { ...mount, baseYaw }, solver.timestep, walls)
      world.free()
    }
    expect(turned(-Math.PI / 2)).not.toThrow()
    expect(turned(0.3)).toThrow(/baseYaw is 0.3; .* quarter turn/)
  })
})
