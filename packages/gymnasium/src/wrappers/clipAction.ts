import type { Env } from '../env.js'
import { UserError } from '../errors.js'
import { Box } from '../spaces/box.js'
import { TransformAction } from './transformAction.js'

/** Clips actions to the bounds of the environment's Box, and takes any action of its shape. */
export class ClipAction<Obs, Info extends object> extends TransformAction<Obs, Float32Array, Info> {
  constructor(env: Env<Obs, Float32Array, Info>) {
    const space = float32Box(env.actionSpace, 'ClipAction')
    const clip = (action: Float32Array) =>
      action.map((v, i) => Math.min(space.high[i], Math.max(space.low[i], v)))
    super(env, clip, new Box(-Infinity, Infinity, space.shape))
  }
}

/** The action space as a float32 Box; UserError where it is another space. */
export function float32Box(space: unknown, wrapper: string): Box {
  if (space instanceof Box && space.dtype === 'float32') return space as Box
  throw new UserError(`${wrapper} needs a float32 Box action space, not ${space}`)
}
