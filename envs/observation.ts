import { Box, Dict, PRINTABLE, Text } from '@vla-gym/gymnasium'
import { widowx } from './embodiments.js'
import { LazyPictures, type Pictures } from './lazyPictures.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import type { RobotObservation } from './robotEnv.js'
import type { JointMeter } from './robots/jointMeter.js'

/** Joints of the arm, and the fingers' as one. */
export const JOINTS = 7

/** The WidowX': state [14], tcpPose [7], jointPositions and jointVelocities [7]: six arm joints, then the mean of both fingers. */
export type ManipulationObservation = RobotObservation

/** Spaces of what every robot observes. */
export type ObservationSpaces = {
  image: Box<'uint8'>
  state: Box
  instruction: Text
  tcpPose: Box
  jointPositions: Box
  jointVelocities: Box
  basePose: Box
  cameraIntrinsics: Box
  cameraExtrinsics: Box
}

/** How many numbers a robot observes. */
export interface ObservationSizes {
  readonly stateDim: number
  /** Joints whose positions are told. */
  readonly joints: number
  readonly arms: number
}

/** Of observations that an environment with these options gives. */
export function observationSpaces(
  { image, depth, segmentation }: ManipulationEnvOptions,
  { stateDim, joints, arms }: ObservationSizes,
): ObservationSpaces {
  const { width = 0, height = 0 } = image ?? {}
  const numbers = (...shape: number[]) => new Box(-Infinity, Infinity, shape)
  return {
    image: new Box(0, 255, [height, width, 3], 'uint8'),
    ...(depth ? { depth: new Box(0, Infinity, [height, width]) } : {}),
    ...(segmentation ? { segmentation: new Box(0, 255, [height, width], 'uint8') } : {}),
    state: numbers(stateDim),
    instruction: new Text(200, { charset: PRINTABLE }),
    tcpPose: numbers(7 * arms),
    jointPositions: numbers(joints),
    jointVelocities: numbers(joints),
    basePose: numbers(7),
    cameraIntrinsics: numbers(3, 3),
    cameraExtrinsics: numbers(4, 4),
  }
}

/** Observations that an environment of a robot with one arm gives; by default of the WidowX. */
export function observationSpace(
  options: ManipulationEnvOptions,
  stateDim = widowx.stateDim,
  joints = JOINTS,
): Dict<ObservationSpaces> {
  return new Dict(observationSpaces(options, { stateDim, joints, arms: 1 }))
}

/** What is the same in every observation of an episode. */
export type ConstantObservation = Pick<
  RobotObservation,
  'instruction' | 'basePose' | 'cameraIntrinsics' | 'cameraExtrinsics'
>

/** Observation whose pictures are rendered when first looked at, which must come before the next step. */
export class LazyObservation implements RobotObservation {
  readonly instruction: string
  readonly basePose: Float32Array
  readonly cameraIntrinsics: Float32Array
  readonly cameraExtrinsics: Float32Array
  readonly state: Float32Array
  /** TCP pose, joint positions, joint velocities. */
  private readonly measured: Float32Array
  private readonly pictures: LazyPictures

  /** @param tcpPose [7], base frame; copied, as the joints are */
  constructor(
    constants: ConstantObservation,
    state: Float32Array,
    tcpPose: Float64Array,
    { positions, velocities }: Pick<JointMeter, 'positions' | 'velocities'>,
    pictures: Pictures,
  ) {
    this.instruction = constants.instruction
    this.basePose = constants.basePose
    this.cameraIntrinsics = constants.cameraIntrinsics
    this.cameraExtrinsics = constants.cameraExtrinsics
    this.state = state
    this.measured = new Float32Array(7 + 2 * positions.length)
    this.measured.set(tcpPose)
    this.measured.set(positions, 7)
    this.measured.set(velocities, 7 + positions.length)
    this.pictures = new LazyPictures(pictures)
  }

  get image(): Uint8Array {
    return this.pictures.get('image')
  }

  get depth(): Float32Array | undefined {
    return this.pictures.get('depth')
  }

  get segmentation(): Uint8Array | undefined {
    return this.pictures.get('segmentation')
  }

  get tcpPose(): Float32Array {
    return this.measured.subarray(0, 7)
  }

  get jointPositions(): Float32Array {
    return this.measured.subarray(7, (7 + this.measured.length) / 2)
  }

  get jointVelocities(): Float32Array {
    return this.measured.subarray((7 + this.measured.length) / 2)
  }

  /** The state is another one from now on. */
  expire(): void {
    this.pictures.expire()
  }
}
