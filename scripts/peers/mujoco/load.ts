import loadModule, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco'
import type { Numbers, NumbersOut } from '../../../envs/math/vec3.js'

let module: Promise<MainModule> | undefined

/** MuJoCo's official WASM build, a development dependency; loaded once per thread. */
export function loadMujoco(): Promise<MainModule> {
  module ??= loadModule()
  return module
}

/** A model and its state. */
export class MujocoSimulation {
  readonly model: MjModel
  readonly data: MjData
  private readonly mujoco: MainModule

  /** @param xml MJCF, as `mjcf()` writes it, or URDF. */
  constructor(mujoco: MainModule, xml: string) {
    this.mujoco = mujoco
    this.model = mujoco.MjModel.from_xml_string(xml)
    this.data = new mujoco.MjData(this.model)
    mujoco.mj_forward(this.model, this.data)
  }

  /** Everything that depends on the positions follows from them again. */
  forward(): void {
    this.mujoco.mj_forward(this.model, this.data)
  }

  step(steps = 1): void {
    for (let i = 0; i < steps; i++) this.mujoco.mj_step(this.model, this.data)
  }

  /** Sets the first joints and their actuators' targets, at rest. */
  setJoints(q: Numbers): void {
    const { qpos, qvel, ctrl } = this.data
    for (let i = 0; i < q.length; i++) {
      qpos[i] = ctrl[i] = q[i]
      qvel[i] = 0
    }
    this.forward()
  }

  /** Targets of the first actuators. */
  drive(target: Numbers): void {
    const { ctrl } = this.data
    for (let i = 0; i < target.length; i++) ctrl[i] = target[i]
  }

  /** Pose, [7] with xyzw quaternion, of a body on a free joint; at rest. */
  setPose(body: string, pose: Numbers): void {
    const joint = this.model.body_jntadr[this.bodyId(body)]
    const at = this.model.jnt_qposadr[joint]
    const { qpos, qvel } = this.data
    for (let i = 0; i < 3; i++) qpos[at + i] = pose[i]
    for (let i = 0; i < 4; i++) qpos[at + 3 + i] = pose[3 + ((i + 3) % 4)]
    qvel.fill(0, this.model.jnt_dofadr[joint], this.model.jnt_dofadr[joint] + 6)
    this.forward()
  }

  /** World pose of a body's frame, [7], as of the last `forward` or the begin of the last step. */
  readPose<T extends NumbersOut>(body: string, out: T): T {
    const id = this.bodyId(body)
    const { xpos, xquat } = this.data
    for (let i = 0; i < 3; i++) out[i] = xpos[3 * id + i]
    for (let i = 0; i < 4; i++) out[3 + i] = xquat[4 * id + ((i + 1) % 4)]
    return out
  }

  bodyId(name: string): number {
    return this.mujoco.mj_name2id(this.model, this.mujoco.mjtObj.mjOBJ_BODY.value, name)
  }

  close(): void {
    this.data.delete()
    this.model.delete()
  }
}
