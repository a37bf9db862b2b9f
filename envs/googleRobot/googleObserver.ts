import { googleCamera, HEAD, type PinholeCamera } from '../cameras/index.js'
import { googleRobot } from '../embodiments.js'
import { EpisodeCamera } from '../episodeCamera.js'
import { EpisodeLook, type EpisodeLookState } from '../episodeLook.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { differenceVector } from '../math/quat.js'
import { type ConstantObservation, LazyObservation } from '../observation.js'
import { JointMeter, type JointMeterState } from '../robots/jointMeter.js'
import { ArmKinematics } from '../robots/kinematics.js'
import { BASE_HEIGHT } from './googleRobot.js'
import { googleRobotArm, INITIAL_QPOS } from './googleRobotArm.js'
import { CONTROL_PERIOD, type GoogleScene } from './googleScene.js'
import type { Layout } from './tasks/task.js'

/** Seven of the arm, and the fingers' as one. */
export const JOINTS = INITIAL_QPOS.length + 1

/** What of a layout decides where the camera is. */
type Stand = Pick<Layout, 'robot' | 'head'>

/** Until the first reset. */
const ORIGIN: Stand = { robot: { x: 0, y: 0, yaw: 0 }, head: HEAD }

interface ObserverState extends JointMeterState, EpisodeLookState {
  readonly layout: Stand
}

/** Makes the observations of a scene: measures its robot, and keeps the camera on its head. */
export class GoogleObserver {
  readonly camera: EpisodeCamera
  private readonly scene: GoogleScene
  private readonly look: EpisodeLook
  private readonly meter: JointMeter
  /** TCP orientation at the start of every episode, [4], base frame. */
  private readonly homeRotation: Float64Array
  private constants: ConstantObservation
  private layout = ORIGIN
  private readonly vector = new Float64Array(3)
  private last: LazyObservation | undefined

  constructor(scene: GoogleScene, options: ManipulationEnvOptions) {
    this.scene = scene
    const home = new ArmKinematics(googleRobotArm)
    home.forward(INITIAL_QPOS)
    this.homeRotation = home.tcp.slice(3)
    const names = scene.visibleBodies().map(({ name }) => name)
    this.look = new EpisodeLook(
      options.appearance,
      names.filter((name) => !name.startsWith('link_')),
    )
    this.meter = new JointMeter(JOINTS, CONTROL_PERIOD, (joints) => {
      const { q, hand } = scene.robot
      joints.set(q)
      joints[JOINTS - 1] = (hand.angles[0] + hand.angles[1]) / 2
    })
    this.camera = new EpisodeCamera(scene, cameraOf(ORIGIN), this.look, options)
    this.constants = this.constantsHere()
  }

  /** After a reset: joints as they are, at rest, the layout's look and camera, and what the appearance option adds. */
  reset(layout: Layout, seed: number | undefined): void {
    this.meter.reset()
    this.look.reset(seed, layout.look)
    this.stand({ robot: layout.robot, head: layout.head })
  }

  /** After a control step. */
  measure(): void {
    this.look.advance()
    this.meter.measure()
  }

  /** Of the present state; the observation before it can no longer be drawn. */
  observe(instruction: string): LazyObservation {
    this.last?.expire()
    if (instruction !== this.constants.instruction) this.constants = { ...this.constants, instruction }
    const { constants, scene, meter, camera } = this
    const { tcp } = scene.robot.kinematics
    this.last = new LazyObservation(constants, this.state(), tcp, meter, camera.pictures)
    return this.last
  }

  save(): ObserverState {
    return { ...this.meter.save(), ...this.look.save(), layout: this.layout }
  }

  restore(state: ObserverState): void {
    this.meter.restore(state)
    this.look.restore(state)
    this.stand(state.layout)
  }

  private stand(layout: Stand): void {
    this.layout = layout
    this.camera.lookFrom(cameraOf(layout))
    this.constants = this.constantsHere()
  }

  private constantsHere(): ConstantObservation {
    return {
      instruction: '',
      basePose: this.scene.robot.base.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...this.camera.matrices(),
    }
  }

  private state(): Float32Array {
    const { scene, homeRotation, vector } = this
    const { tcp } = scene.robot.kinematics
    const out = new Float32Array(googleRobot.stateDim)
    for (let i = 0; i < 3; i++) out[i] = tcp[i]
    out.set(differenceVector(vector, tcp.subarray(3), homeRotation), 3)
    out[6] = scene.robot.opening()
    return out
  }
}

function cameraOf({ robot, head }: Stand): PinholeCamera {
  return googleCamera([robot.x, robot.y, BASE_HEIGHT], robot.yaw, head)
}
