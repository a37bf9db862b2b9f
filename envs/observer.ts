import { widowx } from './embodiments.js'
import { EpisodeCamera } from './episodeCamera.js'
import { EpisodeLook, type EpisodeLookState } from './episodeLook.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import type { ManipulationView } from './manipulationView.js'
import { differenceVector } from './math/quat.js'
import { type ConstantObservation, JOINTS, LazyObservation } from './observation.js'
import { JointMeter, type JointMeterState } from './robots/jointMeter.js'
import { CONTROL_PERIOD, type Scene } from './scenes/scene.js'

type ObserverState = JointMeterState & EpisodeLookState

/** Makes the observations of a scene: measures its robot, and keeps the camera that draws it. */
export class Observer {
  /** TCP orientation at reset, [4], base frame. */
  readonly homeRotation: Float64Array
  readonly camera: EpisodeCamera
  private readonly scene: Scene
  private readonly look: EpisodeLook
  private readonly meter: JointMeter
  private constants: ConstantObservation
  private readonly vector = new Float64Array(3)
  private last: LazyObservation | undefined

  constructor(scene: Scene, options: ManipulationEnvOptions) {
    this.scene = scene
    this.homeRotation = scene.robot.kinematics.tcp.slice(3)
    this.look = new EpisodeLook(options.appearance, [
      ...scene.spec.furniture.map(({ body }) => body.name),
      ...scene.objects.map(({ name }) => name),
    ])
    this.camera = new EpisodeCamera(scene, scene.spec.camera(), this.look, options)
    this.meter = new JointMeter(JOINTS, CONTROL_PERIOD, (joints) => {
      const { robot } = scene
      for (let i = 0; i < JOINTS - 1; i++) joints[i] = robot.q[i]
      joints[JOINTS - 1] = robot.fingerPosition()
    })
    this.constants = {
      instruction: '',
      basePose: scene.baseFrame.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...this.camera.matrices(),
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
  observe(instruction: string, target: Float64Array, gripper: number): LazyObservation {
    this.last?.expire()
    if (instruction !== this.constants.instruction) this.constants = { ...this.constants, instruction }
    const { constants, scene, meter, camera } = this
    const state = this.state(target, gripper)
    this.last = new LazyObservation(constants, state, scene.robot.kinematics.tcp, meter, camera.pictures)
    return this.last
  }

  /**
   * Pictures come from this view of the scene from now on, undefined: from one of its own. The observation before it can
   * no longer be drawn.
   */
  lookThrough(view: ManipulationView | undefined): void {
    this.last?.expire()
    this.camera.lookThrough(view)
  }

  /** Of the fingers, 0 closed ... 1 open. */
  opening(): number {
    const { lower, upper } = this.scene.robot.spec.gripper
    return Math.min(1, Math.max(0, (this.scene.robot.fingerPosition() - lower) / (upper - lower)))
  }

  save(): ObserverState {
    return { ...this.meter.save(), ...this.look.save() }
  }

  restore(state: ObserverState): void {
    this.meter.restore(state)
    this.look.restore(state)
    this.constants = { ...this.constants, ...this.camera.matrices() }
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
