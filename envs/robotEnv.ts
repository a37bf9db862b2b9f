import type { Env, RenderFrame, Rng } from '@vla-gym/gymnasium'
import type { EmbodimentDescription } from './embodiments.js'
import type { ManipulationEnvOptions } from './manipulationOptions.js'
import type { MotionOutcome } from './motion/score.js'
import type { CustomPlacement } from './tasks/customPlacement.js'
import type { Meant } from './tasks/intention.js'

/** What every robot observes. Sizes are those of the embodiment. */
export interface RobotObservation {
  /** [height, width, 3] sRGB, of the camera that sees the whole scene. */
  readonly image: Uint8Array
  /** With the option `depth`: [height, width] along the optical axis, m; 0 where nothing is. */
  readonly depth?: Float32Array
  /** With the option `segmentation`: [height, width], index into the environment's `segmentationNames`. */
  readonly segmentation?: Uint8Array
  /** [stateDim], see `stateNames` of the embodiment. */
  readonly state: Float32Array
  readonly instruction: string
  /** [7 per arm] pose of the tool centre point in the base frame: m, quaternion xyzw. */
  readonly tcpPose: Float32Array
  /** [joints] measured, rad or m. */
  readonly jointPositions: Float32Array
  /** [joints] the same per second. */
  readonly jointVelocities: Float32Array
  /** [7] pose of the robot's base in the world. */
  readonly basePose: Float32Array
  /** [3, 3] pixels of `image`. */
  readonly cameraIntrinsics: Float32Array
  /** [4, 4] world to camera; camera axes x right, y down, z forward. */
  readonly cameraExtrinsics: Float32Array
}

export interface RobotResetOptions {
  /** An official layout, whatever the placement option. */
  readonly episodeId?: number
  /** A layout of your own, instead. */
  readonly placement?: CustomPlacement
}

/** What every task tells after a step. */
export interface RobotInfo {
  success: boolean
  successOnce: boolean
  graspedOnce: boolean
  elapsedSteps: number
  /** Official layout of this episode. */
  episodeId?: number
  /** Why the episode was cut off early. */
  failure?: string
  /** Which task or things this episode has, where they differ from episode to episode. */
  variant?: string
  /** Where it is watched: which thing the robot meant, and whether it has held a wrong one. */
  intention?: Meant
  wrongGrasped?: boolean
  /** Where something moves, when the episode is over. */
  motion?: MotionOutcome
}

/** Privileged labels for training: what stands where. */
export interface GroundingLabels {
  names: string[]
  /** Centres of mass, [names.length, 3], base frame, m. */
  positions: Float32Array
  /** Angles about the vertical in the base frame, rad, wrapped by each object's symmetry. */
  yaws: Float32Array
  source: string
  target: string
  grasped: boolean
}

/** A task for one embodiment: what rollouts, demonstrations and evaluation need of it. */
export interface RobotEnv extends Env<RobotObservation, Float32Array, RobotInfo> {
  readonly embodiment: EmbodimentDescription
  readonly options: ManipulationEnvOptions
  reset(options?: { seed?: number; options?: RobotResetOptions }): [RobotObservation, RobotInfo]
  /** Picture of the present state for videos. */
  render(): RenderFrame
  /** The scripted expert's action for the present state; privileged, closed loop. */
  expertAction(): Float32Array
  /** An action of useful size, drawn at random. */
  randomAction(rng: Rng): Float32Array
  grounding(): GroundingLabels
  /** Names by value of `obs.segmentation`; 0 is what nothing covers. UserError without an image size. */
  readonly segmentationNames: readonly string[]
  /** Everything that the rest of the episode, and later resets without a seed, depend on. */
  snapshot(): Uint8Array
  /** Goes on from a snapshot; the observation of that moment. UserError for bytes that are not one of this task. */
  restore(bytes: Uint8Array): RobotObservation
}
