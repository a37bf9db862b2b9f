import { Box, Dict, PRINTABLE, Text, UserError } from '@vla-gym/gymnasium'
import { aloha } from '../embodiments.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import type { RobotObservation } from '../robotEnv.js'

/** Joints of both arms with their grippers, left first: six angles, rad, then the fingers' joint position, m. */
export const JOINTS = 14

/** The head camera is `image`; the wrists' pictures have its size and are drawn when looked at. */
export interface AlohaObservation extends RobotObservation {
  /** [height, width, 3] sRGB. */
  readonly leftWristImage: Uint8Array
  readonly rightWristImage: Uint8Array
}

type Spaces = {
  image: Box<'uint8'>
  leftWristImage: Box<'uint8'>
  rightWristImage: Box<'uint8'>
  state: Box
  instruction: Text
  tcpPose: Box
  jointPositions: Box
  jointVelocities: Box
  basePose: Box
  cameraIntrinsics: Box
  cameraExtrinsics: Box
}

/** Observations that an environment with these options gives. */
export function alohaSpace({ image, depth, segmentation }: ManipulationEnvOptions): Dict<Spaces> {
  const { width = 0, height = 0 } = image ?? {}
  const numbers = (...shape: number[]) => new Box(-Infinity, Infinity, shape)
  const picture = () => new Box(0, 255, [height, width, 3], 'uint8')
  return new Dict({
    image: picture(),
    leftWristImage: picture(),
    rightWristImage: picture(),
    ...(depth ? { depth: new Box(0, Infinity, [height, width]) } : {}),
    ...(segmentation ? { segmentation: new Box(0, 255, [height, width], 'uint8') } : {}),
    state: numbers(aloha.stateDim),
    instruction: new Text(200, { charset: PRINTABLE }),
    tcpPose: numbers(14),
    jointPositions: numbers(JOINTS),
    jointVelocities: numbers(JOINTS),
    basePose: numbers(7),
    cameraIntrinsics: numbers(3, 3),
    cameraExtrinsics: numbers(4, 4),
  })
}

/** What is the same in every observation of an episode. */
export type ConstantObservation = Pick<
  AlohaObservation,
  'instruction' | 'basePose' | 'cameraIntrinsics' | 'cameraExtrinsics'
>

export type Measured = Pick<AlohaObservation, 'state' | 'tcpPose' | 'jointPositions' | 'jointVelocities'>

/** Draws the present state; undefined where the option is not set. */
export interface AlohaPictures {
  image(): Uint8Array
  leftWristImage(): Uint8Array
  rightWristImage(): Uint8Array
  depth?(): Float32Array
  segmentation?(): Uint8Array
}

type Drawn = { -readonly [K in keyof AlohaPictures]?: ReturnType<NonNullable<AlohaPictures[K]>> }

/** Observation whose pictures are rendered when first looked at, which must come before the next step. */
export class LazyAlohaObservation implements AlohaObservation {
  readonly state: Float32Array
  readonly tcpPose: Float32Array
  readonly jointPositions: Float32Array
  readonly jointVelocities: Float32Array
  private readonly constants: ConstantObservation
  private readonly pictures: AlohaPictures
  private readonly drawn: Drawn = {}
  private expired = false

  constructor(constants: ConstantObservation, measured: Measured, pictures: AlohaPictures) {
    this.constants = constants
    this.pictures = pictures
    this.state = measured.state
    this.tcpPose = measured.tcpPose
    this.jointPositions = measured.jointPositions
    this.jointVelocities = measured.jointVelocities
  }

  get image(): Uint8Array {
    this.drawn.image ??= this.inTime('image').image()
    return this.drawn.image
  }

  get leftWristImage(): Uint8Array {
    this.drawn.leftWristImage ??= this.inTime('leftWristImage').leftWristImage()
    return this.drawn.leftWristImage
  }

  get rightWristImage(): Uint8Array {
    this.drawn.rightWristImage ??= this.inTime('rightWristImage').rightWristImage()
    return this.drawn.rightWristImage
  }

  get depth(): Float32Array | undefined {
    if (!this.pictures.depth) return undefined
    this.drawn.depth ??= this.inTime('depth').depth!()
    return this.drawn.depth
  }

  get segmentation(): Uint8Array | undefined {
    if (!this.pictures.segmentation) return undefined
    this.drawn.segmentation ??= this.inTime('segmentation').segmentation!()
    return this.drawn.segmentation
  }

  get instruction(): string {
    return this.constants.instruction
  }

  get basePose(): Float32Array {
    return this.constants.basePose
  }

  get cameraIntrinsics(): Float32Array {
    return this.constants.cameraIntrinsics
  }

  get cameraExtrinsics(): Float32Array {
    return this.constants.cameraExtrinsics
  }

  expire(): void {
    this.expired = true
  }

  private inTime(name: string): AlohaPictures {
    if (this.expired) {
      throw new UserError(`obs.${name} was not looked at before the next step or reset: read it in time`)
    }
    return this.pictures
  }
}
