import type { Rng } from '@vla-gym/gymnasium'
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
}
