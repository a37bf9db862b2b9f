import { Box, Dict, PRINTABLE, Text, UserError } from '@vla-gym/gymnasium'
import { widowx } from './embodiments.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import type { RobotObservation } from './robotEnv.js'

/** Joints of the arm, and the fingers' as one. */
export const JOINTS = 7

/** The WidowX': state [14], tcpPose [7], jointPositions and jointVelocities [7]: six arm joints, then the mean of both fingers. */
export type ManipulationObservation = RobotObservation

type Spaces = {
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

/**
 * Observations that an environment with these options gives.
 * @param stateDim of the embodiment. @param joints whose positions are told.
 */
export function observationSpace(
  { image, depth, segmentation }: ManipulationEnvOptions,
  stateDim = widowx.stateDim,
  joints = JOINTS,
): Dict<Spaces> {
  const { width = 0, height = 0 } = image ?? {}
  const numbers = (...shape: number[]) => new Box(-Infinity, Infinity, shape)
  return new Dict({
    image: new Box(0, 255, [height, width, 3], 'uint8'),
    ...(depth ? { depth: new Box(0, Infinity, [height, width]) } : {}),
    ...(segmentation ? { segmentation: new Box(0, 255, [height, width], 'uint8') } : {}),
    state: numbers(stateDim),
    instruction: new Text(200, { charset: PRINTABLE }),
    tcpPose: numbers(7),
    jointPositions: numbers(joints),
    jointVelocities: numbers(joints),
    basePose: numbers(7),
    cameraIntrinsics: numbers(3, 3),
    cameraExtrinsics: numbers(4, 4),
  })
}

/** What is the same in every observation of an environment. */
export type ConstantObservation = Pick<
  ManipulationObservation,
  'instruction' | 'basePose' | 'cameraIntrinsics' | 'cameraExtrinsics'
>

/** Draws the present state; undefined where the option is not set. */
export interface Pictures {
  image(): Uint8Array
  depth?(): Float32Array
  segmentation?(): Uint8Array
}

/** Observation whose pictures are rendered when first looked at, which must come before the next step. */
export class LazyObservation implements ManipulationObservation {
  readonly state: Float32Array
  private readonly constants: ConstantObservation
  /** TCP pose, joint positions, joint velocities. */
  private readonly measured: Float32Array
  private readonly pictures: Pictures
  private readonly drawn: { image?: Uint8Array; depth?: Float32Array; segmentation?: Uint8Array } = {}
  private expired = false

  constructor(
    constants: ConstantObservation,
    state: Float32Array,
    measured: Float32Array,
    pictures: Pictures,
  ) {
    this.constants = constants
    this.state = state
    this.measured = measured
    this.pictures = pictures
  }

  get image(): Uint8Array {
    this.drawn.image ??= this.inTime('image').image()
    return this.drawn.image
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

  get tcpPose(): Float32Array {
    return this.measured.subarray(0, 7)
  }

  get jointPositions(): Float32Array {
    return this.measured.subarray(7, (7 + this.measured.length) / 2)
  }

  get jointVelocities(): Float32Array {
    return this.measured.subarray((7 + this.measured.length) / 2)
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

  private inTime(name: string): Pictures {
    if (this.expired) {
      throw new UserError(`obs.${name} was not looked at before the next step or reset: read it in time`)
    }
    return this.pictures
  }
}
