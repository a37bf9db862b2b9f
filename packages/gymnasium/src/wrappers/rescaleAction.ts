import type { Env } from '../env.js'
import { UserError } from '../errors.js'
import { Box } from '../spaces/box.js'
import { float32Box } from './clipAction.js'
import { TransformAction } from './transformAction.js'

type Bound = number | ArrayLike<number>

/** Takes actions in [minAction, maxAction] and maps them linearly onto the environment's bounds, clipping. */
export class RescaleAction<Obs, Info extends object> extends TransformAction<Obs, Float32Array, Info> {
  constructor(env: Env<Obs, Float32Array, Info>, minAction: Bound, maxAction: Bound) {
    const inner = float32Box(env.actionSpace, 'RescaleAction')
    if (!inner.isBounded()) throw new UserError(`RescaleAction needs finite bounds, not ${inner}`)
    const outer = new Box(minAction, maxAction, inner.shape)
    if (!outer.low.every((low, i) => low < outer.high[i] && Number.isFinite(outer.high[i] - low))) {
      throw new UserError(`RescaleAction needs finite minAction < maxAction, not ${outer}`)
    }
    const rescale = (action: Float32Array) =>
      action.map((v, i) => {
        const fraction = (v - outer.low[i]) / (outer.high[i] - outer.low[i])
        const value = inner.low[i] + (inner.high[i] - inner.low[i]) * fraction
        return Math.min(inner.high[i], Math.max(inner.low[i], value))
      })
    super(env, rescale, outer)
  }
}
