import type { Rng } from '@vla-gym/gymnasium'
import type { Appearance } from '../../appearance/index.js'
import type { HeadPose } from '../../cameras/index.js'
import type { Quat } from '../../geometry.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import type { BasePlace } from '../googleRobot.js'
import type { GoogleSceneSpec } from '../scenes.js'

/** Where an object stands: index into the task's objects, world x and y, m, and how it is turned. */
export interface Standing {
  readonly object: number
  readonly x: number
  readonly y: number
  readonly rotation: Quat
}

/** Everything that an episode begins with, as plain data. */
export interface Layout {
  readonly robot: BasePlace
  readonly head: HeadPose
  readonly things: readonly Standing[]
  /** How far top, middle and bottom drawer are open, m; where there are drawers. */
  readonly drawers: readonly number[]
  /** Indices into the task's objects of what is to be taken, and of what it is to be near; -1: none. */
  readonly source: number
  readonly target: number
  /** What looks different from the scene itself. */
  readonly look: Appearance
}

interface Common {
  readonly id: string
  /** Control steps of an episode. */
  readonly maxSteps: number
  readonly scene: GoogleSceneSpec
  readonly objects: readonly ObjectSpec[]
  readonly officialEpisodes: number
  /** Layout of an official episode; ids wrap around. */
  official(episodeId: number): Layout
  /** @param widening factor on the edges of the ranges. @throws UserError where things find no room. */
  random(rng: Rng, widening: number): Layout
}

export interface PickTask extends Common {
  readonly kind: 'pick'
}

export interface NearTask extends Common {
  readonly kind: 'near'
}

export interface DrawerTask extends Common {
  readonly kind: 'open' | 'close'
  /** 0 top, 1 middle, 2 bottom. */
  readonly drawer: number
}

export interface AppleTask extends Common {
  readonly kind: 'place'
  readonly drawer: number
}

export type GoogleTask = PickTask | NearTask | DrawerTask | AppleTask
