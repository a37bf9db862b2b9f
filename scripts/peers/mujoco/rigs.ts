import type { MainModule } from '@mujoco/mujoco'
import type { Numbers } from '../../../envs/math/vec3.js'
import { BaseFrame } from '../../../envs/robots/baseFrame.js'
import type { DriveModel } from '../../../envs/robots/driveModels.js'
import { ArmKinematics } from '../../../envs/robots/kinematics.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { flatTable } from '../../../envs/scenes/flatTable.js'
import type { ObjectSpec } from '../../../envs/scenes/objectSpec.js'
import { Scene } from '../../../envs/scenes/scene.js'
import { MujocoSimulation } from './load.js'
import { mjcf } from './mjcf.js'

/** The arm over the flat table with some objects, in one of the engines. Poses are [7], world frame. */
export interface Rig {
  /** Of a Rapier rig. */
  readonly scene?: Scene
  readonly q: Numbers
  /** One control step of 0.2 s. */
  step(jointTarget: Numbers, finger: number): void
  objectPose(index: number): Float64Array
  setObjectPose(index: number, pose: Numbers): void
  /** Centre of mass, world. */
  objectCenter(index: number): number[]
  settle(): void
  fingerPosition(): number
  /** At the measured joints. */
  tcp(): Float64Array
  close(): void
}

export function rapierRig(drive: DriveModel, objects: readonly ObjectSpec[]): Rig {
  const scene = new Scene(flatTable, arm, objects, drive)
  scene.reset()
  return {
    scene,
    q: scene.robot.q,
    step: (target, finger) => scene.controlStep(target, finger),
    objectPose: (index) => scene.objectPose(index, new Float64Array(7)),
    setObjectPose: (index, pose) => scene.setObjectPose(index, pose),
    objectCenter: (index) => scene.objectCenter(index, [0, 0, 0]),
    settle: () => scene.settle(),
    fingerPosition: () => scene.robot.fingerPosition(),
    tcp: () => scene.baseFrame.toWorld(scene.robot.kinematics.tcp.slice()),
    close: () => scene.close(),
  }
}

/** @param armature see `MjcfScene`. */
export function mujocoRig(mujoco: MainModule, objects: readonly ObjectSpec[], armature?: number): Rig {
  const robot = { arm, mount: flatTable.mount }
  const timestep = 0.002
  const { furniture } = flatTable
  const simulation = new MujocoSimulation(mujoco, mjcf({ timestep, armature, robot, furniture, objects }))
  const { upper } = arm.gripper
  simulation.setJoints([...flatTable.mount.qpos, upper, upper])
  const { qpos, xipos } = simulation.data
  const q: Float64Array = qpos.subarray(0, arm.joints.length)
  const kinematics = new ArmKinematics(arm)
  const frame = new BaseFrame(flatTable.mount)
  return {
    q,
    step(target, finger) {
      simulation.drive([...Array.from(target), finger, finger])
      simulation.step(Math.round(0.2 / timestep))
    },
    objectPose(index) {
      simulation.forward()
      return simulation.readPose(objects[index].name, new Float64Array(7))
    },
    setObjectPose: (index, pose) => simulation.setPose(objects[index].name, pose),
    objectCenter(index) {
      simulation.forward()
      const id = simulation.bodyId(objects[index].name)
      return [...xipos.subarray(3 * id, 3 * id + 3)]
    },
    settle: () => simulation.step(Math.round(1 / timestep)),
    fingerPosition: () => (qpos[q.length] + qpos[q.length + 1]) / 2,
    tcp() {
      kinematics.forward(q)
      return frame.toWorld(kinematics.tcp.slice())
    },
    close: () => simulation.close(),
  }
}
