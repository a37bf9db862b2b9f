import { Rng, UserError } from '@vla-gym/gymnasium'
import {
  type Appearance,
  appearanceSpec,
  drawAppearance,
  movedCamera,
  shadedBodies,
} from '../appearance/index.js'
import { imageMatrices } from '../cameras/index.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { ManipulationView } from '../manipulationView.js'
import { alohaArm, type Side, sides } from './alohaArms.js'
import {
  type AlohaPictures,
  type ConstantObservation,
  JOINTS,
  LazyAlohaObservation,
} from './alohaObservation.js'
import { type AlohaScene, ARM_JOINTS, CONTROL_PERIOD } from './alohaScene.js'
import { headCamera, wristCameraAt } from './cameras.js'
import { toolPose } from './expert/toolFollower.js'
import { tableBody } from './table.js'
import { WristView } from './wristView.js'

const NO_IMAGE = new Uint8Array(0)
const PER_ARM = ARM_JOINTS + 1

interface ObserverState {
  readonly joints: readonly number[]
  readonly velocities: readonly number[]
  readonly frame: number
  readonly looks: ReturnType<Rng['save']>
  readonly appearance?: Appearance
}

/** Makes the observations of a scene: measures both arms, and keeps the cameras that draw it. */
export class AlohaObserver {
  private readonly scene: AlohaScene
  private readonly options: ManipulationEnvOptions
  private readonly head = headCamera()
  private readonly pictures: AlohaPictures
  private readonly shaded: readonly string[]
  private constants: ConstantObservation
  /** Where episodes' looks come from; a stream of its own, so that layouts do not depend on it. */
  private looks = Rng.fromSeed(0, 'appearance')
  private appearance: Appearance | undefined
  /** Control steps since reset. */
  private frame = 0
  private readonly joints = new Float64Array(JOINTS)
  private readonly velocities = new Float64Array(JOINTS)
  private readonly pose = new Float64Array(7)
  private view: ManipulationView | undefined
  private readonly wrists: (WristView | undefined)[] = [undefined, undefined]
  private last: LazyAlohaObservation | undefined

  constructor(scene: AlohaScene, instruction: string, options: ManipulationEnvOptions) {
    this.scene = scene
    this.options = options
    this.shaded = shadedBodies([tableBody.name, ...scene.objects.map(({ name }) => name)])
    this.constants = {
      instruction,
      basePose: scene.baseFrame.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...this.matrices(),
    }
    this.pictures = {
      image: () => (options.image ? this.camera().render(this.frame) : NO_IMAGE),
      leftWristImage: () => this.wristImage(0),
      rightWristImage: () => this.wristImage(1),
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
  observe(): LazyAlohaObservation {
    this.last?.expire()
    const { scene, joints, velocities, pose } = this
    const tcpPose = new Float32Array(14)
    const state = Float32Array.from(joints)
    const { lower, upper } = alohaArm.gripper
    for (const side of sides) {
      tcpPose.set(scene.baseFrame.toBase(toolPose(scene, side, pose)), 7 * side)
      const finger = PER_ARM * side + ARM_JOINTS
      state[finger] = Math.min(1, Math.max(0, (joints[finger] - lower) / (upper - lower)))
    }
    const measured = {
      state,
      tcpPose,
      jointPositions: Float32Array.from(joints),
      jointVelocities: Float32Array.from(velocities),
    }
    this.last = new LazyAlohaObservation(this.constants, measured, this.pictures)
    return this.last
  }

  /** UserError without an image size. */
  camera(): ManipulationView {
    const { image } = this.options
    if (!image) throw new UserError('no camera: set the option image: { width, height }')
    this.view ??= new ManipulationView(this.scene, image, this.head)
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

  private wristImage(side: Side): Uint8Array {
    const { image } = this.options
    if (!image) return NO_IMAGE
    const { width, height } = image
    const camera = () => wristCameraAt(toolPose(this.scene, side, this.pose))
    this.wrists[side] ??= new WristView(this.scene, { width, height }, camera)
    return this.picture(this.wrists[side])
  }

  private wear(appearance: Appearance | undefined): void {
    if (appearance === this.appearance) return
    this.appearance = appearance
    this.constants = { ...this.constants, ...this.matrices() }
  }

  private matrices(): Pick<ConstantObservation, 'cameraIntrinsics' | 'cameraExtrinsics'> {
    return imageMatrices(movedCamera(this.head, this.appearance?.camera), this.options.image)
  }

  private readJoints(): void {
    for (const side of sides) {
      const robot = this.scene.robots[side]
      const at = PER_ARM * side
      for (let i = 0; i < ARM_JOINTS; i++) this.joints[at + i] = robot.q[i]
      this.joints[at + ARM_JOINTS] = robot.fingerPosition()
    }
  }
}
