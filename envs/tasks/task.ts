import type { Rng } from '@vla-gym/gymnasium'
import type { Vec3 } from '../geometry.js'
import type { Numbers } from '../math/vec3.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import type { SceneSpec } from '../scenes/scene.js'

/** Where an object stands: world x, y in m and yaw in rad. */
export interface Spot {
  readonly x: number
  readonly y: number
  readonly yaw: number
}

/** Spots of the source and the target object. */
export interface Placement {
  readonly source: Spot
  readonly target: Spot
}

/** What a goal is judged by. World frame, m; centres are of mass. */
export interface Things {
  /** Centres now, [3]. */
  readonly source: Numbers
  readonly target: Numbers
  /** Centres as things came to rest at the start, [3]. */
  readonly sourceStart: Numbers
  readonly targetStart: Numbers
  /** Half extents as they were turned at rest, [3]. */
  readonly halfSource: Numbers
  readonly halfTarget: Numbers
  /** Normal force of the source on the target in the last timestep, N. */
  press(): number
}

/** Where the source has to get to. */
export interface Goal {
  isMet(things: Things): boolean
  /** Where the expert brings the source's centre. */
  place(things: Things): Vec3
}

/** The source is somewhere else all at once, in mid-episode. */
export interface Interruption {
  /** Control steps that have passed by then. */
  readonly step: number
  /** How far it goes at least, m. */
  readonly distance: number
  spot(rng: Rng): Spot
}

/** A rectangle of the world, m. */
export interface Rectangle {
  readonly x: readonly [min: number, max: number]
  readonly y: readonly [min: number, max: number]
}

/** "Put the source on the target": a scene, an instruction, placements, a success test and a horizon. */
export interface PutOnTask {
  readonly id: string
  readonly instruction: string
  /** Control steps of an episode. */
  readonly maxSteps: number
  readonly scene: SceneSpec
  readonly source: ObjectSpec
  readonly target: ObjectSpec
  /** Success needs that the source touches nothing but target and robot. */
  readonly onlyOnTarget: boolean
  /** Allowed gap between source and target, m. */
  readonly heightSlack: number
  /**
   * For the expert, m: heights of the source's centre above the target's where it lets go and how much higher it
   * carries, and how far from the target's centre it may let go.
   */
  readonly letGoHeight: number
  readonly carryHover: number
  readonly placeTolerance: number
  readonly officialEpisodes: number
  /** Layout of an official episode; ids wrap around. */
  official(episodeId: number): Placement
  /** @param widening factor on the edges of the ranges, where there is room; default 1 */
  random(rng: Rng, widening?: number): Placement
  /** What success is; default: the source is on the target as SimplerEnv tests it, by the two fields above. */
  readonly goal?: Goal
  /** Sentences that the instruction of an episode is drawn from; default: `instruction`. */
  wordings?(placement: Placement): readonly string[]
  /** Things that have no part in it: a robot that does not understand might take them. */
  readonly others?: readonly ObjectSpec[]
  /** Where they stand. */
  readonly othersIn?: Rectangle
  /** Offsets of the arm's joints from the scene's pose that an episode starts with, rad. */
  startPose?(rng: Rng): number[]
  readonly interruption?: Interruption
  /** `info` tells which thing the robot took, see `Intention`. */
  readonly watched?: boolean
}
