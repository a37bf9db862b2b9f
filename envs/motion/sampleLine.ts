import type { Rng } from '@vla-gym/gymnasium'
import type { Path, PathPiece } from './path.js'
import type { MotionLevel } from './samplePath.js'
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
 * What a push or a belt can do: a straight line that is at `end` after `duration`. Level 1: constant speed; level 2:
 * it changes steadily; level 3: two or three speeds with abrupt changes. Undefined after 1,000 attempts.
 */
export function sampleLine(rng: Rng, request: LineRequest): Path | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = draw(rng, request)
    if (staysInside(path, request.bounds) && (request.accepts?.(path) ?? true)) return path
  }
  return undefined
}

function draw(rng: Rng, { level, speed, duration, end, heading }: LineRequest): Path {
  const angle = heading(rng)
  const direction = [Math.cos(angle), Math.sin(angle)]
  const speeds = Array.from({ length: level === 3 ? rng.integers(2, 4) : level }, () => rng.uniform(...speed))
  if (level < 3) return [piece(end, direction, speeds[0], speeds.at(-1)!, duration)]
  const shares = speeds.map(() => -Math.log(1 - rng.uniform()))
  const sum = shares.reduce((total, share) => total + share, 0)
  const path: PathPiece[] = []
  let to = end
  for (let i = speeds.length - 1; i >= 0; i--) {
    const part = piece(to, direction, speeds[i], speeds[i], (duration * shares[i]) / sum)
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
