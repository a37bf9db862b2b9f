import type { Rng } from '@vla-gym/gymnasium'
import { GRAVITY } from '../physics/gravity.js'
import type { Path, PathPiece } from './path.js'
import type { MotionLevel } from './samplePath.js'
import { rest } from './waitingPath.js'
import { type Bounds, staysInside } from './workspace.js'

export interface SlideRequest {
  readonly level: MotionLevel
  /** m/s, at a push. */
  readonly speed: readonly [min: number, max: number]
  /** s, from the start to the place of interception. */
  readonly duration: number
  readonly end: readonly [x: number, y: number]
  /** Coefficient of friction. */
  readonly friction: number
  readonly bounds: Bounds
  accepts?(path: Path): boolean
}

const ATTEMPTS = 1000
/** It is met after this share of the time in which friction would stop it. */
const SLIDING = [0.3, 0.8] as const
/** Pushed along a bend for this share of the time, by so much from beginning to end, rad. */
const PUSHED = [0.4, 0.9] as const
const BEND = 1
/** The next push is to the side by, rad. */
const TURN = [0.4, 1.2] as const
/** Longest way up to the place of interception, m. */
const LONGEST = 0.4

/**
 * What friction leaves of pushes: a path that is at `end` after `duration`, and at rest before it is pushed for the
 * first time and after friction has stopped it. Level 1: pushed off once, straight; level 2: pushed along a bend and let
 * go; level 3: pushed off two or three times, each time in another direction. Speeds are drawn first; undefined if 1,000
 * directions and durations have not done.
 */
export function sampleSlide(rng: Rng, request: SlideRequest): Path | undefined {
  const { level, speed, duration, bounds, accepts } = request
  const count = level === 3 ? rng.integers(2, 4) : level
  const speeds = Array.from({ length: count }, () => rng.uniform(...speed))
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = level === 2 ? bend(rng, request, speeds) : pushes(rng, request, speeds)
    if (staysInside(path, bounds, duration) && (accepts?.(path) ?? true)) return path
  }
  return undefined
}

function pushes(rng: Rng, { duration, end, friction }: SlideRequest, speeds: readonly number[]): Path {
  const braking = friction * GRAVITY
  const times = speeds.map((speed) => (rng.uniform(...SLIDING) * speed) / braking)
  const way = speeds.reduce((sum, speed, i) => sum + (speed - (braking * times[i]) / 2) * times[i], 0)
  const total = times.reduce((sum, time) => sum + time, 0)
  const shorter = Math.min(1, duration / total, LONGEST / way)
  let heading = rng.uniform(0, 2 * Math.PI)
  const headings = speeds.map((_, i) => (i === 0 ? heading : (heading += turn(rng))))
  const path: PathPiece[] = []
  let to: readonly number[] = end
  for (let i = speeds.length - 1; i >= 0; i--) {
    const time = times[i] * shorter
    const direction = [Math.cos(headings[i]), Math.sin(headings[i])]
    const slid = (speeds[i] - (braking * time) / 2) * time
    const start = [to[0] - slid * direction[0], to[1] - slid * direction[1]]
    const last = i === speeds.length - 1
    path.unshift(slide(start, direction, speeds[i], braking, last ? speeds[i] / braking : time))
    to = start
  }
  return [rest(to, duration - total * shorter), ...path]
}

function bend(rng: Rng, { duration, end, friction }: SlideRequest, [first, last]: readonly number[]): Path {
  const braking = friction * GRAVITY
  const time = Math.min(rng.uniform(...PUSHED) * duration, (2 * LONGEST) / (first + last))
  const heading = rng.uniform(0, 2 * Math.PI)
  const after = heading + rng.uniform(-BEND, BEND)
  const from = [first * Math.cos(heading), first * Math.sin(heading)]
  const to = [last * Math.cos(after), last * Math.sin(after)]
  const axis = (k: 0 | 1) => [
    end[k] - ((from[k] + to[k]) / 2) * time,
    from[k],
    (to[k] - from[k]) / (2 * time),
  ]
  const pushed: PathPiece = { duration: time, x: axis(0), y: axis(1) }
  const released = slide(end, [Math.cos(after), Math.sin(after)], last, braking, last / braking)
  return [rest([pushed.x[0], pushed.y[0]], duration - time), pushed, released]
}

function turn(rng: Rng): number {
  return (rng.uniform() < 0.5 ? 1 : -1) * rng.uniform(...TURN)
}

function slide(
  start: readonly number[],
  direction: readonly number[],
  speed: number,
  braking: number,
  duration: number,
): PathPiece {
  const axis = (k: 0 | 1) => [start[k], speed * direction[k], (-braking / 2) * direction[k]]
  return { duration, x: axis(0), y: axis(1) }
}
