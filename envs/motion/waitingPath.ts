import { type Path, type PathPiece, pathPosition } from './path.js'
import { type Bounds, isInside } from './workspace.js'

/** Halvings of the time in which the moment of entry is looked for: 1 ns. */
const HALVINGS = 30

/** At rest at a place for `duration` s. */
export function rest(place: readonly number[], duration: number): PathPiece {
  return { duration, x: [place[0]], y: [place[1]] }
}

/**
 * The path, but what would be outside the bounds at first waits at their edge until the path gets there.
 * @param duration s, by when the path is inside, and from when on it does not matter
 */
export function waitOutside(path: Path, bounds: Bounds, duration: number): Path {
  const inside = (time: number) => {
    const [x, y] = pathPosition([0, 0], path, time)
    return isInside(bounds, x, y)
  }
  if (inside(0)) return path
  let [before, after] = [0, duration]
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (before + after) / 2
    if (inside(middle)) after = middle
    else before = middle
  }
  return [rest(pathPosition([0, 0], path, after), after), ...from(path, after)]
}

/** What is left of a path of pieces of degree 2 or less at `time`. */
function from(path: Path, time: number): Path {
  const left: PathPiece[] = []
  let begin = 0
  for (const piece of path) {
    const end = begin + piece.duration
    if (end > time) {
      const since = Math.max(0, time - begin)
      left.push({ duration: end - begin - since, x: shifted(piece.x, since), y: shifted(piece.y, since) })
    }
    begin = end
  }
  return left
}

function shifted([place, speed = 0, half = 0]: readonly number[], since: number): number[] {
  return [place + speed * since + half * since * since, speed + 2 * half * since, half]
}
