import { denoisingGrid, type VelocityField } from './sampler.js'

/** One Euler step x - delta v, in double precision and rounded once. */
export const odeStep = (x: number, v: number, delta: number): number => x - delta * v

/** Deterministic sampling: `steps` Euler steps from noise [batch * H * K] to the action chunk. */
export async function sampleOde(
  velocity: VelocityField,
  noise: Float32Array,
  steps: number,
): Promise<Float32Array> {
  const { t } = denoisingGrid(steps)
  let x = noise
  for (let i = 0; i < steps; i++) {
    const v = await velocity(x, t[i])
    x = x.map((value, k) => odeStep(value, v[k], 1 / steps))
  }
  return x
}
