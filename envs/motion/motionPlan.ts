import type { Path } from './path.js'

/** How something moves in an episode; plain data, so that snapshots hold it. World frame, metres, seconds. */
export type MotionPlan =
  /** Kinematic along the path at its height, without turning. With `stops` it lies free from the first touch of a finger. */
  | { readonly kind: 'path'; readonly object: number; readonly path: Path; readonly stops: boolean }
  /** A belt whose surface has the path's velocity carries the object by friction. */
  | { readonly kind: 'belt'; readonly object: number; readonly belt: number; readonly path: Path }
  /** Free, rolling without slipping on `radius` m; pushed where the path's velocity changes, until a finger touches it. */
  | { readonly kind: 'rolls'; readonly object: number; readonly path: Path; readonly radius: number }
  /**
   * Free on its smooth sole, with a coefficient of friction; pushed where the path's velocity changes otherwise than
   * friction changes it, until a finger touches it.
   */
  | { readonly kind: 'slides'; readonly object: number; readonly path: Path; readonly friction: number }
