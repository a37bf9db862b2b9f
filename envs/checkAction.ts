import { UserError } from '@vla-gym/gymnasium'
import type { EmbodimentDescription } from './embodiments.js'

/** UserError for an action of the wrong length or with numbers that are not finite. */
export function checkAction(
  action: ArrayLike<number>,
  { actionDim, actionNames }: EmbodimentDescription,
): void {
  if (action.length !== actionDim) {
    throw new UserError(`step: an action has ${actionDim} numbers, got ${action.length}`)
  }
  for (let i = 0; i < actionDim; i++) {
    if (!Number.isFinite(action[i])) {
      throw new UserError(`step: action[${i}] (${actionNames[i]}) is ${action[i]}; it must be finite`)
    }
  }
}
