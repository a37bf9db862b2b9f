import type { NumbersOut } from '../math/vec3.js'

/** Polynomials of the time since the piece began: coefficients by power, m and s. */
export interface PathPiece {
  readonly duration: number
  readonly x: readonly number[]
  readonly y: readonly number[]
}

/** A planar path of pieces one after the other; beyond its end it goes on straight with its end velocity. */
export type Path = readonly PathPiece[]

/** s. */
export function pathDuration(path: Path): number {
  let duration = 0
  for (const piece of path) duration += piece.duration
  return duration
}

/** Place at `time`, [2], m; before 0 that of 0. */
export function pathPosition<T extends NumbersOut>(out: T, path: Path, time: number): T {
  const { piece, since, beyond } = at(path, time)
  out[0] = value(piece.x, since) + beyond * slope(piece.x, since)
  out[1] = value(piece.y, since) + beyond * slope(piece.y, since)
  return out
}

/** Velocity at `time`, [2], m/s; where two pieces meet that of the later one. */
export function pathVelocity<T extends NumbersOut>(out: T, path: Path, time: number): T {
  const { piece, since } = at(path, time)
  out[0] = slope(piece.x, since)
  out[1] = slope(piece.y, since)
  return out
}

/** Length up to the end, m, as a polygon of `samples` sides. */
export function pathLength(path: Path, samples = 50): number {
  const duration = pathDuration(path)
  const before = pathPosition([0, 0], path, 0)
  const here = [0, 0]
  let length = 0
  for (let i = 1; i <= samples; i++) {
    pathPosition(here, path, (i * duration) / samples)
    length += Math.hypot(here[0] - before[0], here[1] - before[1])
    before[0] = here[0]
    before[1] = here[1]
  }
  return length
}

/** Polynomials of degree points - 1 through points at equal distances in time. */
export function interpolate(
  points: readonly (readonly [x: number, y: number])[],
  duration: number,
): PathPiece {
  const axis = (k: 0 | 1) => {
    const coefficients = newton(points.map((point) => point[k]))
    return coefficients.map((c, power) => c * ((points.length - 1) / duration) ** power)
  }
  return { duration, x: axis(0), y: axis(1) }
}

/** Coefficients by power of the polynomial with the given values at 0, 1, 2, ... */
function newton(values: readonly number[]): number[] {
  const n = values.length
  const divided = [...values]
  for (let order = 1; order < n; order++) {
    for (let i = n - 1; i >= order; i--) divided[i] = (divided[i] - divided[i - 1]) / order
  }
  let result = [divided[n - 1]]
  for (let i = n - 2; i >= 0; i--) {
    const next = [0, ...result]
    for (let k = 0; k < result.length; k++) next[k] -= i * result[k]
    next[0] += divided[i]
    result = next
  }
  return result
}

function at(path: Path, time: number): { piece: PathPiece; since: number; beyond: number } {
  let since = Math.max(0, time)
  for (let i = 0; i < path.length - 1; i++) {
    if (since < path[i].duration) return { piece: path[i], since, beyond: 0 }
    since -= path[i].duration
  }
  const piece = path[path.length - 1]
  const beyond = Math.max(0, since - piece.duration)
  return { piece, since: beyond > 0 ? piece.duration : since, beyond }
}

function value(coefficients: readonly number[], t: number): number {
  let sum = 0
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * t + coefficients[i]
  return sum
}

function slope(coefficients: readonly number[], t: number): number {
  let sum = 0
  for (let i = coefficients.length - 1; i >= 1; i--) sum = sum * t + i * coefficients[i]
  return sum
}
