import { type Path, pathDuration, pathPosition } from './path.js'

/** Ranges of x and y, world frame, m. */
export interface Bounds {
  readonly x: readonly [min: number, max: number]
  readonly y: readonly [min: number, max: number]
}

/** A thing seen from above: a box about its place, turned by `yaw`. */
export interface Footprint {
  readonly x: number
  readonly y: number
  readonly yaw: number
  /** Half extents along its own axes, m. */
  readonly half: readonly [x: number, y: number]
}

/** How far the centre of what moves may get outside before the episode has failed, m (DOMINO _base_task.py). */
export const BOUNDS_MARGIN = 0.02

const SAMPLES = 50

export function isInside({ x, y }: Bounds, px: number, py: number, margin = 0): boolean {
  return px >= x[0] - margin && px <= x[1] + margin && py >= y[0] - margin && py <= y[1] + margin
}

/** Whether the path stays inside up to `duration`, its end if not given. */
export function staysInside(path: Path, bounds: Bounds, duration = pathDuration(path)): boolean {
  return everySample(path, duration, (x, y) => isInside(bounds, x, y))
}

/**
 * DOMINO's visibility rule (envs/utils/trajectory_generator.py): the path may not pass the two outer edges of the
 * quadrant of the bounds that its end lies in.
 */
export function keepsToQuadrant(path: Path, bounds: Bounds): boolean {
  const duration = pathDuration(path)
  const [endX, endY] = pathPosition([0, 0], path, duration)
  const right = endX >= (bounds.x[0] + bounds.x[1]) / 2
  const far = endY >= (bounds.y[0] + bounds.y[1]) / 2
  return everySample(
    path,
    duration,
    (x, y) => (right ? x <= bounds.x[1] : x >= bounds.x[0]) && (far ? y <= bounds.y[1] : y >= bounds.y[0]),
  )
}

/**
 * What a thing would meet on the path, and on its way out of the bounds after it. It keeps its yaw.
 * @param gap that has to be left, m
 */
export function thingsInTheWay<T extends Footprint>(
  path: Path,
  bounds: Bounds,
  mover: Pick<Footprint, 'yaw' | 'half'>,
  things: readonly T[],
  gap: number,
): T[] {
  const duration = pathDuration(path)
  const met = new Set<T>()
  const axes = things.map((thing) => separatingAxes(mover, thing, gap))
  const place = [0, 0]
  for (let i = 0; i <= 4 * SAMPLES; i++) {
    pathPosition(place, path, (i * duration) / SAMPLES)
    if (i > SAMPLES && !isInside(bounds, place[0], place[1], BOUNDS_MARGIN)) break
    for (const [k, thing] of things.entries()) {
      const [dx, dy] = [place[0] - thing.x, place[1] - thing.y]
      if (axes[k].every(({ x, y, reach }) => Math.abs(x * dx + y * dy) < reach)) met.add(thing)
    }
  }
  return [...met]
}

/** Directions of both boxes' sides, and the distances along them from which on the boxes are apart. */
function separatingAxes(a: Pick<Footprint, 'yaw' | 'half'>, b: Footprint, gap: number) {
  return [a.yaw, a.yaw + Math.PI / 2, b.yaw, b.yaw + Math.PI / 2].map((yaw) => ({
    x: Math.cos(yaw),
    y: Math.sin(yaw),
    reach: halfAlong(a, yaw) + halfAlong(b, yaw) + gap,
  }))
}

function halfAlong({ yaw, half }: Pick<Footprint, 'yaw' | 'half'>, direction: number): number {
  const turn = direction - yaw
  return half[0] * Math.abs(Math.cos(turn)) + half[1] * Math.abs(Math.sin(turn))
}

function everySample(path: Path, duration: number, test: (x: number, y: number) => boolean): boolean {
  const place = [0, 0]
  for (let i = 0; i <= SAMPLES; i++) {
    pathPosition(place, path, (i * duration) / SAMPLES)
    if (!test(place[0], place[1])) return false
  }
  return true
}
