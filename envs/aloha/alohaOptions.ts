import { UserError } from '@vla-gym/gymnasium'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { isInside } from '../motion/workspace.js'
import { badPlacement, type CustomPlacement, type CustomSpot, checkSpot } from '../tasks/customPlacement.js'
import type { Spot } from '../tasks/task.js'
import type { AlohaTask } from './alohaTask.js'

/** UserError for an option that the WidowX' environments have and this one does not. */
export function checkAlohaOptions(options: ManipulationEnvOptions): void {
  const { start, drive, distractors, successSteps, liftHeight, motion } = options
  const refuse = (option: string): never => {
    throw new UserError(`${option}: ALOHA's tasks do not have it; leave the option out`)
  }
  if (start === 'drop') refuse("start: 'drop'")
  if (drive === 'articulated') refuse("drive: 'articulated'")
  if (distractors) refuse('distractors')
  if (successSteps) refuse('successSteps')
  if (liftHeight) refuse('liftHeight')
  if (motion?.speed) refuse('motion.speed')
}

/** A layout of the caller's own. UserError where it leaves the workspace, or things overlap. */
export function checkAlohaPlacement(task: AlohaTask, given: CustomPlacement, drawn: readonly Spot[]): Spot[] {
  const spots = [checkedSpot(task, 0, given.source)]
  if (task.objects.length === 1 && given.target) {
    throw badPlacement(`leave target out, ${task.id} has only the ${task.objects[0].name}`)
  }
  if (task.objects.length > 1) spots.push(given.target ? checkedSpot(task, 1, given.target) : drawn[1])
  if (spots.length > 1) {
    const [a, b] = spots
    const gap = Math.hypot(a.x - b.x, a.y - b.y) - task.objects[0].footprint - task.objects[1].footprint
    if (gap < 0)
      throw badPlacement(`${task.objects[0].name} and ${task.objects[1].name} overlap; move them apart`)
  }
  return spots
}

function checkedSpot(task: AlohaTask, index: number, given: CustomSpot): Spot {
  const { name } = task.objects[index]
  const spot = checkSpot(name, given)
  const { x, y } = spot
  if (!isInside(task.bounds, x, y)) {
    throw badPlacement(
      `${name} at (${x}, ${y}) is outside x in [${task.bounds.x}], y in [${task.bounds.y}]; move it there`,
    )
  }
  return spot
}
