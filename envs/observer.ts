import { Rng, UserError } from '@vla-gym/gymnasium'
import {
  type Appearance,
  appearanceSpec,
  drawAppearance,
  movedCamera,
  shadedBodies,
} from './appearance/index.js'
import { imageMatrices, type PinholeCamera } from './cameras/index.js'
import { widowx } from './embodiments.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import { ManipulationView } from './manipulationView.js'
import { differenceVector } from './math/quat.js'
import { type ConstantObservation, JOINTS, LazyObservation, type Pictures } from './observation.js'
import { CONTROL_PERIOD, type Scene } from './scenes/scene.js'

const NO_IMAGE = new Uint8Array(0)

interface ObserverState {
  readonly joints: readonly number[]
  readonly velocities: readonly number[]
  readonly frame: number
  readonly looks: ReturnType<Rng['save']>
  readonly appearance?: Appearance
}

/** Makes the observations of a scene: measures its robot, and keeps the camera that draws it. */
export class Observer {
  /** TCP orientation at reset, [4], base frame. */
  readonly homeRotation: Float64Array
  private readonly scene: Scene
  private readonly options: ManipulationEnvOptions
  private readonly wholeCamera: PinholeCamera
  private readonly pictures: Pictures
  private readonly shaded: readonly string[]
  /** Of the episode. */
  private constants: ConstantObservation
  /** Where episodes' looks come from; a stream of its own, so that placements do not depend on it. */
  private looks = Rng.fromSeed(0, 'appearance')
  private appearance: Appearance | undefined
  /** Control steps since reset. */
  private frame = 0
  /** Joint positions now, and velocities over the last control step. */
  private readonly joints = new Float64Array(JOINTS)
  private readonly velocities = new Float64Array(JOINTS)
  private readonly vector = new Float64Array(3)
  private view: ManipulationView | undefined
  private last: LazyObservation | undefined

  constructor(scene: Scene, options: ManipulationEnvOptions) {
    this.scene = scene
    this.options = options
    this.homeRotation = scene.robot.kinematics.tcp.slice(3)
    this.wholeCamera = scene.spec.camera()
    this.shaded = shadedBodies([
      ...scene.spec.furniture.map(({ body }) => body.name),
      ...scene.objects.map(({ name }) => name),
    ])
    this.constants = {
      instruction: '',
      basePose: scene.baseFrame.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...this.matrices(),
    }
    this.pictures = {
      image: () => (options.image ? this.camera().render(this.frame) : NO_IMAGE),
      depth: options.depth ? () => this.camera().renderDepth() : undefined,
      segmentation: options.segmentation ? () => this.camera().renderSegmentation() : undefined,
    }
  }

  /** After a reset: joints as they are, at rest, and a new look. */
  reset(seed: number | undefined): void {
    this.readJoints()
    this.velocities.fill(0)
    this.frame = 0
    if (seed !== undefined) this.looks = Rng.fromSeed(seed, 'appearance')
    const { appearance = 'plain' } = this.options
    if (appearance === 'plain') this.wear(undefined)
    else this.wear(drawAppearance(appearanceSpec(appearance), this.shaded, this.looks))
  }

  /** After a control step. */
  measure(): void {
    this.frame++
    const { joints, velocities } = this
    for (let i = 0; i < JOINTS; i++) velocities[i] = -joints[i]
    this.readJoints()
    for (let i = 0; i < JOINTS; i++) velocities[i] = (velocities[i] + joints[i]) / CONTROL_PERIOD
  }

  /** Of the present state; the observation before it can no longer be drawn. */
  observe(instruction: string, target: Float64Array, gripper: number): LazyObservation {
    this.last?.expire()
    if (instruction !== this.constants.instruction) this.constants = { ...this.constants, instruction }
    const state = this.state(target, gripper)
    this.last = new LazyObservation(this.constants, state, this.measured(), this.pictures)
    return this.last
  }

  /**
   * Pictures come from this view of the scene from now on, undefined: from one of its own. The observation before it can
   * no longer be drawn.
   */
  lookThrough(view: ManipulationView | undefined): void {
    this.last?.expire()
    this.view = view
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
    this.view ??= new ManipulationView(this.scene, image, this.wholeCamera)
    this.view.wear(this.appearance)
    return this.view
  }

  /** Another view's picture of the present state, in the episode's look. */
  picture(view: ManipulationView): Uint8Array {
    view.wear(this.appearance)
    return view.render(this.frame)
  }

  save(): ObserverState {
    const { joints, velocities, frame, looks, appearance } = this
    return { joints: [...joints], velocities: [...velocities], frame, looks: looks.save(), appearance }
  }

  restore({ joints, velocities, frame, looks, appearance }: ObserverState): void {
    this.joints.set(joints)
    this.velocities.set(velocities)
    this.frame = frame
    this.looks = Rng.restore(looks)
    this.wear(appearance)
  }

  private wear(appearance: Appearance | undefined): void {
    if (appearance === this.appearance) return
    this.appearance = appearance
    this.constants = { ...this.constants, ...this.matrices() }
  }

  private matrices(): Pick<ConstantObservation, 'cameraIntrinsics' | 'cameraExtrinsics'> {
    return imageMatrices(movedCamera(this.wholeCamera, this.appearance?.camera), this.options.image)
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
