import type { Rng } from '@vla-gym/gymnasium'
import { interpolate, type Path, type PathPiece, pathLength, pathVelocity } from './path.js'
import { type Bounds, keepsToQuadrant, staysInside } from './workspace.js'

/** 1: constant velocity; 2: one polynomial; 3: two or three pieces with abrupt turns between them. */
export type MotionLevel = 1 | 2 | 3
export const motionLevels: readonly MotionLevel[] = [1, 2, 3]

type Point = readonly [x: number, y: number]

export interface PathRequest {
  readonly level: MotionLevel
  /** Largest mean speed, m/s. */
  readonly alpha: number
  /** s, from the start to the place of interception. */
  readonly duration: number
  /** Where it is intercepted. */
  readonly end: Point
  readonly bounds: Bounds
  /** Further conditions. */
  accepts?(path: Path): boolean
}

const MIN_SPEED = 0.01
const ATTEMPTS = 1000
/** Fastest moment of a path, as a multiple of alpha: polynomials overshoot at their ends. */
const PEAK = 2

/**
 * Draws a path that is at `end` after `duration`, or undefined after 1,000 attempts. Speeds, control points, pieces
 * and conditions follow DOMINO (envs/utils/trajectory_generator.py), whose paths take many seconds and a table of
 * 70 x 40 cm; ours are shorter, so starts and intermediate targets are drawn from the part of the bounds that is
 * within reach at speed alpha, the noise of control points is at most 0.35 of that reach (and 10 or 8 cm, as there),
 * and no path is faster than 2 alpha anywhere.
 */
export function samplePath(rng: Rng, request: PathRequest): Path | undefined {
  const { level, alpha, duration, bounds, accepts } = request
  const draw = { 1: straight, 2: curved, 3: abrupt }[level]
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = draw(rng, request)
    if (peakSpeed(path) > PEAK * alpha) continue
    if (!staysInside(path, bounds) || !keepsToQuadrant(path, bounds)) continue
    if (pathLength(path) > alpha * duration * (1 + 1e-9)) continue
    if (accepts?.(path) ?? true) return path
  }
  return undefined
}

/** Constant velocity; speed |N(0.8 alpha, alpha / 3)| within [0.01, alpha] m/s. */
function straight(rng: Rng, { alpha, duration, end }: PathRequest): Path {
  const drawn = Math.abs(0.8 * alpha + (alpha / 3) * rng.normal())
  const speed = Math.min(alpha, Math.max(MIN_SPEED, drawn))
  const heading = rng.uniform(0, 2 * Math.PI)
  const [vx, vy] = [speed * Math.cos(heading), speed * Math.sin(heading)]
  return [{ duration, x: [end[0] - vx * duration, vx], y: [end[1] - vy * duration, vy] }]
}

function curved(rng: Rng, request: PathRequest): Path {
  const { duration, end } = request
  const start = reachable(rng, request)
  return [polynomial(rng, request, start, end, duration, rng.integers(3, 6), 0.1)]
}

function abrupt(rng: Rng, request: PathRequest): Path {
  const shares = Array.from({ length: rng.integers(2, 4) }, () => -Math.log(1 - rng.uniform()))
  const sum = shares.reduce((total, share) => total + share, 0)
  const path: PathPiece[] = []
  let from = reachable(rng, request)
  for (const [i, share] of shares.entries()) {
    const to = i === shares.length - 1 ? request.end : reachable(rng, request)
    const duration = (request.duration * share) / sum
    const constant = rng.uniform() < 0.2
    path.push(
      constant
        ? interpolate([from, to], duration)
        : polynomial(rng, request, from, to, duration, rng.integers(3, 5), 0.08),
    )
    from = to
  }
  return path
}

/** Through `count` points: the ends, and between them points of the straight line with noise, inside the bounds. */
function polynomial(
  rng: Rng,
  request: PathRequest,
  from: Point,
  to: Point,
  duration: number,
  count: number,
  noise: number,
): PathPiece {
  const { alpha, bounds } = request
  const most = Math.min(noise, 0.35 * alpha * request.duration)
  const points = Array.from({ length: count }, (_, i): Point => {
    const share = i / (count - 1)
    if (share === 0) return from
    if (share === 1) return to
    return [
      clip(from[0] + share * (to[0] - from[0]) + rng.uniform(-most, most), bounds.x),
      clip(from[1] + share * (to[1] - from[1]) + rng.uniform(-most, most), bounds.y),
    ]
  })
  return interpolate(points, duration)
}

/** Uniform in the bounds, not further from the end along either axis than alpha goes. */
function reachable(rng: Rng, { alpha, duration, end, bounds }: PathRequest): Point {
  const way = alpha * duration
  const draw = (k: 0 | 1, range: readonly [number, number]) =>
    rng.uniform(clip(end[k] - way, range), clip(end[k] + way, range))
  return [draw(0, bounds.x), draw(1, bounds.y)]
}

/** Every piece is sampled: a short one may be fast. */
function peakSpeed(path: Path): number {
  const velocity = [0, 0]
  let peak = 0
  for (const piece of path) {
    for (let i = 0; i <= 12; i++) {
      pathVelocity(velocity, [piece], (i * piece.duration) / 12)
      peak = Math.max(peak, Math.hypot(velocity[0], velocity[1]))
    }
  }
  return peak
}

function clip(value: number, [min, max]: readonly [number, number]): number {
  return Math.min(max, Math.max(min, value))
}
