import { Rng, UserError } from '@vla-gym/gymnasium'
import {
  type Appearance,
  appearanceSpec,
  drawAppearance,
  movedCamera,
  shadedBodies,
} from '../appearance/index.js'
import { googleCamera, imageMatrices, type PinholeCamera } from '../cameras/index.js'
import { googleRobot } from '../embodiments.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { type ImageSpec, ManipulationView } from '../manipulationView.js'
import { differenceVector } from '../math/quat.js'
import { type ConstantObservation, LazyObservation, type Pictures } from '../observation.js'
import { ArmKinematics } from '../robots/kinematics.js'
import { BASE_HEIGHT } from './googleRobot.js'
import { googleRobotArm, INITIAL_QPOS } from './googleRobotArm.js'
import { CONTROL_PERIOD, type GoogleScene } from './googleScene.js'
import type { Layout } from './tasks/task.js'

/** Seven of the arm, and the fingers' as one. */
export const JOINTS = INITIAL_QPOS.length + 1
/** All of the camera's frame, pixels. */
export const FRAME = { width: 640, height: 512 }
const NO_IMAGE = new Uint8Array(0)

interface ObserverState {
  readonly joints: readonly number[]
  readonly velocities: readonly number[]
  readonly frame: number
  readonly looks: ReturnType<Rng['save']>
  readonly appearance: Appearance
  readonly layout: Pick<Layout, 'robot' | 'head'>
}

/** Makes the observations of a scene: measures its robot, and keeps the camera on its head. */
export class GoogleObserver {
  private readonly scene: GoogleScene
  private readonly options: ManipulationEnvOptions
  private readonly pictures: Pictures
  private readonly shaded: readonly string[]
  /** TCP orientation at the start of every episode, [4], base frame. */
  private readonly homeRotation: Float64Array
  private constants!: ConstantObservation
  private wholeCamera!: PinholeCamera
  private layout!: Pick<Layout, 'robot' | 'head'>
  /** Where episodes' looks come from; a stream of its own, so that placements do not depend on it. */
  private looks = Rng.fromSeed(0, 'appearance')
  private appearance: Appearance = {}
  /** Control steps since reset. */
  private frame = 0
  /** Joint positions now, and velocities over the last control step. */
  private readonly joints = new Float64Array(JOINTS)
  private readonly velocities = new Float64Array(JOINTS)
  private readonly vector = new Float64Array(3)
  private view: ManipulationView | undefined
  private last: LazyObservation | undefined

  constructor(scene: GoogleScene, options: ManipulationEnvOptions) {
    this.scene = scene
    this.options = options
    const home = new ArmKinematics(googleRobotArm)
    home.forward(INITIAL_QPOS)
    this.homeRotation = home.tcp.slice(3)
    this.shaded = shadedBodies([
      ...scene
        .visibleBodies()
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('link_')),
    ])
    this.pictures = {
      image: () => (options.image ? this.camera().render(this.frame) : NO_IMAGE),
      depth: options.depth ? () => this.camera().renderDepth() : undefined,
      segmentation: options.segmentation ? () => this.camera().renderSegmentation() : undefined,
    }
  }

  /** After a reset: joints as they are, at rest, the layout's look and camera, and what the appearance option adds. */
  reset(layout: Layout, seed: number | undefined): void {
    this.readJoints()
    this.velocities.fill(0)
    this.frame = 0
    if (seed !== undefined) this.looks = Rng.fromSeed(seed, 'appearance')
    const { appearance = 'plain' } = this.options
    const drawn =
      appearance === 'plain' ? {} : drawAppearance(appearanceSpec(appearance), this.shaded, this.looks)
    this.appearance = { ...layout.look, ...drawn, objects: { ...layout.look.objects, ...drawn.objects } }
    this.stand({ robot: layout.robot, head: layout.head })
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
  observe(instruction: string): LazyObservation {
    this.last?.expire()
    if (instruction !== this.constants.instruction) this.constants = { ...this.constants, instruction }
    this.last = new LazyObservation(this.constants, this.state(), this.measured(), this.pictures)
    return this.last
  }

  /** UserError without an image size. */
  camera(): ManipulationView {
    const { image } = this.options
    if (!image) throw new UserError('no camera: set the option image: { width, height }')
    this.view ??= this.newView(image)
    return this.dressed(this.view)
  }

  /** A view of all of the frame. */
  newView(size: ImageSpec): ManipulationView {
    const image = { crop: [0, 0, FRAME.width, FRAME.height] as const, ...size }
    return new ManipulationView(this.scene, image, this.wholeCamera)
  }

  /** Another view's picture of the present state, in the episode's look. */
  picture(view: ManipulationView): Uint8Array {
    return this.dressed(view).render(this.frame)
  }

  save(): ObserverState {
    const { joints, velocities, frame, looks, appearance, layout } = this
    return {
      joints: [...joints],
      velocities: [...velocities],
      frame,
      looks: looks.save(),
      appearance,
      layout,
    }
  }

  restore({ joints, velocities, frame, looks, appearance, layout }: ObserverState): void {
    this.joints.set(joints)
    this.velocities.set(velocities)
    this.frame = frame
    this.looks = Rng.restore(looks)
    this.appearance = appearance
    this.stand(layout)
  }

  private dressed(view: ManipulationView): ManipulationView {
    view.lookFrom(this.wholeCamera)
    view.wear(this.appearance)
    return view
  }

  private stand(layout: Pick<Layout, 'robot' | 'head'>): void {
    this.layout = layout
    const { robot, head } = layout
    this.wholeCamera = googleCamera([robot.x, robot.y, BASE_HEIGHT], robot.yaw, head)
    this.constants = {
      instruction: '',
      basePose: this.scene.robot.base.toWorld(Float32Array.of(0, 0, 0, 0, 0, 0, 1)),
      ...imageMatrices(movedCamera(this.wholeCamera, this.appearance.camera), this.options.image),
    }
  }

  private readJoints(): void {
    const { q, hand } = this.scene.robot
    this.joints.set(q)
    this.joints[JOINTS - 1] = (hand.angles[0] + hand.angles[1]) / 2
  }

  private measured(): Float32Array {
    const out = new Float32Array(7 + 2 * JOINTS)
    out.set(this.scene.robot.kinematics.tcp)
    out.set(this.joints, 7)
    out.set(this.velocities, 7 + JOINTS)
    return out
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
