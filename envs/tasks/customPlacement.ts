import { UserError } from '@vla-gym/gymnasium'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import { areaAt, type SceneSpec } from '../scenes/scene.js'
import { footing, halfExtents, overlaps } from './overlap.js'
import type { Placement, PutOnTask, Spot } from './task.js'

/** World x, y in m and yaw in rad (default 0). */
export interface CustomSpot {
  readonly x: number
  readonly y: number
  readonly yaw?: number
}

/** A layout of the caller's own; the target may only be left out where it is part of the furniture. */
export interface CustomPlacement {
  readonly source: CustomSpot
  readonly target?: CustomSpot
}

/** How far from its base the arm reaches things on the table with the gripper pointing down, m. */
export const REACH = 0.46

/** The layout for a task. UserError if something is not finite, off the scene, out of reach or overlapping. */
export function checkPlacement(task: PutOnTask, given: CustomPlacement): Placement {
  const { scene } = task
  const source = checkSpot('source', given.source)
  if (task.target.fixed) {
    if (given.target)
      throw badPlacement(`leave target out, the ${task.target.name} of ${task.id} has its place`)
    const { target } = task.official(0)
    checkInside(scene, 'source', task.source, source)
    return { source, target }
  }
  const target = checkSpot('target', given.target)
  checkInside(scene, 'source', task.source, source)
  checkInside(scene, 'target', task.target, target)
  if (overlap(source, task.source, target, task.target)) {
    throw badPlacement(`${task.source.name} and ${task.target.name} overlap; move them apart`)
  }
  return { source, target }
}

/** What a layout of the caller's own that will not do is answered with. */
export function badPlacement(problem: string): UserError {
  return new UserError(`reset: options.placement: ${problem}`)
}

/** A spot that is there and finite. */
export function checkSpot(name: string, spot: CustomSpot | undefined): Spot {
  const { x, y, yaw = 0 } = spot ?? ({} as Partial<CustomSpot>)
  if (!Number.isFinite(x) || !Number.isFinite(y) || !Number.isFinite(yaw)) {
    throw badPlacement(`${name} must be { x, y, yaw } in finite numbers, got { ${x}, ${y}, ${yaw} }`)
  }
  return { x: x!, y: y!, yaw }
}

function checkInside(scene: SceneSpec, name: string, object: ObjectSpec, spot: Spot): void {
  const area = areaAt(scene, spot.x, spot.y)
  const [halfX, halfY] = halfExtents(footing(object, spot))
  const fits =
    area &&
    spot.x - halfX >= area.x[0] &&
    spot.x + halfX <= area.x[1] &&
    spot.y - halfY >= area.y[0] &&
    spot.y + halfY <= area.y[1]
  if (!fits) {
    const areas = scene.areas.map((a) => `${a.name}: x in [${a.x}], y in [${a.y}]`).join('; ')
    throw badPlacement(
      `${object.name} (${name}) at (${spot.x}, ${spot.y}) is not wholly inside an area (${areas})`,
    )
  }
  const [baseX, baseY] = scene.mount.basePosition
  const distance = Math.hypot(spot.x - baseX, spot.y - baseY)
  if (distance > REACH) {
    throw badPlacement(
      `${object.name} (${name}) is ${distance.toFixed(2)} m from the robot, which reaches ${REACH} m`,
    )
  }
}

/** Whether objects may overlap, seen from above: their footprints do, and so do their boxes. */
function overlap(a: Spot, objectA: ObjectSpec, b: Spot, objectB: ObjectSpec): boolean {
  if (Math.hypot(b.x - a.x, b.y - a.y) >= objectA.footprint + objectB.footprint) return false
  return overlaps(footing(objectA, a), footing(objectB, b))
}
