import { UserError } from '@vla-gym/gymnasium'
import { extrinsicsMatrix, intrinsicsMatrix } from './cameras/index.js'
import { widowx } from './embodiments.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import { ManipulationView } from './manipulationView.js'
import { differenceVector } from './math/quat.js'
import { type ConstantObservation, JOINTS, LazyObservation, type Pictures } from './observation.js'
import { CONTROL_PERIOD, type Scene } from './scenes/scene.js'

const NO_IMAGE = new Uint8Array(0)

/** Makes the observations of a scene: measures its robot, and keeps the camera that draws it. */
export class Observer {
  /** TCP orientation at reset, [4], base frame. */
  readonly homeRotation: Float64Array
  private readonly scene: Scene
  private readonly options: ManipulationEnvOptions
  private readonly constants: ConstantObservation
  private readonly pictures: Pictures
  /** Joint positions now, and velocities over the last control step. */
  private readonly joints = new Float64Array(JOINTS)
  private readonly velocities = new Float64Array(JOINTS)
  private readonly vector = new Float64Array(3)
  private view: ManipulationView | undefined
  private last: LazyObservation | undefined

  constructor(scene: Scene, instruction: string, options: ManipulationEnvOptions) {
    this.scene = scene
    this.options = options
    this.homeRotation = scene.robot.kinematics.tcp.slice(3)
    const { width = 640, height = 480, crop = [0, 0, 640, 480] } = options.image ?? {}
    const camera = scene.spec.camera().cropped(crop, width, height)
    this.constants = {
      instruction,
      basePose: scene.baseFrame.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      cameraIntrinsics: intrinsicsMatrix(camera),
      cameraExtrinsics: extrinsicsMatrix(camera),
    }
    this.pictures = {
      image: () => (options.image ? this.camera().render() : NO_IMAGE),
      depth: options.depth ? () => this.camera().renderDepth() : undefined,
      segmentation: options.segmentation ? () => this.camera().renderSegmentation() : undefined,
    }
  }

  /** After a reset: joints as they are, at rest. */
  reset(): void {
    this.readJoints()
    this.velocities.fill(0)
  }

  /** After a control step. */
  measure(): void {
    const { joints, velocities } = this
    for (let i = 0; i < JOINTS; i++) velocities[i] = -joints[i]
    this.readJoints()
    for (let i = 0; i < JOINTS; i++) velocities[i] = (velocities[i] + joints[i]) / CONTROL_PERIOD
  }

  /** Of the present state; the observation before it can no longer be drawn. */
  observe(target: Float64Array, gripper: number): LazyObservation {
    this.last?.expire()
    const state = this.state(target, gripper)
    this.last = new LazyObservation(this.constants, state, this.measured(), this.pictures)
    return this.last
  }

  /** Of the fingers, 0 closed ... 1 open. */
  opening(): number {
    const { lower, upper } = this.scene.robot.spec.gripper
    return Math.min(1, Math.max(0, (this.scene.robot.fingerPosition() - lower) / (upper - lower)))
  }

  /** UserError without an image size. */
  camera(): ManipulationView {
    const { image } = this.options
    if (!image) throw new UserError('no camera: set the option image: { width, height }')
    this.view ??= new ManipulationView(this.scene, image, this.scene.spec.camera())
    return this.view
  }

  save(): number[] {
    return [...this.joints, ...this.velocities]
  }

  restore(state: readonly number[]): void {
    this.joints.set(state.slice(0, JOINTS))
    this.velocities.set(state.slice(JOINTS))
  }

  private readJoints(): void {
    const { robot } = this.scene
    for (let i = 0; i < JOINTS - 1; i++) this.joints[i] = robot.q[i]
    this.joints[JOINTS - 1] = robot.fingerPosition()
  }

  private measured(): Float32Array {
    const out = new Float32Array(7 + 2 * JOINTS)
    out.set(this.scene.robot.kinematics.tcp)
    out.set(this.joints, 7)
    out.set(this.velocities, 7 + JOINTS)
    return out
  }

  private state(target: Float64Array, gripper: number): Float32Array {
    const { scene, homeRotation, vector } = this
    const { tcp } = scene.robot.kinematics
    const out = new Float32Array(widowx.stateDim)
    for (let i = 0; i < 3; i++) out[i] = tcp[i]
    const rotation = tcp.subarray(3)
    out.set(differenceVector(vector, rotation, homeRotation), 3)
    out[6] = this.opening()
    out[7] = gripper
    for (let i = 0; i < 3; i++) out[8 + i] = target[i] - tcp[i]
    out.set(differenceVector(vector, target.subarray(3), rotation), 11)
    return out
  }
}
