import { fromYaw, multiply } from '../../math/quat.js'
import {
  badPlacement,
  type CustomPlacement,
  type CustomSpot,
  checkSpot,
} from '../../tasks/customPlacement.js'
import { overlap } from './room.js'
import type { GoogleTask, Layout, Standing } from './task.js'

/**
 * The layout for a task: its first official one with source and target elsewhere.
 * @throws UserError if something is not finite, off the surface or overlapping, or the task has no such thing.
 */
export function checkGooglePlacement(task: GoogleTask, given: CustomPlacement): Layout {
  const layout = task.official(0)
  if (layout.source < 0) throw badPlacement(`${task.id} has nothing to place; use options.episodeId`)
  if (layout.target < 0 && given.target) throw badPlacement(`leave target out, ${task.id} has none`)
  const things = layout.things
    .filter(({ object }) => object === layout.source || object === layout.target)
    .map((thing) => {
      const name = thing.object === layout.source ? 'source' : 'target'
      return moved(task, name, thing, given[name])
    })
  const pair = overlap(task.objects, things)
  if (pair) throw badPlacement(`${pair[0]} and ${pair[1]} overlap; move them apart`)
  return { ...layout, things }
}

function moved(task: GoogleTask, name: string, thing: Standing, given: CustomSpot | undefined): Standing {
  const { x, y, yaw } = checkSpot(name, given)
  const { area } = task.scene
  if (x < area.x[0] || x > area.x[1] || y < area.y[0] || y > area.y[1]) {
    throw badPlacement(
      `${name} at (${x}, ${y}) is not on the ${area.name}: x in [${area.x}], y in [${area.y}]`,
    )
  }
  const [qx, qy, qz, qw] = multiply([0, 0, 0, 1], fromYaw(yaw), thing.rotation)
  return { object: thing.object, x, y, rotation: [qx, qy, qz, qw] }
}
