import { initPhysics } from '../../../envs/index.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable, TABLE_TOP } from '../../../envs/scenes/flatTable.js'
import { greenCube, yellowCube } from '../../../envs/scenes/objects.js'
import { tasks } from '../../../envs/tasks/registry.js'
import { loadMujoco } from './load.js'
import { mujocoRig, type Rig, rapierRig } from './rigs.js'
import { ACTION_SEQUENCES, grasp, stepDeviation, trackingDeviation } from './trials.js'

/** Prints the tables of docs/robots.md: where the drive models and MuJoCo agree, and what each costs. */
await initPhysics()
const mujoco = await loadMujoco()
const kinds = ['driven', 'articulated', 'mujoco'] as const
type Kind = (typeof kinds)[number]

const row = (...cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
const heading = (...cells: string[]) => {
  console.log()
  row(...cells)
  row(...cells.map(() => '---'))
}

/** @param armature of MuJoCo's joints, see `MjcfScene`. */
function rigOf(kind: Kind, objects: Parameters<typeof rapierRig>[1], armature?: number): Rig {
  return kind === 'mujoco' ? mujocoRig(mujoco, objects, armature) : rapierRig(kind, objects)
}

heading('step of 0.2 rad, largest difference to MuJoCo, mrad', ...arm.joints.map((joint) => joint.name))
for (const kind of ['driven', 'articulated'] as const) {
  const cells = arm.joints.map((_, joint) => {
    const rigs = [rigOf(kind, []), rigOf('mujoco', [], 0)]
    const deviation = stepDeviation(rigs[0], rigs[1], joint, joint % 2 === 0 ? 0.2 : -0.2)
    for (const rig of rigs) rig.close()
    return (1000 * deviation).toFixed(2)
  })
  row(kind, ...cells)
}

heading('tracking: largest deviation from the analytic controller', ...kinds)
for (const [name, action] of Object.entries(ACTION_SEQUENCES)) {
  const cells = kinds.map((kind) => {
    const rig = rigOf(kind, [])
    const [way, angle] = trackingDeviation(rig, action)
    rig.close()
    return `${(1000 * way).toFixed(2)} mm, ${angle.toFixed(2)}°`
  })
  row(name, ...cells)
}

heading('grasp', 'arm', 'turned', 'pushed, mm', 'finger, mm', 'lifted, mm', 'slipped, mm')
for (const object of new Set([...tasks.values()].map((task) => task.source))) {
  for (const kind of kinds) {
    const rig = rigOf(kind, [object])
    const { turned, pushed, finger, lifted, slipped } = grasp(rig, object)
    rig.close()
    const lengths = [pushed, finger, lifted, slipped].map((x) => (1000 * x).toFixed(2))
    row(object.name, kind, `${turned.toFixed(2)}°`, ...lengths)
  }
}

/** CPU microseconds of a control step, median of rounds that alternate between the rigs. */
function costs(rigs: readonly Rig[], finger: number, amplitude: number, rounds = 15, steps = 20): number[] {
  const samples: number[][] = rigs.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, rig] of rigs.entries()) {
      const begun = process.cpuUsage()
      for (let step = 0; step < steps; step++) {
        const swing = flatTable.mount.qpos.map((q, k) => q + (k === 0 ? amplitude * Math.sin(step) : 0))
        rig.step(swing, finger)
      }
      const { user, system } = process.cpuUsage(begun)
      samples[i].push((user + system) / steps)
    }
  }
  return samples.map((list) => list.sort((a, b) => a - b)[rounds >> 1])
}

heading('CPU µs per control step', ...kinds)
for (const [name, held] of [
  ['arm swings above two cubes at rest', false],
  ['arm swings a cube in its grip, one at rest', true],
] as const) {
  const rigs = kinds.map((kind) => rigOf(kind, [greenCube, yellowCube]))
  for (const rig of rigs) {
    rig.setObjectPose(1, [-0.3, 0.2, TABLE_TOP + 0.015, 0, 0, 0, 1])
    if (held) grasp(rig, greenCube)
    else rig.setObjectPose(0, [-0.3, -0.2, TABLE_TOP + 0.015, 0, 0, 0, 1])
    rig.settle()
  }
  const finger = held ? arm.gripper.closedTarget : arm.gripper.openTarget
  costs(rigs, finger, 0.05)
  row(name, ...costs(rigs, finger, 0.05).map((x) => x.toFixed(0)))
  for (const rig of rigs) rig.close()
}
