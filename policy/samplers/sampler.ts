import { UserError } from '@vla-gym/gymnasium'

/**
 * Time of the flow as in openpi and Qwen-VLA: t = 1 is noise, t = 0 the action, x_t = (1 - t) a + t noise,
 * velocity v = noise - action; sampling goes from 1 to 0.
 */
export interface DenoisingGrid {
  /** steps + 1 times, 1 .. 0. */
  readonly t: Float64Array
}

/** Velocity at x [batch * H * K], the same time for every row. */
export type VelocityField = (x: Float32Array, t: number) => Promise<Float32Array>

/** Even grid t_i = 1 - i / steps. */
export function denoisingGrid(steps: number): DenoisingGrid {
  if (!Number.isInteger(steps) || steps < 1)
    throw new UserError(`denoising steps must be at least 1, got ${steps}`)
  return { t: Float64Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps) }
}
