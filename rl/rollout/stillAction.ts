import type { EmbodimentDescription } from '../../envs/index.js'

/**
 * Action of a robot that keeps still: the present value for channels that say where to be, which the state has under the
 * same name, and for a gripper whose state holds its last command; no change for all others.
 * @param state observed, [stateDim]
 */
export function stillAction(
  { actionNames, stateNames }: EmbodimentDescription,
  state: ArrayLike<number>,
): Float32Array {
  return Float32Array.from(actionNames, (name) => {
    const measured = stateNames.indexOf(name === 'gripper' ? 'lastGripper' : name)
    return measured >= 0 ? state[measured] : 0
  })
}
