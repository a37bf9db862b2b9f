import type { Path } from './path.js'

/** How something moves in an episode; plain data, so that snapshots hold it. World frame, metres, seconds. */
export type MotionPlan =
  /** Kinematic along the path at its height, without turning. With `stops` it lies free from the first touch of a finger. */
  | { readonly kind: 'path'; readonly object: number; readonly path: Path; readonly stops: boolean }
  /** A belt whose surface has the path's velocity carries the object by friction. */
  | { readonly kind: 'belt'; readonly object: number; readonly belt: number; readonly path: Path }
  /**
   * Free, and started with the path's velocity; pushed where the path's velocity changes, until a finger touches it.
   * `rolls`: it starts to roll without slipping on radius m, else it slides and friction brakes it.
   */
  | {
      readonly kind: 'pushed'
      readonly object: number
      readonly path: Path
      readonly rolls?: { readonly radius: number }
    }
