import { Box, Dict } from '@vla-gym/gymnasium'
import { aloha } from '../embodiments.js'
import { LazyPictures, type Pictures } from '../lazyPictures.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { type ConstantObservation, observationSpaces } from '../observation.js'
import type { RobotObservation } from '../robotEnv.js'

/** Joints of both arms with their grippers, left first: six angles, rad, then the fingers' joint position, m. */
export const JOINTS = 14

/** The head camera is `image`; the wrists' pictures have its size, are of the whole frame and drawn when looked at. */
export interface AlohaObservation extends RobotObservation {
  /** [height, width, 3] sRGB. */
  readonly leftWristImage: Uint8Array
  readonly rightWristImage: Uint8Array
}

/** Observations that an environment with these options gives. */
export function alohaSpace(options: ManipulationEnvOptions) {
  const { width = 0, height = 0 } = options.image ?? {}
  const picture = () => new Box(0, 255, [height, width, 3], 'uint8')
  const { stateDim } = aloha
  const { image, ...others } = observationSpaces(options, { stateDim, joints: JOINTS, arms: 2 })
  return new Dict({ image, leftWristImage: picture(), rightWristImage: picture(), ...others })
}

export type Measured = Pick<AlohaObservation, 'state' | 'tcpPose' | 'jointPositions' | 'jointVelocities'>

/** Draws the present state. */
export interface AlohaPictures extends Pictures {
  leftWristImage(): Uint8Array
  rightWristImage(): Uint8Array
}

/** Observation whose pictures are rendered when first looked at, which must come before the next step. */
export class LazyAlohaObservation implements AlohaObservation {
  readonly instruction: string
  readonly basePose: Float32Array
  readonly cameraIntrinsics: Float32Array
  readonly cameraExtrinsics: Float32Array
  readonly state: Float32Array
  readonly tcpPose: Float32Array
  readonly jointPositions: Float32Array
  readonly jointVelocities: Float32Array
  private readonly pictures: LazyPictures<AlohaPictures>

  constructor(constants: ConstantObservation, measured: Measured, pictures: AlohaPictures) {
    this.instruction = constants.instruction
    this.basePose = constants.basePose
    this.cameraIntrinsics = constants.cameraIntrinsics
    this.cameraExtrinsics = constants.cameraExtrinsics
    this.state = measured.state
    this.tcpPose = measured.tcpPose
    this.jointPositions = measured.jointPositions
    this.jointVelocities = measured.jointVelocities
    this.pictures = new LazyPictures(pictures)
  }

  get image(): Uint8Array {
    return this.pictures.get('image')
  }

  get leftWristImage(): Uint8Array {
    return this.pictures.get('leftWristImage')
  }

  get rightWristImage(): Uint8Array {
    return this.pictures.get('rightWristImage')
  }

  get depth(): Float32Array | undefined {
    return this.pictures.get('depth')
  }

  get segmentation(): Uint8Array | undefined {
    return this.pictures.get('segmentation')
  }

  /** The state is another one from now on. */
  expire(): void {
    this.pictures.expire()
  }
}
