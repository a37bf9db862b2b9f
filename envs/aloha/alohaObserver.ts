import { EpisodeCamera } from '../episodeCamera.js'
import { EpisodeLook, type EpisodeLookState } from '../episodeLook.js'
import { NO_IMAGE } from '../lazyPictures.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import type { ConstantObservation } from '../observation.js'
import { JointMeter, type JointMeterState } from '../robots/jointMeter.js'
import { alohaArm, type Side, sides } from './alohaArms.js'
import { type AlohaPictures, JOINTS, LazyAlohaObservation } from './alohaObservation.js'
import { type AlohaScene, ARM_JOINTS, CONTROL_PERIOD, PER_ARM } from './alohaScene.js'
import { headCamera, wristCameraAt } from './cameras.js'
import { toolPose } from './expert/toolFollower.js'
import { tableBody } from './table.js'
import { WristView } from './wristView.js'

type ObserverState = JointMeterState & EpisodeLookState

/** Makes the observations of a scene: measures both arms, and keeps the cameras that draw it. */
export class AlohaObserver {
  readonly camera: EpisodeCamera
  private readonly scene: AlohaScene
  private readonly options: ManipulationEnvOptions
  private readonly look: EpisodeLook
  private readonly meter: JointMeter
  private readonly pictures: AlohaPictures
  private constants: ConstantObservation
  private readonly pose = new Float64Array(7)
  private readonly wrists: (WristView | undefined)[] = [undefined, undefined]
  private last: LazyAlohaObservation | undefined

  constructor(scene: AlohaScene, instruction: string, options: ManipulationEnvOptions) {
    this.scene = scene
    this.options = options
    this.look = new EpisodeLook(options.appearance, [
      tableBody.name,
      ...scene.objects.map(({ name }) => name),
    ])
    this.camera = new EpisodeCamera(scene, headCamera(), this.look, options)
    this.meter = new JointMeter(JOINTS, CONTROL_PERIOD, (joints) => readJoints(scene, joints))
    this.constants = {
      instruction,
      basePose: scene.baseFrame.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...this.camera.matrices(),
    }
    this.pictures = {
      ...this.camera.pictures,
      leftWristImage: () => this.wristImage(0),
      rightWristImage: () => this.wristImage(1),
    }
  }

  /** After a reset: joints as they are, at rest, and a new look. */
  reset(seed: number | undefined): void {
    this.meter.reset()
    this.look.reset(seed)
    this.constants = { ...this.constants, ...this.camera.matrices() }
  }

  /** After a control step. */
  measure(): void {
    this.look.advance()
    this.meter.measure()
  }

  /** Of the present state; the observation before it can no longer be drawn. */
  observe(): LazyAlohaObservation {
    this.last?.expire()
    const { scene, pose } = this
    const { positions, velocities } = this.meter
    const tcpPose = new Float32Array(14)
    const state = Float32Array.from(positions)
    const { lower, upper } = alohaArm.gripper
    for (const side of sides) {
      tcpPose.set(scene.baseFrame.toBase(toolPose(scene, side, pose)), 7 * side)
      const finger = PER_ARM * side + ARM_JOINTS
      state[finger] = Math.min(1, Math.max(0, (positions[finger] - lower) / (upper - lower)))
    }
    const measured = {
      state,
      tcpPose,
      jointPositions: Float32Array.from(positions),
      jointVelocities: Float32Array.from(velocities),
    }
    this.last = new LazyAlohaObservation(this.constants, measured, this.pictures)
    return this.last
  }

  save(): ObserverState {
    return { ...this.meter.save(), ...this.look.save() }
  }

  restore(state: ObserverState): void {
    this.meter.restore(state)
    this.look.restore(state)
    this.constants = { ...this.constants, ...this.camera.matrices() }
  }

  private wristImage(side: Side): Uint8Array {
    const { image } = this.options
    if (!image) return NO_IMAGE
    const { width, height } = image
    const camera = () => wristCameraAt(toolPose(this.scene, side, this.pose))
    this.wrists[side] ??= new WristView(this.scene, { width, height }, camera)
    return this.look.picture(this.wrists[side])
  }
}

/** Left arm first: six angles, rad, and the fingers' joint position, m. */
function readJoints({ robots }: AlohaScene, out: Float64Array): void {
  for (const side of sides) {
    const robot = robots[side]
    const at = PER_ARM * side
    for (let i = 0; i < ARM_JOINTS; i++) out[at + i] = robot.q[i]
    out[at + ARM_JOINTS] = robot.fingerPosition()
  }
}
