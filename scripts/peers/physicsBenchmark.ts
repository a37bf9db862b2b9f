import { UserError } from '@vla-gym/gymnasium'
import { initPhysics } from '../../envs/index.js'
import { conjugate, rotate } from '../../envs/math/quat.js'
import type { Numbers } from '../../envs/math/vec3.js'
import type { ArmSpec } from '../../envs/robots/armSpec.js'
import { type DriveModel, driveModels } from '../../envs/robots/driveModels.js'
import { widowx250s } from '../../envs/robots/widowx250s.js'
import { flatTable } from '../../envs/scenes/flatTable.js'
import { greenCube, yellowCube } from '../../envs/scenes/objects.js'
import { Scene } from '../../envs/scenes/scene.js'
import { median } from '../../rl/rollout/envBenchmark.js'

/** 'moving': the arm swings, both cubes lie still; 'holding': it swings with one of them in its fingers. */
export type Scenario = 'moving' | 'holding'

export interface PhysicsResult {
  readonly scenario: Scenario
  readonly engine: string
  /** s. */
  readonly timestep: number
  /** Median wall time of a simulated second, ms, and the least. */
  readonly wallMs: number
  readonly leastMs: number
  /** Simulated seconds measured. */
  readonly n: number
  /** The largest distance of a joint's two halves, mm: how far the arm came apart. */
  readonly jointDriftMm: number
  /** Distance of the first cube from the tool centre at the end, mm. */
  readonly cubeOffsetMm: number
}

/** A simulation of the WidowX over a table with two cubes. */
interface Engine {
  readonly engine: string
  readonly timestep: number
  controlStep(joints: Numbers, finger: number): void
  /** Puts the first cube somewhere, at rest. */
  placeCube(pose: Numbers): void
  /** World poses of links, fingers and cubes, [7]. */
  poses(): Map<string, Numbers>
  close(): void
}

const CONTROL_PERIOD = 0.2
/** Control steps in which the fingers close on the cube, or the cubes come to rest. */
const closingSteps = 15
const objects = [greenCube, yellowCube]
const places = [
  [-0.2, -0.05],
  [-0.12, 0.06],
] as const
/** The timestep of SimplerEnv, and larger ones: MuJoCo's joints cannot come apart at any. */
const mujocoTimesteps = [0.002, 0.004, 1 / 120]

/**
 * Times our drive models and MuJoCo's WASM build on the same scene, each in turn, second by simulated second. UserError
 * where MuJoCo is not installed.
 */
export async function benchmarkPhysics(simulatedSeconds: number): Promise<PhysicsResult[]> {
  await initPhysics()
  const moving = await runScenario('moving', simulatedSeconds)
  return [...moving, ...(await runScenario('holding', simulatedSeconds))]
}

async function runScenario(scenario: Scenario, simulatedSeconds: number): Promise<PhysicsResult[]> {
  const engines = [
    ...(Object.keys(driveModels) as DriveModel[]).map(ourEngine),
    ...(await mujocoEngines(mujocoTimesteps)),
  ]
  const { closedTarget, openTarget } = widowx250s.gripper
  const finger = scenario === 'holding' ? closedTarget : openTarget
  for (const engine of engines) {
    const toolCenter = tcpPose(engine.poses())
    for (let step = 0; step < closingSteps; step++) {
      if (scenario === 'holding') engine.placeCube(toolCenter)
      engine.controlStep(jointsAt(0), finger)
    }
  }
  const times = engines.map((): number[] => [])
  const drifts = engines.map(() => 0)
  for (let second = 0; second < simulatedSeconds; second++) {
    for (const [e, engine] of engines.entries()) {
      const started = performance.now()
      for (let step = 0; step < Math.round(1 / CONTROL_PERIOD); step++)
        engine.controlStep(jointsAt(second + step * CONTROL_PERIOD), finger)
      times[e].push(performance.now() - started)
      drifts[e] = Math.max(drifts[e], jointDrift(widowx250s, engine.poses()))
    }
  }
  const results = engines.map((engine, e): PhysicsResult => {
    const poses = engine.poses()
    const [cube, tcp] = [poses.get(greenCube.name)!, tcpPose(poses)]
    return {
      scenario,
      engine: engine.engine,
      timestep: engine.timestep,
      wallMs: median(times[e]),
      leastMs: Math.min(...times[e]),
      n: times[e].length,
      jointDriftMm: 1000 * drifts[e],
      cubeOffsetMm: 1000 * Math.hypot(cube[0] - tcp[0], cube[1] - tcp[1], cube[2] - tcp[2]),
    }
  })
  for (const engine of engines) engine.close()
  return results
}

/** From rest at the initial joint positions. */
function jointsAt(t: number): number[] {
  return flatTable.mount.qpos.map((q, i) => q + 0.15 * Math.sin(0.9 * t) * Math.cos(i))
}

function tcpPose(poses: ReadonlyMap<string, Numbers>): Float64Array {
  const { links, tcp } = widowx250s
  const palm = poses.get(links[links.length - 1].name)!
  const rotation = Float64Array.from(palm).slice(3)
  const out = new Float64Array(7)
  rotate(out, rotation, tcp.position)
  for (let i = 0; i < 3; i++) out[i] += palm[i]
  out.set(rotation, 3)
  return out
}

function ourEngine(drive: DriveModel): Engine {
  const scene = new Scene(flatTable, widowx250s, objects, drive)
  scene.reset()
  for (const [i, [x, y]] of places.entries()) scene.place(i, x, y, 0)
  scene.settle()
  return {
    engine: `vla-gym-${drive}`,
    timestep: driveModels[drive].solver.timestep,
    controlStep: (joints, finger) => scene.controlStep(joints, finger),
    placeCube: (pose) => scene.setObjectPose(0, pose),
    poses() {
      const poses = new Map<string, Numbers>()
      scene.visitPoses((name, pose) => poses.set(name, pose.slice()))
      return poses
    },
    close: () => scene.close(),
  }
}

async function mujocoEngines(timesteps: readonly number[]): Promise<Engine[]> {
  const { loadMujoco, MujocoSimulation } = await import('./mujoco/load.js').catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new UserError(
      '@mujoco/mujoco is not installed: run `npm install --include=dev` in the project folder, then try again',
    )
  })
  const { mjcf } = await import('./mujoco/mjcf.js')
  const mujoco = await loadMujoco()
  const robot = { arm: widowx250s, mount: flatTable.mount }
  return timesteps.map((timestep): Engine => {
    const scene = mjcf({ timestep, robot, furniture: flatTable.furniture, objects })
    const simulation = new MujocoSimulation(mujoco, scene)
    const { openTarget } = widowx250s.gripper
    simulation.setJoints([...flatTable.mount.qpos, openTarget, openTarget])
    for (const [i, [x, y]] of places.entries()) {
      simulation.setPose(objects[i].name, [x, y, flatTable.surface + objects[i].bottom, 0, 0, 0, 1])
    }
    const bodies = [...widowx250s.links, ...widowx250s.gripper.fingers, ...objects]
    return {
      engine: 'mujoco-wasm',
      timestep,
      controlStep(joints, finger) {
        simulation.drive([...Array.from(joints), finger, finger])
        simulation.step(Math.round(CONTROL_PERIOD / timestep))
      },
      placeCube: (pose) => simulation.setPose(greenCube.name, pose),
      poses: () => new Map(bodies.map(({ name }) => [name, simulation.readPose(name, new Float64Array(7))])),
      close: () => simulation.close(),
    }
  })
}

/** Largest distance, m, between where a link's joint holds it and where it is, over the arm and its fingers. */
function jointDrift({ links, joints, gripper }: ArmSpec, poses: ReadonlyMap<string, Numbers>): number {
  let largest = 0
  for (const [i, { child, kind, origin }] of joints.entries()) {
    if (kind !== 'revolute') continue
    const at = inParent(poses.get(links[i].name)!, poses.get(child)!)
    largest = Math.max(largest, Math.hypot(at[0] - origin[0], at[1] - origin[1], at[2] - origin[2]))
  }
  const palm = poses.get(links[links.length - 1].name)!
  for (const { name, origin, axis } of gripper.fingers) {
    const at = inParent(palm, poses.get(name)!)
    const offset = origin.map((o, k) => at[k] - o)
    const along = offset.reduce((sum, x, k) => sum + x * axis[k], 0)
    largest = Math.max(largest, Math.hypot(...offset.map((x, k) => x - along * axis[k])))
  }
  return largest
}

/** Position of a pose in the frame of another. */
function inParent(parent: Numbers, child: Numbers): Float64Array {
  const offset = Float64Array.of(child[0] - parent[0], child[1] - parent[1], child[2] - parent[2])
  const inverse = conjugate(new Float64Array(4), Array.from(parent).slice(3))
  return rotate(offset, inverse, offset)
}
