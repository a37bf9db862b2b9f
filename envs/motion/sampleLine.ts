import type { Rng } from '@vla-gym/gymnasium'
import type { Path, PathPiece } from './path.js'
import type { MotionLevel } from './samplePath.js'
import { waitOutside } from './waitingPath.js'
import { type Bounds, staysInside } from './workspace.js'

export interface LineRequest {
  readonly level: MotionLevel
  /** m/s. */
  readonly speed: readonly [min: number, max: number]
  /** s, from the start to the place of interception. */
  readonly duration: number
  readonly end: readonly [x: number, y: number]
  /** Draws a direction, rad about z. */
  heading(rng: Rng): number
  readonly bounds: Bounds
  accepts?(path: Path): boolean
}

const ATTEMPTS = 1000

/**
 * What a push or a belt can do: a straight line that is at `end` after `duration`, and waits at the edge of the bounds
 * until it is time to move. Level 1: constant speed; level 2: it changes steadily; level 3: two or three speeds with
 * abrupt changes. Speeds are drawn first, so that fast lines are no rarer than slow ones; undefined if 1,000 directions
 * have not done.
 */
export function sampleLine(rng: Rng, request: LineRequest): Path | undefined {
  const { level, speed, duration, bounds, end, accepts } = request
  const speeds = Array.from({ length: level === 3 ? rng.integers(2, 4) : level }, () => rng.uniform(...speed))
  const shares = level === 3 ? timeShares(rng, speeds.length) : [1]
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const angle = request.heading(rng)
    const direction = [Math.cos(angle), Math.sin(angle)]
    const line =
      level < 3
        ? [piece(end, direction, speeds[0], speeds.at(-1)!, duration)]
        : pieces(end, direction, speeds, shares, duration)
    const path = waitOutside(line, bounds, duration)
    if (staysInside(path, bounds) && (accepts?.(path) ?? true)) return path
  }
  return undefined
}

/** Shares of a time, uniform over all that sum to 1. */
function timeShares(rng: Rng, count: number): number[] {
  const drawn = Array.from({ length: count }, () => -Math.log(1 - rng.uniform()))
  const sum = drawn.reduce((total, share) => total + share, 0)
  return drawn.map((share) => share / sum)
}

/** One after the other at constant speeds. */
function pieces(
  end: readonly [number, number],
  direction: readonly number[],
  speeds: readonly number[],
  shares: readonly number[],
  duration: number,
): Path {
  const path: PathPiece[] = []
  let to = end
  for (let i = speeds.length - 1; i >= 0; i--) {
    const part = piece(to, direction, speeds[i], speeds[i], duration * shares[i])
    path.unshift(part)
    to = [part.x[0], part.y[0]]
  }
  return path
}

/** Ends at `end`; the speed changes steadily from `first` to `last`. */
function piece(
  end: readonly [number, number],
  direction: readonly number[],
  first: number,
  last: number,
  duration: number,
): PathPiece {
  const way = ((first + last) / 2) * duration
  const axis = (k: 0 | 1) => [
    end[k] - way * direction[k],
    first * direction[k],
    ((last - first) / (2 * duration)) * direction[k],
  ]
  return { duration, x: axis(0), y: axis(1) }
}
