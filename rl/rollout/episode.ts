import type { RobotInfo } from '../../envs/index.js'

/** Which episode to run: everything about it follows from these fields. */
export interface EpisodeSpec {
  readonly task: string
  /** Seed of placement and of the policy's noise. */
  readonly seed: number
  /** Seed of the placement alone: episodes that share it start from one snapshot, the same to the last bit. */
  readonly startSeed?: number
  /** Episode of the official protocol; absent: random placement. */
  readonly episodeId?: number
}

/** What came of an episode. */
export interface EpisodeRecord extends EpisodeSpec {
  /** Success at the last control step, as SimplerEnv reads it. */
  success: boolean
  /** Success at any control step. */
  successOnce: boolean
  graspedOnce: boolean
  /** Control steps. */
  length: number
  /** Why the episode was cut short, if it was. */
  failure?: string
  /** Which task or things, where they differ from episode to episode. */
  variant?: string
  /** Where it is watched: which thing the robot meant, and whether it has held a wrong one. */
  intention?: RobotInfo['intention']
  wrongGrasped?: boolean
  /** Where things moved. */
  motion?: RobotInfo['motion']
  /** Why the episode could not be played: a remote policy's server gave no usable answer. It counts for nothing. */
  infrastructureFailure?: string
}

export interface RenderedFrame {
  readonly width: number
  readonly height: number
  /** [height, width, 3] */
  readonly data: Uint8Array
}

export function newRecord(episode: EpisodeSpec): EpisodeRecord {
  return { ...episode, success: false, successOnce: false, graspedOnce: false, length: 0 }
}

/** Brings a record up to date after a control step. */
export function recordStep(record: EpisodeRecord, info: RobotInfo): void {
  record.success = info.success
  record.successOnce = info.successOnce
  record.graspedOnce = info.graspedOnce
  record.length = info.elapsedSteps
  if (info.failure) record.failure = info.failure
  if (info.variant !== undefined) record.variant = info.variant
  if (info.intention) record.intention = info.intention
  if (info.wrongGrasped !== undefined) record.wrongGrasped = info.wrongGrasped
  if (info.motion) record.motion = info.motion
}
